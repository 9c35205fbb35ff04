// The replays at work: how they begin and end, and that what is live does not feel them.
#include "gateway/replay.h"

#include <catch2/catch.hpp>

#include "gateway/snapshot.h"
#include "tests/support/crash_file_system.h"
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
by = ["sensor", "region"]
[[rule]]
name = "Hot"
window = "5m"
when = "t.mean > 35"
)";

Config config(const std::string& more = "") {
  return parse_config({{{"lookout.toml", kConfig + more}}}).config;
}

const std::string kEnd = R"({"action":"end"})";
const std::string kCancel = R"({"action":"cancel"})";

std::vector<Kept> some(std::int64_t count, std::int64_t sensors = 3) {
  std::vector<Kept> messages;
  for (std::int64_t i = 0; i < count; ++i)
    messages.push_back(kept(static_cast<std::uint64_t>(i), fmt::format("north/n{}", i % sensors), 10 * i,
                            10 * i + 1, static_cast<double>(i % 50)));
  return messages;
}

/// State and detail of the summaries among these.
Lines answers(const std::vector<Outgoing>& messages) {
  Lines found;
  for (const Outgoing& message : messages) {
    if (!message.topic.ends_with("/summary")) continue;
    const auto json = nlohmann::json::parse(message.payload);
    CHECK(message.topic == "replay/" + json["job"].get<std::string>() + "/summary");
    CHECK_FALSE(message.retain);
    found.push_back(fmt::format("{} {}: {}", json["job"].get<std::string>(), json["state"].get<std::string>(),
                                json.value("detail", "")));
  }
  return found;
}

const std::string kUnknown =
    " refused: no replay of this name is at work here: none was started, or it has ended";

}  // namespace

TEST_CASE("a job's summary is published to the letter") {
  const auto given = ReplayRig(config()).run("j", "arrival", {});
  REQUIRE(given.size() == 1);
  CHECK(given[0].topic == "replay/j/summary");
  CHECK(
      given[0].payload ==
      R"({"job":"j","state":"done","by":"arrival","from":"2026-09-21T14:00:00Z","to":"2026-09-21T15:00:00Z",)"
      R"("books":{"received":0,"accepted":0,"duplicate":0,"rejected":{},"late":0,"corrected":0,"refused":0,)"
      R"("windows_full":0,"watermarks_set_back":0,"retained_ignored":0},)"
      R"("outputs":{"aggregates":0,"alerts":0,"rejected":0,"late":0},"messages":0,"repeats":0,"unreadable":0})");
}

TEST_CASE("what a summary says of a job that took something") {
  ReplayRig rig(config());
  rig.control("j-1", R"({"action":"start","by":"event","from":"2026-09-21T14:00:00+00:00",)"
                     R"("to":"2026-09-21T15:00:00.5Z","topics":"sensors/+/north/#"})");
  rig.play("j-1", kept(1, "north/a", 0, 1, 1));
  rig.play("j-1", kept(1, "north/a", 0, 1, 1));
  rig.play("j-1", {2, kPast, "sensors/net/north/a/t", "?"});
  rig.receive("replay/j-1/sensors/net/north/a/t", "??");
  const auto given = rig.end("j-1");
  const auto json = nlohmann::json::parse(given.back().payload);
  CHECK(json["state"] == "done");
  CHECK(json["by"] == "event");
  CHECK(json["to"] == "2026-09-21T15:00:00.500000Z");
  CHECK(json["topics"] == "sensors/+/north/#");
  CHECK(json["books"]["rejected"]["not_json"] == 1);
  CHECK(json["outputs"]["aggregates"] == 2);
  CHECK(json["outputs"]["rejected"] == 1);
  CHECK(json["messages"] == 2);
  CHECK(json["repeats"] == 1);
  CHECK(json["unreadable"] == 1);
  CHECK(rig.replay.jobs() == 0);
}

TEST_CASE("live gives the same bytes with replays beside it, at the same records") {
  // Gaps in which live windows close by idleness, which a record of a replay may be the first to show.
  const auto run = [](bool replayed) {
    ReplayRig rig(config());
    std::vector<Lines> live;
    const auto keep = [&](const std::vector<Outgoing>& given) {
      Lines found;
      for (const std::string& line : lines(given)) {
        if (!line.starts_with("replay/")) found.push_back(line);
      }
      live.push_back(found);
    };
    const auto past = some(400);
    if (replayed) rig.control("j", start("event"));
    for (std::size_t i = 0; i < 400; ++i) {
      const std::int64_t now = (rig.wall - kPast) / 1s;
      const Kept message = kept(0, "north/n", now, now, i % 100 < 50 ? 50 : 20);
      keep(rig.receive(message.topic, message.payload));
      rig.pass(i % 40 == 0 ? 400s : 3s);
      keep(replayed ? rig.play("j", past[i]) : rig.tick());
    }
    if (replayed)
      keep(rig.control("j", kEnd));
    else
      keep(rig.tick());
    rig.drain();
    CHECK(rig.replay.jobs() == 0);
    CHECK(rig.live.books().received == 400);
    CHECK(rig.live.books().accepted == 400);
    return live;
  };
  const auto alone = run(false), beside = run(true);
  CHECK(alone == beside);
  CHECK(std::ranges::count_if(alone, [](const Lines& given) { return !given.empty(); }) > 10);
}

TEST_CASE("a message on replay/ is nothing to a live machine but time") {
  Machine machine = *Machine::create(config(), "box");
  std::vector<Output> outputs;
  const Kept message = kept(1, "north/a", 0, 1, 1);
  machine.step(
      {1, {kPast, "replay/j/" + message.topic, envelope(message)}, journal::Kind::message, {5s, true}},
      outputs);
  CHECK(outputs.empty());
  CHECK(machine.books().received == 0);
  CHECK(machine.series().size() == 0);
  CHECK(machine.clock().wall() == kPast);
}

TEST_CASE("four replays at most, and one more is refused until one has ended") {
  ReplayRig rig(config());
  for (const char* name : {"a", "b", "c", "d"}) CHECK(rig.control(name, start("event")).empty());
  CHECK(answers(rig.control("e", start("event"))) ==
        Lines{"e refused: 4 replays are at work already, which is the most: a, b, c, d"});
  CHECK(rig.play("e", kept(1, "north/a", 0, 1, 1)).empty());  // it was told
  CHECK(rig.control("a", start("arrival")).empty());          // anew: no fifth
  CHECK(rig.replay.jobs() == 4);
  CHECK(answers(rig.control("b", kCancel)) == Lines{"b cancelled: it was asked for"});
  CHECK(rig.control("e", start("event")).empty());
  CHECK(rig.replay.jobs() == 4);
}

TEST_CASE("replays at once do not feel each other") {
  const auto messages = some(300);
  const auto alone = lines(ReplayRig(config()).run("b", "event", messages));
  ReplayRig rig(config());
  Lines given;
  const auto keep = [&](const std::vector<Outgoing>& more) {
    std::ranges::move(lines(more, "replay/b/"), std::back_inserter(given));
  };
  rig.control("a", start("arrival"));
  rig.control("b", start("event"));
  for (std::size_t i = 0; i < messages.size(); ++i) {
    keep(rig.play("a", messages[messages.size() - 1 - i]));
    keep(rig.play("b", messages[i]));
  }
  keep(rig.control("b", kEnd));
  keep(rig.drain());
  CHECK(given == alone);
}

TEST_CASE("a job begun anew gives what it would have given at once") {
  const auto messages = some(200);
  const auto at_once = lines(ReplayRig(config()).run("j", "event", messages));
  ReplayRig rig(config());
  rig.control("j", start("event"));
  for (const Kept& message : some(120)) rig.play("j", message);
  CHECK(lines(rig.run("j", "event", messages)) == at_once);
}

TEST_CASE("who names a job that is not at work is told so, once") {
  ReplayRig rig(config());
  CHECK(answers(rig.play("x", kept(1, "north/a", 0, 1, 1))) == Lines{"x" + kUnknown});
  for (std::uint64_t i = 2; i < 10; ++i) CHECK(rig.play("x", kept(i, "north/a", 0, 1, 1)).empty());
  CHECK(rig.control("x", kEnd).empty());
  CHECK(answers(rig.control("y", kEnd)) == Lines{"y" + kUnknown});
  CHECK(rig.control("y", kEnd).empty());
  CHECK(answers(rig.control("z", kCancel)) == Lines{"z" + kUnknown});
  // What is on its way when a job ends is not answered: there was a summary.
  rig.control("x", start("event"));
  CHECK(answers(rig.control("x", kCancel)) == Lines{"x cancelled: it was asked for"});
  CHECK(rig.play("x", kept(1, "north/a", 0, 1, 1)).empty());
  CHECK(rig.control("x", kEnd).empty());
  CHECK(answers(rig.run("x", "event", {})) == Lines{"x done: "});
  CHECK(rig.control("x", kEnd).empty());
  // Names are not remembered for ever.
  for (int i = 0; i < 100; ++i) CHECK(rig.control(fmt::format("n{}", i), kEnd).size() == 1);
  CHECK(rig.control("x", kEnd).size() == 1);
}

TEST_CASE("hostile controls are refused with a sentence, and what is at work goes on") {
  ReplayRig rig(config());
  rig.control("j", start("event"));
  const std::vector<std::pair<std::string, std::string>> hostile{
      {"", "not JSON at byte 1"},
      {"{", "not JSON at byte 2"},
      {"[1]", "expected a JSON object, got array"},
      {"\"start\"", "expected a JSON object, got string"},
      {"\xff\xff", "not UTF-8"},
      {R"({"action":1e999})", "a number is beyond what a double can hold"},
      {"{}", "there is no action"},
      {R"({"action":["end"]})", "action is not text but array"},
      {R"({"action":"pause"})", "action is 'pause': accepted are start, mark, end and cancel"},
      {R"({"action":"mark"})", "there is no mark"},
      {R"({"action":"mark","mark":-1})", "mark is not a whole number from 0 on"},
      {R"({"action":"mark","mark":1.5})", "mark is not a whole number from 0 on"},
      {R"({"action":"start"})", "there is no by"},
      {R"({"action":"start","by":"luck"})", "by is 'luck': accepted are event and arrival"},
      {R"({"action":"start","by":"event"})", "there is no from"},
      {R"({"action":"start","by":"event","from":5,"to":6})", "from is not text but number"},
      {R"({"action":"start","by":"event","from":"now","to":"2026-09-21T14:00:00Z"})",
       "from: 'now' is not an RFC 3339 time such as 2026-11-22T11:20:00Z, of the years 1900 to 9998"},
      {R"({"action":"start","by":"event","from":"2026-09-21T14:00:00Z"})", "there is no to"},
      {R"({"action":"start","by":"event","from":"2026-09-21T14:00:00Z","to":"2026-09-21T14:00:00Z"})",
       "from 2026-09-21T14:00:00Z to 2026-09-21T14:00:00Z is an empty range"},
      {R"({"action":"start","by":"event","from":"2026-09-21T14:00:00Z","to":"2026-09-21T15:00:00Z","topics":"a/#/b"})",
       "topics: 'a/#/b' is no topic filter"},
      {R"({"action":"start","by":"event","from":"2026-09-21T14:00:00Z","to":"2026-09-21T15:00:00Z","topics":7})",
       "topics is not text but number"},
  };
  for (const auto& [payload, why] : hostile) {
    INFO(payload);
    CHECK(answers(rig.control("j", payload)) == Lines{"j refused: " + why});
  }
  CHECK(rig.control("j", std::string(400'000, '[')).size() == 1);
  const auto loud = rig.control("j", R"({"action":")" + std::string(100'000, 'x') + "\"}");
  REQUIRE(loud.size() == 1);
  CHECK(loud[0].payload.size() < 400);
  CHECK(answers(rig.control("no name", start("event"))) ==
        Lines{"no name refused: 'no name' is no job's name: accepted are 1 to 64 of A-Z a-z 0-9 _ . : - (and "
              "not _all)"});
  CHECK(rig.receive("replay/no name/sensors/net/north/a/t", "{}").empty());
  CHECK(rig.receive("replay/j", "{}").empty());
  CHECK(rig.receive("replay/j/control", kCancel, true).empty());  // the broker had kept it
  CHECK(rig.replay.jobs() == 1);
}

TEST_CASE("a mark is reached when everything is out that came of what went before") {
  // A silence of an hour closes the windows of as many sensors at once, which go out a few at a time.
  constexpr int kSensors = 100;
  ReplayRig rig(config());
  rig.control("j", start("event"));
  for (int i = 0; i < kSensors; ++i)
    CHECK(rig.play("j", kept(static_cast<std::uint64_t>(i), fmt::format("n/s{}", i), 10, 11, 1)).empty());
  const std::string mark = R"({"action":"mark","mark":18446744073709551615})";
  CHECK(lines(rig.control("j", mark)) == Lines{R"(replay/j/progress {"mark":18446744073709551615})"});

  auto given = rig.play("j", kept(kSensors, "n/s0", 3000, 3001, 1));
  CHECK(given.size() < kSensors);
  std::ranges::move(rig.control("j", R"({"action":"mark","mark":7})"), std::back_inserter(given));
  std::ranges::move(rig.drain(), std::back_inserter(given));
  CHECK(given.size() > kSensors);
  CHECK(lines({given.back()}) == Lines{R"(replay/j/progress {"mark":7})"});
  CHECK(lines(given, "replay/j/progress").size() == 1);

  // A filter as wide as that brings back what the gateway itself has said.
  CHECK(rig.receive("replay/j/progress", given.back().payload).empty());
  CHECK(rig.receive("replay/j/summary", "{}").empty());
  const auto last = rig.end("j");
  CHECK(nlohmann::json::parse(last.back().payload)["unreadable"] == 0);
  CHECK(answers(rig.control("j", mark)).empty());
  CHECK(answers(rig.control("other", mark)) == Lines{"other" + kUnknown});
}

TEST_CASE("a job that nothing comes for is abandoned after ten minutes with the link up") {
  ReplayRig rig(config());
  rig.control("j", start("event"));
  rig.pass(6min);
  CHECK(rig.play("j", kept(1, "north/a", 0, 1, 1)).empty());
  rig.pass(5h, false);
  CHECK(rig.tick().empty());
  CHECK(rig.replay.due_in(rig.live.clock().connected()) == 10min);
  rig.pass(10min - 1us);
  CHECK(rig.tick().empty());
  CHECK(rig.replay.due_in(rig.live.clock().connected()) == 1us);
  rig.pass(1us);
  CHECK(answers(rig.tick()) == Lines{"j abandoned: nothing came for it for 10 minutes"});
  CHECK(rig.replay.jobs() == 0);
  CHECK_FALSE(rig.replay.due_in({}));
  CHECK(rig.play("j", kept(2, "north/a", 0, 1, 1)).empty());
}

TEST_CASE("another configuration abandons what is at work, the same does not") {
  ReplayRig rig(config());
  rig.control("j", start("event"));
  CHECK(rig.configure(config()).empty());
  CHECK(rig.replay.jobs() == 1);
  const auto other = config("[time]\nlag = \"0s\"\n");
  CHECK(answers(rig.configure(other)) == Lines{"j abandoned: the gateway's configuration was changed"});
  // The next has the configuration that live has now.
  const auto messages = some(100);
  CHECK(lines(rig.run("j", "event", messages)) == lines(ReplayRig(other).run("j", "event", messages)));
  CHECK(lines(rig.run("j", "event", messages)) != lines(ReplayRig(config()).run("j", "event", messages)));
}

TEST_CASE("a loss in the journal abandons what is at work") {
  ReplayRig rig(config());
  rig.control("j", start("event"));
  rig.replay.note_loss();
  CHECK(answers(rig.tick()) == Lines{"j abandoned: records of the gateway's journal are lost"});
  rig.control("j", start("event"));
  CHECK(rig.tick().empty());
  CHECK(rig.replay.jobs() == 1);
}

TEST_CASE("the end of a job with many series holds up no live record for long") {
  constexpr int kSensors = 3000;
  std::vector<Kept> messages;
  for (int i = 0; i < kSensors; ++i)
    messages.push_back(kept(static_cast<std::uint64_t>(i), fmt::format("r{}/n{}", i % 10, i), 10, 11, 1));
  ReplayRig rig(config());
  rig.control("j", start("event"));
  for (const Kept& message : messages) CHECK(rig.play("j", message).empty());
  std::vector<Outgoing> given = rig.control("j", kEnd);
  const auto too_late = rig.play("j", kept(kSensors, "south/b", 10, 11, 1));
  std::ranges::copy(too_late, std::back_inserter(given));
  std::size_t records = 0;
  while (rig.replay.due_in(rig.live.clock().connected()) == Microseconds{0}) {
    const auto more = rig.tick();
    REQUIRE(more.size() <= 16);
    std::ranges::copy(more, std::back_inserter(given));
    ++records;
  }
  CHECK(given.size() == kSensors + 10 + 1);
  CHECK(answers({given.back()}) == Lines{"j done: "});
  CHECK(nlohmann::json::parse(given.back().payload)["messages"] == kSensors);
  CHECK(records >= kSensors / 16);

  // The whole of a silence in the past comes out no faster, and nothing is lost when the job ends in the
  // middle of it.
  messages.push_back(kept(kSensors, "r0/n0", 5000, 5001, 1));
  ReplayRig silence(config());
  silence.control("j", start("event"));
  for (const Kept& message : messages) CHECK(silence.play("j", message).size() <= 16);
  CHECK(silence.replay.due_in({}) == Microseconds{0});
  given = silence.end("j");
  CHECK(given.size() + 16 == kSensors + 10 + 2 + 1);
}

TEST_CASE("taken out of a snapshot at any record, replays go on to the byte") {
  const auto messages = some(150, 50);  // more groups than end at once
  const auto run = [&](bool restored) {
    auto rig = std::make_unique<ReplayRig>(config());
    CrashFileSystem disk;
    const SnapshotStore store("/state", disk);
    std::uint64_t snapshots = 0;
    Lines given;
    const auto keep = [&](const std::vector<Outgoing>& more) {
      std::ranges::move(lines(more), std::back_inserter(given));
      if (!restored) return;
      REQUIRE(store.write({++snapshots, rig->live.config(), {}, {}}, rig->live, rig->replay));
      auto found = store.load("box");
      REQUIRE(found);
      auto next = std::make_unique<ReplayRig>(std::move(found->machine), std::move(found->replay));
      next->wall = rig->wall;
      next->connected = rig->connected;
      rig = std::move(next);
    };
    keep(rig->control("gone", kEnd));
    rig->pass(20min);
    keep(rig->control("a", start("event")));
    keep(rig->control("b", start("arrival")));
    for (const Kept& message : messages) {
      rig->pass(1s);
      keep(rig->play("a", message));
      if (message.offset % 3 == 0) keep(rig->play("b", message));
      if (message.offset % 10 == 0) keep(rig->play("a", message));
    }
    keep(rig->control("gone", kEnd));
    keep(rig->control("a", kEnd));
    for (int i = 0; i < 40; ++i) keep(rig->tick());
    rig->pass(11min);
    keep(rig->tick());
    return given;
  };
  const Lines whole = run(false);
  CHECK(whole.size() > 20);
  CHECK(run(true) == whole);
}
