// What the bridge's archive costs: time, bytes on the disk, bytes written, and what an answer takes.
//
//   bench-archive [READINGS [ROUNDS [SENSORS]]]    300,000 3 1000
//     A backlog of the broker into the archive, beside a bare Paho subscriber that only counts.
//   bench-archive away [READINGS [SENSORS]]        990,000 1000
//     The same, while a Kafka that is configured is away: what is resident with all of it not forwarded.
//   bench-archive fill READINGS [SENSORS [GIB]]    3,000,000 1000
//     The archive alone, in this process, without a broker: every sensor once a minute, 5 % of the readings
//     minutes late.
//
// Both begin with an empty archive. Bytes are per reading, of JSON messages with one reading of about 80
// bytes.
#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "bridge/archive/archive.h"
#include "bridge/archive/archive_reader.h"
#include "bridge/recorder.h"
#include "tests/bench/bare_client.h"
#include "tests/bench/bare_drain.h"
#include "tests/bench/process_figures.h"
#include "tests/support/box.h"
#include "tests/support/wait.h"

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kSensorsOfRegion = 50;
constexpr auto kPatience = 600s;
constexpr auto kInterval = 60s;  // of event time between two readings of a sensor
constexpr Timestamp kStart = std::chrono::sys_days{std::chrono::year{2026} / 11 / 1};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string topic_of(int sensor) {
  return fmt::format("sensors/bench/region-{:02}/sensor-{:04}/temperature", sensor / kSensorsOfRegion,
                     sensor);
}

std::string payload_of(Timestamp event_time, int seq, int variety) {
  const auto ms = event_time.time_since_epoch() / 1ms;
  return fmt::format(R"({{"event_time":{}.{:03},"value":{}.{:02},"unit":"Cel","seq":{},"boot":"a1b2"}})",
                     ms / 1000, ms % 1000, 18 + variety % 9, variety % 100, seq);
}

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "bench-archive: {}\n", why);
  std::exit(1);
}

// --- the archive alone

/// Where the bytes of closed files lie, by table and index.
void print_places(const std::filesystem::path& folder, std::uint64_t readings) {
  std::map<std::string, std::uint64_t> places;
  std::uint64_t closed = 0, bytes = 0, held = 0, files = 0;
  const auto names = list_archive(folder);
  for (const ArchiveName& name : names.value()) {
    const auto file = folder / to_text(name);
    bytes += std::filesystem::file_size(file);
    if (!name.sealed) continue;
    ++files;
    closed += std::filesystem::file_size(file);
    SQLite::Database database(file.string(), SQLite::OPEN_READONLY);
    held += static_cast<std::uint64_t>(database.execAndGet("SELECT count(*) FROM readings").getInt64());
    SQLite::Statement tables(database, "SELECT name, sum(pgsize) FROM dbstat GROUP BY 1");
    while (tables.executeStep())
      places[tables.getColumn(0).getString()] += static_cast<std::uint64_t>(tables.getColumn(1).getInt64());
  }
  const auto each = [](std::uint64_t sum, std::uint64_t count) {
    return count == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(count);
  };
  fmt::print("{:.1f} bytes per reading, the open file included; {:.1f} in {} closed files:",
             each(bytes, readings), each(closed, held), files);
  for (const auto& [name, sum] : places) {
    if (each(sum, held) >= 0.05) fmt::print(" {} {:.1f}", name, each(sum, held));
  }
  fmt::print("\n");
}

std::uint64_t written_by_this_process() { return static_cast<std::uint64_t>(figures_of(::getpid()).wchar); }

void fill(Archive& archive, const Config& config, int readings, int sensors) {
  Recorder recorder(archive, config);
  std::mt19937 random(7);
  std::exponential_distribution<double> delay(1.0 / 3);
  const auto check = [](const auto& done) {
    if (!done) die(done.error().text);
  };
  const auto begin = Clock::now();
  double maintaining = 0, longest = 0;
  for (int i = 0; i < readings;) {
    check(archive.begin(static_cast<std::uint64_t>(i), kStart + i / sensors * kInterval));
    for (int of_batch = 0; of_batch < 4000 && i < readings; ++of_batch, ++i) {
      const int sensor = i % sensors, step = i / sensors;
      const Timestamp arrival = kStart + step * kInterval + kInterval / sensors * sensor;
      if (of_batch > 0 && archive.starts_new_file(arrival)) break;
      const double late = delay(random) * (i % 20 == 0 ? 100 : 1);
      const auto event_time = arrival - std::chrono::milliseconds{static_cast<std::int64_t>(late * 1000)};
      const std::string topic = topic_of(sensor),
                        payload = payload_of(event_time, step, static_cast<int>(random() % 1000));
      check(recorder.record(static_cast<std::uint64_t>(i),
                            {.arrival = arrival, .topic = topic, .payload = payload}));
    }
    check(archive.commit());
    const auto before = Clock::now();
    check(archive.maintain(std::nullopt));
    maintaining += seconds_since(before);
    longest = std::max(longest, seconds_since(before));
  }
  while (*archive.maintain(std::nullopt)) {
  }
  const double seconds = seconds_since(begin);
  fmt::print(
      "{} readings of {} sensors in {:.1f} s: {:.0f} per second; {:.0f} % of it closing files, longest step "
      "{:.2f} s\n",
      readings, sensors, seconds, readings / seconds, 100 * maintaining / seconds, longest);
}

void ask(const std::filesystem::path& folder, const char* what, const Selection& selection) {
  for (const char* how : {"first", "warm", "warm"}) {
    const auto begin = Clock::now();
    std::uint64_t rows = 0;
    const auto read =
        ArchiveReader(folder).read(selection, [&](std::span<const Cell>) { return ++rows > 0; });
    if (!read) die(read.error());
    fmt::print("{}: {} rows, {} {:.1f} ms\n", what, rows, how, 1000 * seconds_since(begin));
  }
}

/// The summary of a day by a program of its own.
void summarize(const std::filesystem::path& folder, Timestamp day) {
  for (const char* how : {"first", "warm"}) {
    const auto begin = Clock::now();
    const auto done = test::run({test::program("bridge"), "summarize", "--day", to_rfc3339(day).substr(0, 10),
                                 "--archive", folder.string(), "--format", "csv"},
                                kPatience);
    if (done.code != 0) die(done.err);
    rusage used{};
    ::getrusage(RUSAGE_CHILDREN, &used);
    fmt::print("the summary of {}: {} rows, {} {:.1f} s, at most {:.1f} MB resident\n", to_rfc3339(day),
               std::ranges::count(done.out, '\n') - 1, how, seconds_since(begin),
               static_cast<double>(used.ru_maxrss) / 1024);
  }
}

int fill_main(int readings, int sensors, int gib) {
  const test::TempFolder folder;
  Config config;
  config.archive.retention_size = static_cast<std::uint64_t>(gib) << 30;
  InputConfig input;
  input.topic = *TopicPattern::parse("sensors/{network}/{region}/{sensor}/{metric}");
  config.inputs.push_back(input);
  const auto archive = Archive::open(folder / "archive", config.archive, config.time.identity_window);
  if (!archive) die(archive.error().text);
  const auto before = written_by_this_process();
  fill(**archive, config, readings, sensors);
  fmt::print("{:.0f} bytes written per reading\n",
             static_cast<double>(written_by_this_process() - before) / readings);
  print_places(folder / "archive", static_cast<std::uint64_t>(readings));
  const Timestamp end = kStart + readings / sensors * kInterval;
  const auto day = [&](Timestamp from, std::string topics) {
    return Selection{.from = from, .to = from + 24h, .topics = std::move(topics)};
  };
  ask(folder / "archive", "a sensor-day, closed", day(kStart, topic_of(sensors / 2)));
  ask(folder / "archive", "a sensor's last day, the open file included",
      day(end - 24h, topic_of(sensors / 2)));
  ask(folder / "archive", "an hour of all sensors", {.from = kStart + 6h, .to = kStart + 7h});
  summarize(folder / "archive", kStart);
  summarize(folder / "archive", std::chrono::floor<std::chrono::days>(end));
  return 0;
}

// --- a backlog of the broker

double publish_backlog(std::uint16_t port, int readings, int sensors) {
  BareClient client(port, "bench-publisher");
  const Timestamp start =
      std::chrono::floor<std::chrono::seconds>(wall_clock_now()) - readings / sensors * kInterval;
  double bytes = 0;
  for (int i = 0; i < readings; ++i) {
    const std::string topic = topic_of(i % sensors);
    const std::string payload = payload_of(start + i / sensors * kInterval, i / sensors, i * 7);
    bytes += static_cast<double>(topic.size() + payload.size());
    client.publish(topic, payload);
  }
  return bytes;
}

/// Messages in the archive, by its newest file.
std::uint64_t archived(const std::filesystem::path& folder) {
  try {
    const auto names = list_archive(folder);
    if (!names || names->empty()) return 0;
    SQLite::Database database((folder / to_text(names->back())).string(), SQLite::OPEN_READONLY);
    return static_cast<std::uint64_t>(
        database.execAndGet("SELECT coalesce(max(offset) + 1, 0) FROM messages").getInt64());
  } catch (const SQLite::Exception&) {
    return 0;  // just being made
  }
}

constexpr const char* kKafkaAway = "[kafka]\nbrokers = \"127.0.0.1:1\"\n";

Drained drain_bridge(std::uint16_t port, int messages, const std::string& kafka = "") {
  test::Box box(port, kafka);
  const auto folder = archive_folder(box.state());
  const auto begin = Clock::now();
  test::ChildProcess bridge = box.start("bridge", false);
  while (archived(folder) < static_cast<std::uint64_t>(messages) && Clock::now() < begin + kPatience)
    std::this_thread::sleep_for(5ms);
  const Drained drained{seconds_since(begin), figures_of(bridge.pid())};
  if (archived(folder) != static_cast<std::uint64_t>(messages) || bridge.stop() != 0)
    die("the bridge did not end: " + box.log("bridge"));
  return drained;
}

// Both sessions, in the broker and nowhere else.
void make_sessions(std::uint16_t port) {
  make_bare_session(port);
  test::Box box(port, "");
  box.start("bridge").stop();
}

int main(int readings, int rounds, int sensors) {
  // The broker's own saving would fall into one drain or another.
  const test::Broker broker("autosave_interval 0\n");
  make_sessions(broker.port());
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    const double bytes = publish_backlog(broker.port(), readings, sensors);
    Drained bare, bridge;
    if (round % 2 == 0) bare = drain_bare(broker.port(), readings);
    bridge = drain_bridge(broker.port(), readings);
    if (round % 2 == 1) bare = drain_bare(broker.port(), readings);
    ratios.push_back(bare.seconds / bridge.seconds);
    fmt::print("round {}: ratio {:.2f}\n", round + 1, ratios.back());
    print("bare", bare, readings, bytes);
    print("bridge", bridge, readings, bytes);
  }
  fmt::print("median of {} rounds of {} readings of {} sensors: ratio {:.2f}\n", rounds, readings, sensors,
             median(ratios));
  return 0;
}

int away_main(int readings, int sensors) {
  const test::Broker broker("autosave_interval 0\n");
  make_sessions(broker.port());
  const double bytes = publish_backlog(broker.port(), readings, sensors);
  print("bridge", drain_bridge(broker.port(), readings, kKafkaAway), readings, bytes);
  return 0;
}

}  // namespace
}  // namespace lookout::bench

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  const auto number = [&](int at, int otherwise) { return argc > at ? std::stoi(argv[at]) : otherwise; };
  if (first == "bare")
    return lookout::bench::count_bare(static_cast<std::uint16_t>(number(2, 0)), number(3, 0));
  if (first == "away") return lookout::bench::away_main(number(2, 990'000), number(3, 1000));
  if (first == "fill")
    return lookout::bench::fill_main(number(2, 3'000'000), number(3, 1000), number(4, 1000));
  return lookout::bench::main(number(1, 300'000), number(2, 3), number(3, 1000));
}
