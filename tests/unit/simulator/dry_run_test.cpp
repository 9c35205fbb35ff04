#include "simulator/dry_run.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/ledger.h"
#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;

namespace {

struct Written {
  std::string lines, ledger;
  Tally tally;
};

Written dry_run(RunOptions options) {
  const TempFolder folder;
  options.send.dry_run = true;
  const Plan plan = plan_run(options, Timestamp{}).value();
  const auto ledger = Ledger::create(folder / "truth", plan.catalogue).value();
  Faults faults(plan.source, field_of(plan, options.send), options.send.faults);
  std::FILE* out = std::fopen((folder / "out").c_str(), "w");
  const Tally tally = write_messages(plan, faults, ledger.get(), out, {}).value();
  std::fclose(out);
  return {slurp(folder / "out"), slurp(folder / "truth"), tally};
}

RunOptions faulty(std::uint64_t seed) {
  RunOptions options;
  options.preset = "wildfire";
  options.duration = std::chrono::minutes{20};
  options.send.seed = seed;
  options.send.faults.duplicates = 0.1;
  options.send.faults.reorder = 0.2;
  options.send.faults.lose = 0.05;
  return options;
}

// Every fault that a sensor and its link can have, on some sensors each.
RunOptions all_faults(std::uint64_t seed) {
  using namespace std::chrono_literals;
  RunOptions options = faulty(seed);
  options.send.faults.faults = {
      Spike{0.1, 50, ""},
      Outage{{.share = 0.3, .start = 5min, .duration = 5min}},
      Outage{{.region = "north", .duration = 3min, .every = 9min}, UploadOrder::newest, 0.5},
      WrongClock{.scope = {.share = 0.3}, .offset = -2h},
      WrongClock{.scope = {.share = 0.3}, .drift = 1234.5},
      WrongClock{.scope = {.share = 0.1, .start = 6min}, .reset = true},
      StuckValue{{.share = 0.2, .start = 4min}, "temperature"},
      Reboot{{.share = 0.5, .start = 2min, .every = 5min}},
      Delay{{{0.8, 10s}, {1, 5min}}}};
  return options;
}

std::set<std::string> distinct_messages(const std::string& lines) {
  std::set<std::string> messages;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    messages.insert(json["topic"].get<std::string>() + " " + json["payload"].get<std::string>());
  }
  return messages;
}

}  // namespace

TEST_CASE("same seed, same bytes, another seed, other bytes") {
  const auto first = dry_run(all_faults(1));
  const auto again = dry_run(all_faults(1));
  const auto other = dry_run(all_faults(2));
  CHECK(first.lines == again.lines);
  CHECK(first.ledger == again.ledger);
  CHECK(first.lines != other.lines);
}

TEST_CASE("a dry run with duplicates and reordering holds the same distinct messages as one without") {
  RunOptions with = faulty(1);
  with.send.faults.lose = 0;
  RunOptions without = with;
  without.send.faults = {};
  const auto messages = distinct_messages(dry_run(with).lines);
  CHECK(messages.size() == 4000);
  CHECK(messages == distinct_messages(dry_run(without).lines));
}

TEST_CASE("the ledger of a dry run has one line per distinct reading, acknowledged at its arrival") {
  const auto written = dry_run(all_faults(3));
  std::istringstream lines(written.lines), ledger(written.ledger);
  std::set<std::string> seen;
  std::size_t entries = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto message = nlohmann::json::parse(line);
    const auto payload = nlohmann::json::parse(message["payload"].get<std::string>());
    const auto identity = message["topic"].get<std::string>() + message["payload"].get<std::string>();
    if (!seen.insert(identity).second) continue;
    REQUIRE(std::getline(ledger, line));
    const auto entry = nlohmann::json::parse(line);
    REQUIRE(entry["acked"] == message["arrival"]);
    REQUIRE(entry["value"] == payload["value"]);
    REQUIRE(entry["seq"] == payload["seq"]);
    REQUIRE(epoch_of(entry["event_time"].get<std::string>()) ==
            Approx(payload["event_time"].get<double>()).epsilon(0).margin(1e-6));
    ++entries;
  }
  CHECK(entries == written.tally.published);
  CHECK(written.tally.acknowledged == written.tally.published);
  CHECK(written.tally.repeats > 0);
  std::string rest;
  CHECK_FALSE(std::getline(ledger, rest));
}

TEST_CASE("a dry run whose output is full says so") {
  RunOptions options = faulty(1);
  options.send.dry_run = true;
  const Plan plan = plan_run(options, Timestamp{}).value();
  Faults faults(plan.source, field_of(plan, options.send), {});
  std::FILE* out = std::fopen("/dev/full", "w");
  const auto tally = write_messages(plan, faults, nullptr, out, {});
  std::fclose(out);
  REQUIRE_FALSE(tally);
  CHECK_THAT(tally.error(), Catch::Contains("standard output"));
}
