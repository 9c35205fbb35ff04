// What a record's key costs and brings: 500 sensors in 20 regions, 20 partitions (docs/kafka-keys.md).
//
//   bench-keys [READINGS [ROUNDS]]     100,000 3
//
// Records go into a topic by the bridge's key `sensor`, by its key `region`, and to a partition that the
// producer computes: a hash of the sensor mod 20, the region's number mod 20. Rates are medians of the
// rounds, each of which has all ways; ratios are to the first way of the same round. Kafka (scripts/kafka),
// producer and consumers share this machine's cores: a consumer that only reads shows their limit, one that
// waits 20 us a record (as for a database) shows what the partitions allow.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "common/identity.h"
#include "tests/bench/keyed_fleet.h"
#include "tests/bench/keyed_topic.h"
#include "tests/bench/process_figures.h"
#include "tests/bench/worker_pool.h"
#include "tests/support/kafka.h"

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;

constexpr int kPartitions = 20;
constexpr std::array kConsumers{1, 2, 4};

enum class Place : std::uint8_t { by_key, sensor_hash, region_number };
struct Way {
  const char* name;
  KafkaKey key;
  Place place;
};
constexpr std::array kWays{Way{"key sensor", KafkaKey::sensor, Place::by_key},
                           Way{"key region", KafkaKey::region, Place::by_key},
                           Way{"hash of sensor mod 20", KafkaKey::sensor, Place::sensor_hash},
                           Way{"region number mod 20", KafkaKey::region, Place::region_number}};

std::vector<int> places_of(const Way& way, const KeyedFleet& fleet, std::span<const ForwardRecord> records) {
  std::vector<int> places;
  if (way.place == Place::by_key) return places;
  places.reserve(records.size());
  for (const ForwardRecord& record : records) {
    const auto hash = static_cast<int>(hash_text(record.key).low % kPartitions);
    const int number = fleet.region_of(sensor_at(record.offset)) % kPartitions;
    places.push_back(way.place == Place::sensor_hash ? hash : number);
  }
  return places;
}

/// Records that one consumer got after a later one.
class Behind {
 public:
  explicit Behind(std::size_t groups) : newest_(groups) {}
  void add(int group, std::uint64_t offset) {
    std::uint64_t& newest = newest_.at(static_cast<std::size_t>(group));
    if (offset < newest) ++count_;
    farthest_ = std::max(farthest_, newest - std::min(newest, offset));
    newest = std::max(newest, offset);
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  /// By how many records of the archive, at most.
  [[nodiscard]] std::uint64_t farthest() const { return farthest_; }

 private:
  std::vector<std::uint64_t> newest_;
  std::size_t count_ = 0;
  std::uint64_t farthest_ = 0;
};

std::string percent(double part, double whole) { return fmt::format("{:.1f} %", 100 * part / whole); }

/// One consumer reads all of it: how full the partitions are, and in which order it comes.
void look(const KeyedTopic& topic, const Way& way, const KeyedFleet& fleet, int readings) {
  std::array<double, kPartitions> in{};
  std::vector<std::set<int>> partitions_of(kRegions);
  Behind sensors(kSensors), regions(kRegions), all(1);
  (void)topic.consume(1, [&](int, const KeyedRecord& record) {
    const int sensor = sensor_at(record.offset), region = fleet.region_of(sensor);
    ++in.at(static_cast<std::size_t>(record.partition));
    partitions_of.at(static_cast<std::size_t>(region)).insert(record.partition);
    sensors.add(sensor, record.offset);
    regions.add(region, record.offset);
    all.add(0, record.offset);
  });
  const double n = readings, mean = n / kPartitions, fullest = std::ranges::max(in);
  double spread = 0;
  for (const auto& partitions : partitions_of) spread += static_cast<double>(partitions.size()) / kRegions;
  fmt::print(
      "  {:<22} fullest {:.2f} of the mean, emptiest {:.2f}, {} empty; at most {:.1f} consumers' work; a "
      "region in {:.1f} partitions\n"
      "  {:<22} behind a later one of the sensor {}, of the region {}, of any {}, by up to {} of the topic\n",
      way.name, fullest / mean, std::ranges::min(in) / mean, std::ranges::count(in, 0), n / fullest, spread,
      "", percent(static_cast<double>(sensors.count()), n), percent(static_cast<double>(regions.count()), n),
      percent(static_cast<double>(all.count()), n), percent(static_cast<double>(all.farthest()), n));
}

/// Seconds, of every round.
struct Times {
  std::vector<double> produce;
  std::array<std::vector<double>, kConsumers.size()> read, wait;
};

double consume(const KeyedTopic& topic, int consumers, std::chrono::microseconds each) {
  constexpr int kBetweenWaits = 50;
  std::vector<int> since(static_cast<std::size_t>(consumers));
  return topic.consume(consumers, [&](int consumer, const KeyedRecord&) {
    int& count = since.at(static_cast<std::size_t>(consumer));
    if (each == 0us || ++count < kBetweenWaits) return;
    count = 0;
    std::this_thread::sleep_for(kBetweenWaits * each);
  });
}

void run_round(const std::string& brokers, const std::string& name, const KeyedFleet& fleet, const Way& way,
               int readings, Times& times) {
  const auto records = fleet.records(way.key, 0, readings);
  KeyedTopic topic(brokers, name, kPartitions);
  times.produce.push_back(topic.produce(records.list, places_of(way, fleet, records.list)));
  if (times.produce.size() == 1) look(topic, way, fleet, readings);
  for (std::size_t i = 0; i < kConsumers.size(); ++i) {
    times.read.at(i).push_back(consume(topic, kConsumers.at(i), 0us));
    times.wait.at(i).push_back(consume(topic, kConsumers.at(i), 20us));
  }
}

void print_rates(const Way& way, const Times& times, const Times& first, double n) {
  std::vector<double> ratios;
  ratios.reserve(times.produce.size());
  for (std::size_t i = 0; i < times.produce.size(); ++i)
    ratios.push_back(first.produce[i] / times.produce[i]);
  fmt::print("  {:<22} written {:.0f}/s, ratio {:.2f}; read by", way.name, n / median(times.produce),
             median(ratios));
  for (std::size_t i = 0; i < kConsumers.size(); ++i)
    fmt::print(" {}: {:.0f}/s", kConsumers.at(i), n / median(times.read.at(i)));
  fmt::print("; waiting");
  for (std::size_t i = 0; i < kConsumers.size(); ++i)
    fmt::print(" {}: {:.0f}/s", kConsumers.at(i), n / median(times.wait.at(i)));
  fmt::print("\n");
}

void try_fleet(const std::string& brokers, const KeyedFleet& fleet, int readings, int rounds) {
  fmt::print("\n{}:\n", fleet.one_is_half ? "one region has half of the sensors" : "25 sensors a region");
  std::array<Times, kWays.size()> times;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t way = 0; way < kWays.size(); ++way)
      run_round(brokers, fmt::format("keys-{}-{}-{}", fleet.one_is_half, round, way), fleet, kWays.at(way),
                readings, times.at(way));
  }
  for (std::size_t way = 0; way < kWays.size(); ++way)
    print_rates(kWays.at(way), times.at(way), times.at(0), readings);
}

/// The names decide which keys share a partition: the same fleet under other names.
void try_names(KafkaKey key, const char* name) {
  constexpr int kNetworks = 1000;
  const KeyedFleet fleet;
  std::vector<double> fullest, empty;
  for (int network = 0; network < kNetworks; ++network) {
    std::array<double, kPartitions> in{};
    for (int sensor = 0; sensor < kSensors; ++sensor) {
      const auto text = fleet.key_of(key, sensor, fmt::format("network-{}", network));
      ++in.at(static_cast<std::size_t>(murmur2_partition(text, kPartitions)));
    }
    fullest.push_back(std::ranges::max(in) * kPartitions / kSensors);
    empty.push_back(static_cast<double>(std::ranges::count(in, 0)));
  }
  std::ranges::sort(fullest);
  fmt::print(
      "  {:<22} fullest {:.2f} of the mean in the middle one, {:.2f} in the 950th, {:.2f} at worst; {} "
      "empty in the middle one\n",
      name, median(fullest), fullest[950], fullest.back(), median(empty));
}

/// Partitions are added in the middle of what the sensors say.
void try_growth(const std::string& brokers, const Way& way, int more) {
  constexpr int kHalf = 10'000;
  const KeyedFleet fleet;
  KeyedTopic topic(brokers, fmt::format("keys-growth-{}-{}", static_cast<int>(way.key), more), kPartitions);
  topic.produce(fleet.records(way.key, 0, kHalf).list);
  topic.add_partitions(more);
  topic.produce(fleet.records(way.key, kHalf, kHalf).list);
  std::map<std::string, std::set<int>> partitions_of;
  std::map<std::string, std::uint64_t> newest;
  std::set<std::string> broken;
  (void)topic.consume(1, [&](int, const KeyedRecord& record) {
    const auto key = fleet.key_of(way.key, sensor_at(record.offset), "wildfire");
    partitions_of[key].insert(record.partition);
    if (record.offset < newest[key]) broken.insert(key);
    newest[key] = std::max(newest[key], record.offset);
  });
  const auto moved =
      std::ranges::count_if(partitions_of, [](const auto& of) { return of.second.size() > 1; });
  fmt::print("  {:<22} {} to {}: {} of {} keys have moved; of {} one consumer got a later record first\n",
             way.name, kPartitions, more, moved, partitions_of.size(), broken.size());
}

void try_pool(const KeyedTopic& topic, int readings, int threads, WorkerPool::Deal deal) {
  WorkerPool pool(threads, deal);
  const auto begin = std::chrono::steady_clock::now();
  (void)topic.consume(1, [&](int, const KeyedRecord& record) { pool.take(record); });
  pool.finish();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const auto& figures = pool.figures();
  fmt::print("  {} {:<12} {:.0f}/s; out of order {}; unfinished at most {}, finished behind one {}\n",
             threads, deal == WorkerPool::Deal::by_sensor ? "by sensor" : "next free",
             readings / took.count(), figures.out_of_order, figures.unfinished, figures.repeated);
}

void try_pools(const std::string& brokers) {
  constexpr int kReadings = 20'000;
  const KeyedFleet fleet;
  KeyedTopic topic(brokers, "keys-pool", kPartitions);
  topic.produce(fleet.records(KafkaKey::sensor, 0, kReadings).list);
  fmt::print("\nthreads behind one consumer, {} records by key sensor:\n", kReadings);
  try_pool(topic, kReadings, 1, WorkerPool::Deal::by_sensor);
  try_pool(topic, kReadings, 4, WorkerPool::Deal::next_free);
  try_pool(topic, kReadings, 4, WorkerPool::Deal::by_sensor);
}

int main(int readings, int rounds) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  const test::Kafka kafka;
  const std::string brokers = kafka.brokers();
  Times warm_up;
  fmt::print("warm-up:\n");
  run_round(brokers, "keys-warm-up", {}, kWays[0], readings, warm_up);
  for (const bool one_is_half : {false, true}) try_fleet(brokers, {one_is_half}, readings, rounds);
  fmt::print("\n1000 networks of that fleet, computed:\n");
  try_names(KafkaKey::sensor, "key sensor");
  try_names(KafkaKey::region, "key region");
  fmt::print("\npartitions added later:\n");
  for (const int more : {24, 40}) {
    try_growth(brokers, kWays[0], more);
    try_growth(brokers, kWays[1], more);
  }
  try_pools(brokers);
  return 0;
}

}  // namespace
}  // namespace lookout::bench

int main(int argc, char** argv) {
  const auto number = [&](int at, int otherwise) { return argc > at ? std::stoi(argv[at]) : otherwise; };
  return lookout::bench::main(number(1, 100'000), number(2, 3));
}
