// What one replay gives, against a machine that is fed directly.
#include <catch2/catch.hpp>
#include <map>

#include "tests/unit/gateway/replay_rig.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kConfig = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "5m"
size = "5m"
by = ["sensor", "region", "network"]
[[window]]
name = "s"
kind = "session"
gap = "2m"
by = ["region"]
metrics = ["u"]
[[rule]]
name = "Hot"
window = "5m"
when = "t.mean > 35"
)";

Config config(const std::string& more = "") {
  const auto loaded = parse_config({{{"lookout.toml", kConfig + more}}});
  for (const Problem& problem : loaded.problems) FAIL(problem.text());
  return loaded.config;
}

/// Steps a machine by hand with records that begin when the first message arrives, ticks included: what the
/// live gateway had given.
std::vector<Outgoing> direct(const std::vector<Kept>& messages) {
  Machine machine = *Machine::create(config(), "box");
  std::vector<Output> outputs;
  std::vector<Outgoing> given;
  Microseconds connected{};
  Timestamp before = messages.front().arrival;
  const auto step = [&](const journal::Record& record) {
    machine.step(record, outputs);
    for (const Output& output : outputs) render(output, record, given);
  };
  for (const Kept& message : messages) {
    const Microseconds begin = connected;
    const Microseconds until = begin + std::max(message.arrival - before, Microseconds{0});
    while (const auto due = machine.due_in()) {
      if (connected + *due >= until) break;
      connected += *due;
      step({0, {before + (connected - begin), {}, {}}, journal::Kind::tick, {connected, true}});
    }
    connected = until;
    before = message.arrival;
    step({0,
          {message.arrival, message.topic, message.payload, message.retain, message.cut},
          journal::Kind::message,
          {connected, true}});
  }
  machine.finish(outputs);
  for (const Output& output : outputs) render(output, {}, given);
  return given;
}

Lines past_lines(const std::vector<Outgoing>& given, const std::string& job) {
  std::vector<Outgoing> past;
  for (const Outgoing& message : given) past.push_back(of_the_past(message, job));
  return lines(past);
}

/// All but the summary.
Lines results(std::vector<Outgoing> given) {
  REQUIRE_FALSE(given.empty());
  REQUIRE(given.back().topic.ends_with("/summary"));
  given.pop_back();
  return lines(given);
}

nlohmann::json summary(const std::vector<Outgoing>& given) {
  return nlohmann::json::parse(given.back().payload);
}

std::vector<Kept> by_arrival(std::vector<Kept> messages) {
  std::ranges::stable_sort(messages, {}, &Kept::arrival);
  for (std::uint64_t offset = 0; Kept & message : messages) message.offset = offset++;
  return messages;
}

std::vector<Kept> by_event(std::vector<Kept> messages) {
  std::ranges::stable_sort(messages, {}, [](const Kept& message) {
    return nlohmann::json::parse(message.payload)["event_time"].get<std::int64_t>();
  });
  return messages;
}

// Half an hour of two regions of three sensors, 10 s apart, no two at once; north gets hot. Heard a second
// after it is measured.
std::vector<Kept> in_order() {
  std::vector<Kept> messages;
  for (std::int64_t time = 0; time < 1800; time += 10) {
    for (int sensor = 0; sensor < 3; ++sensor) {
      const std::int64_t north = time + sensor, south = north + 5;
      const double value = 20.0 + sensor + static_cast<double>(time % 70) / 10;
      messages.push_back(
          kept(0, fmt::format("north/n{}", sensor), north, north + 1, time < 900 ? value : value + 20));
      messages.push_back(kept(0, fmt::format("south/s{}", sensor), south, south + 1, value));
    }
  }
  return by_arrival(std::move(messages));
}

// All the while north is not heard: then everything comes at once.
std::vector<Kept> radio_back(bool newest_first) {
  std::vector<Kept> messages = in_order();
  std::int64_t later = newest_first ? 100'000 : 0;
  for (Kept& message : messages) {
    if (!message.topic.starts_with("sensors/net/north")) continue;
    later += newest_first ? -1 : 1;
    message.arrival = kPast + 2h + std::chrono::milliseconds{later};
  }
  return by_arrival(std::move(messages));
}

/// Readings in the last revisions of a group's windows.
std::uint64_t readings(const std::vector<Outgoing>& given, const std::string& topic) {
  std::map<std::string, std::uint64_t> counts;
  for (const Outgoing& message : given) {
    if (!message.topic.ends_with(topic)) continue;
    const auto json = nlohmann::json::parse(message.payload);
    counts[json["id"].get<std::string>()] = json["count"].get<std::uint64_t>();
  }
  std::uint64_t all = 0;
  for (const auto& [id, count] : counts) all += count;
  return all;
}

Lines aggregates(const std::vector<Outgoing>& given) { return lines(given, "replay/j/aggregates/"); }

}  // namespace

TEST_CASE("a replay by arrival gives to the byte what a machine gives that is fed directly") {
  std::vector<Kept> messages = in_order();
  for (const auto& [time, arrival] : {std::pair{100, 101}, {300, 301}, {200, 641}}) {  // joins the two
    Kept message = kept(0, "north/n0", time, arrival, 1);
    message.topic.back() = 'u';
    messages.push_back(message);
  }
  messages = by_arrival(std::move(messages));
  messages.push_back(messages.back());                         // delivered twice
  messages.push_back(kept(0, "north/n0", 600, 1850, 1));       // late
  messages.push_back(kept(0, "north/n1", 1190, 1851, 1));      // corrects
  messages.push_back(kept(0, "north/n2", 90'000, 1852, 1));    // of the future
  messages.push_back(kept(0, "north/n2", -900'000, 1852, 1));  // of the past
  messages.push_back(kept(0, "north/n2", 1800, 1840, 1));      // the clock stepped back
  messages.push_back(kept(0, "north/n2", 9000, 9001, 1));      // after a long silence
  messages.push_back({0, kPast + 9002s, "sensors/net/north/n0/t", "not JSON"});
  messages.push_back({0, kPast + 9003s, "sensors/net/north/n0/t", "\xff\xfe"});
  messages.push_back({0, kPast + 9004s, "sensors/net/north/n0/t", R"({"value":7})"});
  messages.push_back({0, kPast + 9005s, "sensors/net/north/n0/t", R"({"value":7})", true});
  messages.push_back({0, kPast + 9006s, "sensors/net/north/n0/t", R"({"val)", false, true});
  for (std::uint64_t offset = 100; Kept & message : messages) message.offset = offset += 3;

  const auto fed = direct(messages);
  ReplayRig rig(config());
  const auto given = rig.run("j", "arrival", messages);
  const std::string kinds = fmt::format("{}", fmt::join(lines(fed), "\n"));
  for (const char* kind : {R"("closed_by":"idle")", R"("closed_by":"watermark")", R"("closed_by":"late")",
                           "end_of_input", "firing", "resolved", "future", R"("past")", "not_json",
                           "not_utf8", "too_large", "late/", "retracted"}) {
    INFO(kind);
    CHECK(kinds.find(kind) != std::string::npos);
  }
  CHECK(results(given) == past_lines(fed, "j"));
  CHECK(summary(given)["books"]["duplicate"] == 1);
  CHECK(summary(given)["books"]["retained_ignored"] == 1);
}

TEST_CASE("a replay by event time restores what live refused") {
  const bool newest_first = GENERATE(false, true);
  const auto backlog = radio_back(newest_first);
  constexpr std::uint64_t kReadings = 2 * 3 * 180;
  const std::string all = "aggregates/net/5m/_all/t";
  CHECK(readings(direct(backlog), all) < kReadings);

  ReplayRig rig(config());
  const auto given = rig.run("j", "event", by_event(backlog));
  CHECK(readings(given, all) == kReadings);
  CHECK(summary(given)["books"]["accepted"] == kReadings);
  CHECK(summary(given)["books"]["refused"] == 0);
  // As if everything had come in order: the figures of a live gateway, and all of what a replay gives.
  Lines whole;
  for (const std::string& line : past_lines(direct(in_order()), "j")) {
    if (line.starts_with("replay/j/aggregates/")) whole.push_back(line);
  }
  CHECK(aggregates(given) == whole);
  CHECK(results(given) == results(ReplayRig(config()).run("j", "event", by_event(in_order()))));
  CHECK(lines(given, "replay/j/alerts/").size() == 1);
}

TEST_CASE("a replay by event time rejects what live rejected, in the same words, and its time stands still") {
  std::vector<Kept> messages = in_order();
  // One that speaks of 2040, all the time; one that has been in 1970; one that is a week late.
  messages.push_back(kept(9001, "north/n7", 400'000'000, 500, 1));
  messages.push_back(kept(9002, "north/n8", -1'700'000'000, 700, 1));
  messages.push_back(kept(9003, "south/s9", 300, 300 + 7 * 86'400 + 1, 1));
  const auto heard = direct(by_arrival(messages));
  ReplayRig rig(config());
  const auto given = rig.run("j", "event", by_event(messages));
  Lines expected = past_lines(heard, "j");
  std::erase_if(expected, [](const auto& line) { return !line.starts_with("replay/j/rejected/"); });
  Lines rejected = lines(given, "replay/j/rejected/");
  std::ranges::sort(expected);
  std::ranges::sort(rejected);
  CHECK(rejected.size() == 3);
  CHECK(rejected == expected);
  CHECK(aggregates(given) == aggregates(ReplayRig(config()).run("j", "event", by_event(in_order()))));
}

TEST_CASE("a replay by event time takes the arrival of what has no time of its own") {
  const auto message = [](std::uint64_t offset, std::int64_t arrival) {
    return Kept{offset, kPast + std::chrono::seconds{arrival}, "sensors/net/north/a/t", R"({"value":7})"};
  };
  ReplayRig rig(config());
  const auto given = rig.run("j", "event",
                             {kept(7, "north/b", 10, 5000, 1), message(1, 100),
                              kept(8, "north/b", 110, 5001, 1), message(2, 299), message(3, 301)});
  const auto counts = [&] {
    std::map<std::string, int> found;
    for (const Outgoing& each : given) {
      if (!each.topic.starts_with("replay/j/aggregates/net/5m/north/t")) continue;
      const auto json = nlohmann::json::parse(each.payload);
      found[json["start"].get<std::string>()] = json["count"].get<int>();
    }
    return found;
  };
  CHECK(counts() == std::map<std::string, int>{{"2026-09-21T14:00:00Z", 4}, {"2026-09-21T14:05:00Z", 1}});
}

TEST_CASE("in a replay by event time silence is silence at the sensors") {
  ReplayRig rig(config());
  // All of it arrived within a second, hours later; north was silent for ten minutes, while south spoke.
  std::vector<Kept> messages{kept(1, "north/a", 100, 9000, 50)};
  for (std::int64_t time = 100; time < 700; time += 30)
    messages.push_back(kept(static_cast<std::uint64_t>(time), "south/b", time, 9000, 1));
  messages.push_back(kept(2, "north/a", 701, 9000, 1));
  const auto given = rig.run("j", "event", messages);
  const auto first = lines(given, "replay/j/aggregates/net/5m/north/t").at(0);
  CHECK(first.find(R"("closed_by":"idle")") != std::string::npos);
  // At the moment of its deadline, not at that of the next message.
  CHECK(lines(given, "replay/j/alerts/net/Hot/north").at(0).find(R"("decided":"2026-09-21T14:06:00Z")") !=
        std::string::npos);
  CHECK(lines(given, "replay/j/aggregates/net/5m/south/t").at(0).find(R"("closed_by":"watermark")") !=
        std::string::npos);
}

TEST_CASE("where the box's clock is not to be believed, a replay by event time has no guard") {
  const std::vector<Kept> messages{kept(1, "north/a", 100, 9'000'000, 1), kept(2, "north/a", 110, -900, 1)};
  for (const std::string clock : {"trusted", "untrusted"}) {
    ReplayRig rig(config("[box]\nclock = \"" + clock + "\"\n"));
    const auto given = rig.run("j", "event", messages);
    CHECK(summary(given)["books"]["accepted"] == (clock == "trusted" ? 0 : 2));
    CHECK(aggregates(given).size() == (clock == "trusted" ? 0 : 3));
  }
}

TEST_CASE("an envelope that comes again is the same message, one that is none is counted and named") {
  ReplayRig rig(config());
  rig.control("j", start("arrival"));
  for (std::uint64_t offset : {5U, 6U, 7U, 6U, 7U, 8U})
    rig.play("j", kept(offset, "north/a", static_cast<std::int64_t>(offset), 9, static_cast<double>(offset)));
  const Lines broken{"",
                     "[]",
                     "{",
                     R"({"offset":-1,"arrival":"2026-09-21T14:00:00Z","payload":"1"})",
                     R"({"offset":1.5,"arrival":"2026-09-21T14:00:00Z","payload":"1"})",
                     R"({"offset":1e400,"arrival":"2026-09-21T14:00:00Z","payload":"1"})",
                     R"({"arrival":"2026-09-21T14:00:00Z","payload":"1"})",
                     R"({"offset":1,"arrival":"noon","payload":"1"})",
                     R"({"offset":1,"arrival":"2026-09-21T14:00:00Z"})",
                     R"({"offset":1,"arrival":"2026-09-21T14:00:00Z","payload":{}})",
                     R"({"offset":1,"arrival":"2026-09-21T14:00:00Z","payload":"1","retain":"no"})",
                     R"({"offset":1,"arrival":"2026-09-21T14:00:00Z","payload_base64":"?"})",
                     "{\"offset\":1,\"arrival\":\"2026-09-21T14:00:00Z\",\"payload\":\"\xff\"}",
                     std::string(400'000, '[')};
  for (const std::string& payload : broken)
    CHECK(rig.receive("replay/j/sensors/net/north/a/t", payload).empty());
  CHECK(rig.receive("replay/j/sensors/net/north/a/t", "{\"offset\":1", false, true).empty());
  const auto given = rig.end("j");
  CHECK(summary(given)["messages"] == 4);
  CHECK(summary(given)["repeats"] == 2);
  CHECK(summary(given)["unreadable"] == broken.size() + 1);
  CHECK(summary(given)["first_unreadable"] == "not JSON at byte 1");
  CHECK(summary(given)["books"]["accepted"] == 4);
}

TEST_CASE("the offsets of as many messages as a broker can hand over again are known again") {
  constexpr std::uint64_t kPacketIds = 65'535, kRemembered = 2 * (kPacketIds + 1);
  const std::uint64_t apart = GENERATE(1U, 7U, 1000U);
  RecentOffsets recent;
  for (std::uint64_t i = 0; i < 200'000; ++i) REQUIRE(recent.insert(i * apart));
  for (std::uint64_t i = 200'000 - kRemembered; i < 200'000; ++i) REQUIRE_FALSE(recent.insert(i * apart));
  CHECK(recent.insert((200'000 - kRemembered - 1) * apart));
}
