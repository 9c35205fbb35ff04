#include "simulator/faults.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "tests/unit/simulator/fault_run.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

// 100,000 messages of one metric: 50 sensors, 2,000 instants.
Scenario large() {
  Scenario scenario = preset("");
  scenario.metrics.resize(1);
  scenario.duration = 2000 * scenario.interval;
  return scenario;
}

Scenario small() {
  Scenario scenario = preset("wildfire");
  scenario.duration = 10min;
  return scenario;
}

using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t, Timestamp, double>;

Key key_of(const Sample& sample) {
  const Sample::Value& value = sample.values.at(0);
  return {sample.sensor, value.metric, sample.seq, sample.event_time, value.number};
}

struct Outcome : FaultRun {
  std::set<Key> distinct;
};

Outcome run(const Scenario& scenario, const FaultOptions& options, std::uint64_t seed = 1) {
  Outcome outcome{run_faults(scenario, options, seed), {}};
  for (const Message& message : outcome.messages) outcome.distinct.insert(key_of(message.sample));
  return outcome;
}

Source list_of(std::vector<Sample> samples) {
  auto at = std::make_shared<std::size_t>(0);
  return [samples = std::move(samples), at](Sample& sample) {
    if (*at == samples.size()) return false;
    sample = samples[(*at)++];
    return true;
  };
}

}  // namespace

TEST_CASE("without faults every sample is a message due at its event time, in order") {
  const auto outcome = run(small(), {});
  REQUIRE(outcome.messages.size() == 2000);
  for (std::size_t i = 0; i < outcome.messages.size(); ++i) {
    REQUIRE(outcome.messages[i].due == outcome.messages[i].sample.event_time);
    REQUIRE_FALSE(outcome.messages[i].repeat);
    REQUIRE(outcome.messages[i].order == i);
  }
}

TEST_CASE("duplicates and reordering change neither the set of readings nor a value in it") {
  FaultOptions options;
  options.duplicates = 0.3;
  options.reorder = 0.4;
  options.reorder_max = 10min;
  const auto plain = run(small(), {});
  const auto faulty = run(small(), options);
  CHECK(plain.distinct == faulty.distinct);
  CHECK(faulty.messages.size() > plain.messages.size());
}

TEST_CASE("losses leave out readings and change none of the others") {
  FaultOptions options;
  options.lose = 0.2;
  const auto plain = run(small(), {});
  const auto faulty = run(small(), options);
  CHECK(faulty.distinct.size() + faulty.lost == plain.distinct.size());
  for (const Key& key : faulty.distinct) REQUIRE(plain.distinct.contains(key));
}

TEST_CASE("the shares of duplicates, losses and reordered messages are those asked for") {
  FaultOptions options;
  options.duplicates = 0.02;
  options.reorder = 0.1;
  options.lose = 0.05;
  const auto outcome = run(large(), options);
  std::size_t repeats = 0, held_back = 0, firsts = 0;
  for (const Message& message : outcome.messages) {
    if (message.repeat) {
      ++repeats;
    } else {
      ++firsts;
      if (message.due != message.sample.event_time) ++held_back;
    }
  }
  CHECK(firsts + outcome.lost == 100'000);
  check_share(outcome.lost, 100'000, 0.05);
  check_share(repeats, firsts, 0.02);
  check_share(held_back, firsts, 0.1);
}

TEST_CASE("messages leave in order of due time, none before its event time or later than reorder_max") {
  FaultOptions options;
  options.duplicates = 0.2;
  options.reorder = 0.3;
  options.reorder_max = 90s;
  const auto outcome = run(small(), options);
  Timestamp before = kStart;
  Microseconds longest{};
  for (const Message& message : outcome.messages) {
    REQUIRE(message.due >= before);
    before = message.due;
    const Microseconds delay = message.due - message.sample.event_time;
    REQUIRE(delay >= 0us);
    REQUIRE(delay <= 90s);
    longest = std::max(longest, delay);
  }
  CHECK(longest > 80s);
}

TEST_CASE("a repeat follows its first within 5 s and carries the same") {
  FaultOptions options;
  options.duplicates = 1;
  const auto outcome = run(small(), options);
  std::map<Key, Timestamp> firsts;
  std::size_t repeats = 0;
  for (const Message& message : outcome.messages) {
    const Key key = key_of(message.sample);
    if (!message.repeat) {
      REQUIRE(firsts.emplace(key, message.due).second);
      continue;
    }
    ++repeats;
    REQUIRE(firsts.contains(key));
    REQUIRE(message.due - firsts[key] >= 0s);
    REQUIRE(message.due - firsts[key] <= 5s);
  }
  CHECK(repeats == firsts.size());
}

TEST_CASE("same seed, same messages, another seed, others") {
  FaultOptions options;
  options.duplicates = options.reorder = options.lose = 0.1;
  const auto fingerprint = [&](std::uint64_t seed) {
    std::vector<std::pair<Key, Timestamp>> list;
    for (const Message& message : run(small(), options, seed).messages) {
      list.emplace_back(key_of(message.sample), message.due);
    }
    return list;
  };
  CHECK(fingerprint(1) == fingerprint(1));
  CHECK(fingerprint(1) != fingerprint(2));
}

TEST_CASE("spikes hit the metric and the share asked for, by the amount asked for") {
  FaultOptions options;
  options.faults = {Spike{0.01, 50, "temperature"}};
  const auto plain = run(large(), {});
  const auto spiked = run(large(), options);
  std::size_t hits = 0;
  for (std::size_t i = 0; i < plain.messages.size(); ++i) {
    const double jump =
        spiked.messages[i].sample.values.at(0).number - plain.messages[i].sample.values.at(0).number;
    if (jump == 0) continue;
    ++hits;
    REQUIRE(jump == Approx(50).margin(1e-9));
  }
  check_share(hits, 100'000, 0.01);
  options.faults = {Spike{1, 50, "smoke"}};
  CHECK(run(large(), options).distinct == plain.distinct);
}

TEST_CASE("samples that step back in time keep the order of their source") {
  Sample sample;
  sample.values = {{0, 1.0}};
  std::vector<Sample> samples;
  for (const Microseconds second : {10s, 5s, 7s, 20s, 15s}) {
    sample.event_time = kStart + second;
    samples.push_back(sample);
  }
  const Catalogue catalogue = make_catalogue(small(), 1);
  Faults faults(list_of(samples), {catalogue, kStart, Random(1)}, {});
  std::vector<Microseconds> times, dues;
  while (const auto message = faults.next()) {
    times.push_back(message->sample.event_time - kStart);
    dues.push_back(message->due - kStart);
  }
  CHECK(times == std::vector<Microseconds>{10s, 5s, 7s, 20s, 15s});
  CHECK(dues == std::vector<Microseconds>{10s, 10s, 10s, 20s, 20s});
}

TEST_CASE("no sample is asked for before it could be due next") {
  auto asked = std::make_shared<int>(0);
  const Source source = [asked](Sample& sample) {
    sample.event_time = kStart + (*asked)++ * 1s;
    sample.values = {{0, 1.0}};
    return true;
  };
  const Catalogue catalogue = make_catalogue(small(), 1);
  Faults faults(source, {catalogue, kStart, Random(1)}, {});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(faults.next());
    REQUIRE(*asked == i + 1);
  }
}
