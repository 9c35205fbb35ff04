// How the messages of a replay go out: when, in what form, and what the command makes of its arguments.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "bridge/replay/replay_envelope.h"
#include "bridge/replay/replay_options.h"
#include "bridge/replay/replay_pacer.h"
#include "bridge/replay/replay_player.h"
#include "bridge/replay/replay_report.h"
#include "bridge/replay/replay_throttle.h"

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr double kMax = std::numeric_limits<double>::infinity();
const ReplayPacer::Clock::time_point kBegin{1000s};
const Timestamp kStart{1'795'348'800s};  // 2026-11-22T12:00:00Z

ReplayMessage message(std::uint64_t offset, Timestamp at) {
  return {.at = at, .offset = offset, .arrival = at + 1s, .topic = "sensors/w/n/s1/t", .payload = "1"};
}

/// A player whose clock jumps to where it waits for.
struct Stage {
  ReplayPacer::Clock::time_point now = kBegin;
  std::vector<std::pair<std::chrono::seconds, std::uint64_t>> sent{};  // when, which offset
  std::size_t stop_after = 1000;
  ReplayPlayer player{"job",
                      {[this] { return now; },
                       [this](auto time) {
                         now = std::max(now, time);
                         return sent.size() < stop_after;
                       },
                       [this](const Outgoing& out) {
                         sent.emplace_back(std::chrono::duration_cast<std::chrono::seconds>(now - kBegin),
                                           nlohmann::json::parse(out.payload)["offset"]);
                         return true;
                       }}};
  Result<bool> play(std::vector<ReplayMessage> messages, double speed) {
    return player.play(
        std::move(messages), [] { return std::vector<ReplayMessage>{}; },
        ReplayPacer(kStart, speed, 0, kBegin));
  }
};

using Sent = std::vector<std::pair<std::chrono::seconds, std::uint64_t>>;

ReplayArguments arguments() {
  ReplayArguments typed;
  typed.from = "2026-11-22T11:00:00Z";
  typed.to = "2026-11-22T12:00:00Z";
  return typed;
}

}  // namespace

TEST_CASE("a replay's pauses are the original ones, divided by the speed") {
  const ReplayPacer real(kStart, 1, 0, kBegin), fast(kStart, 60, 0, kBegin), fastest(kStart, kMax, 0, kBegin);
  CHECK(real.due(kStart) == kBegin);
  CHECK(real.due(kStart + 90s) == kBegin + 90s);
  CHECK(fast.due(kStart + 90s) == kBegin + 1500ms);
  CHECK(fastest.due(kStart + 24h * 365) == kBegin);
  CHECK(real.due(kStart - 1h) == kBegin);              // the clock had been set back
  CHECK(real.due(kLatestTime) >= kBegin + 24h * 365);  // and is not below for having overflown
}

TEST_CASE("a replay keeps to its rate, also after it was held up") {
  ReplayPacer pacer(kStart, kMax, 100, kBegin);
  auto now = kBegin;
  const auto send = [&](int count) {
    for (int i = 0; i < count; ++i) {
      now = std::max(now, pacer.due(kStart));
      pacer.sent(now);
    }
    return now - kBegin;
  };
  CHECK(send(101) <= 1s);
  CHECK(send(1) >= 980ms);
  now += 1h;  // the broker was away
  const auto before = now;
  send(100);
  CHECK(now - before >= 960ms);
  CHECK(now - before <= 1s);
}

TEST_CASE("a throttle lets a replay have what costs the live ones a millisecond") {
  ReplayThrottle throttle;
  CHECK(throttle.messages() == 1);
  std::vector<std::size_t> allowed;
  for (int i = 0; i < 12; ++i) {
    throttle.answered(i == 0 ? 1ms : 2ms);  // 1 ms is the way
    allowed.push_back(throttle.messages());
  }
  CHECK(allowed == std::vector<std::size_t>{2, 3, 4, 6, 8, 11, 14, 16, 16, 16, 16, 16});
  throttle.answered(2001us);
  CHECK(throttle.messages() == 1);
  throttle.answered(1ms);
  throttle.answered(std::nullopt);
  CHECK(throttle.messages() == 1);

  // One slow answer is no longer way, a second one is.
  throttle.answered(20ms);
  CHECK(throttle.messages() == 1);
  throttle.answered(20ms);
  CHECK(throttle.messages() == 2);
  throttle.answered(30ms);  // half as long again: a network's jitter
  CHECK(throttle.messages() == 3);
  throttle.answered(30001us);
  CHECK(throttle.messages() == 1);
}

TEST_CASE("a throttle finds how much a gateway does in time, whatever a message costs it") {
  // A gateway that takes `cost` for each: the answer is there when it is through with all of them.
  struct Found {
    std::size_t most = 0, single = 0, messages = 0;
  };
  const auto find = [](std::chrono::microseconds cost) {
    ReplayThrottle throttle;
    Found found;
    for (int i = 0; i < 1000; ++i) {
      const std::size_t messages = throttle.messages();
      throttle.answered(1ms + cost * static_cast<int>(messages));
      found.most = std::max(found.most, messages);
      found.single += messages == 1 ? 1 : 0;
      found.messages += messages;
    }
    return found;
  };
  const Found light = find(20us);
  CHECK(light.most == ReplayThrottle::kMost);
  CHECK(light.single >= 1000 / ReplayThrottle::kAnswers);  // the way is measured anew
  CHECK(light.messages > 14'000);
  const Found heavy = find(300us);  // 3 and 1/3 more than one are 1 ms
  CHECK(heavy.most == 6);
  CHECK(heavy.messages > 2500);
  CHECK(find(50ms).most == 2);  // 101 ms after 51
}

TEST_CASE("a player asks after as many messages as the throttle allows") {
  Stage stage;
  std::vector<std::size_t> asked;
  ReplayPlayer player{"job",
                      {[&] { return stage.now; }, [](auto) { return true; },
                       [&](const Outgoing&) {
                         stage.sent.emplace_back();
                         return true;
                       },
                       [&]() -> std::optional<ReplayThrottle::Duration> {
                         asked.push_back(stage.sent.size());
                         if (asked.size() < 4) return 1ms;
                         return std::nullopt;
                       }}};
  REQUIRE(player
              .play(
                  std::vector<ReplayMessage>(12, message(1, kStart)),
                  [] { return std::vector<ReplayMessage>{}; }, ReplayPacer(kStart, kMax, 0, kBegin))
              .value());
  CHECK(asked == std::vector<std::size_t>{1, 3, 6, 10, 11, 12});
}

TEST_CASE("a player sends each message when it is due, and a sign of life in a long pause") {
  Stage stage;
  REQUIRE(stage.play({message(1, kStart), message(2, kStart + 2s), message(3, kStart + 14min)}, 1).value());
  CHECK(stage.sent == Sent{{0s, 1}, {2s, 2}, {302s, 2}, {602s, 2}, {840s, 3}});
  CHECK(stage.player.sent() == 3);
  CHECK(stage.player.position() == kStart + 14min);
}

TEST_CASE("a player stops when it is told to, and leaves out what no topic can name") {
  Stage stage;
  stage.stop_after = 1;
  CHECK_FALSE(stage.play({message(1, kStart), message(2, kStart), message(3, kStart)}, kMax).value());
  CHECK(stage.sent.size() == 1);
  Stage other;
  auto monster = message(1, kStart);
  monster.topic = std::string(ReplayPlayer::kLongestTopic - 10, 'x');
  CHECK(other.play({monster, message(2, kStart)}, kMax).value());
  CHECK(other.sent == Sent{{0s, 2}});
  CHECK(other.player.too_long() == 1);
}

TEST_CASE("an archive that cannot be read ends a replay with what it says") {
  Stage stage;
  const auto played = stage.player.play(
      {message(1, kStart)}, []() -> Result<std::vector<ReplayMessage>> { return Failure("broken"); },
      ReplayPacer(kStart, kMax, 0, kBegin));
  CHECK(played.error() == "broken");
  CHECK(stage.sent.size() == 1);
}

TEST_CASE("an envelope carries where a message came from and what it was") {
  ReplayMessage past = message(7, kStart);
  past.retain = true;
  past.payload = R"({"value":"ü"})";
  const Outgoing text = envelope_of("fire-1", past);
  CHECK(text.topic == "replay/fire-1/sensors/w/n/s1/t");
  CHECK_FALSE(text.retain);
  CHECK(text.payload ==
        R"({"offset":7,"arrival":"2026-11-22T12:00:01Z","retain":true,"payload":"{\"value\":\"ü\"}"})");
  past.retain = false;
  past.cut = true;
  past.payload = std::string("\xff\x00", 2);
  CHECK(envelope_of("fire-1", past).payload ==
        R"({"offset":7,"arrival":"2026-11-22T12:00:01Z","retain":false,"cut":true,"payload_base64":"/wA="})");
}

TEST_CASE("an envelope is as large as the broker lets it be: escaped text that would be larger is base64") {
  ReplayMessage past = message(7, kStart);
  past.payload = std::string(65'536, '\0');  // escaped six times as long
  const auto nul = nlohmann::json::parse(envelope_of("j", past).payload);
  CHECK_FALSE(nul.contains("payload"));
  CHECK(nul["payload_base64"] == std::string(65'536 / 3 * 4, 'A') + "AA==");
  past.payload = std::string(65'536, 'x');
  CHECK(nlohmann::json::parse(envelope_of("j", past).payload)["payload"] == past.payload);

  Stage stage;
  past.payload = std::string(262'144, '\0');
  REQUIRE(stage.play({message(1, kStart), past, message(8, kStart), past}, kMax).value());
  CHECK(stage.sent == Sent{{0s, 1}, {0s, 8}});
  CHECK(stage.player.too_large().count == 2);
  CHECK(stage.player.too_large().first_offset == 7);
}

TEST_CASE("what controls a replay says what was asked for") {
  const ReplayRequest all{"fire-1", ReplayOrder::event, {kStart, kStart + 1h}, ""};
  CHECK(start_of(all).topic == "replay/fire-1/control");
  CHECK(start_of(all).payload ==
        R"({"action":"start","by":"event","from":"2026-11-22T12:00:00Z","to":"2026-11-22T13:00:00Z"})");
  const ReplayRequest some{"fire-1", ReplayOrder::arrival, {kStart, kStart + 1h}, "sensors/#"};
  CHECK(start_of(some).payload == R"({"action":"start","by":"arrival","from":"2026-11-22T12:00:00Z",)"
                                  R"("to":"2026-11-22T13:00:00Z","topics":"sensors/#"})");
  CHECK(end_of("fire-1").payload == R"({"action":"end"})");
  CHECK(cancel_of("fire-1").payload == R"({"action":"cancel"})");
  CHECK(end_of("fire-1").topic == "replay/fire-1/control");
  CHECK(cancel_of("fire-1").topic == "replay/fire-1/control");
}

TEST_CASE("a replay's arguments mean a range, an order, a speed and a name") {
  auto typed = arguments();
  const auto plain = make_plan(typed, kStart);
  REQUIRE(plain);
  CHECK(plain->request.range.from == kStart - 1h);
  CHECK(plain->request.range.to == kStart);
  CHECK(std::isinf(plain->speed));
  CHECK(plain->request.job.starts_with("20261122T120000Z-"));
  typed.from = "-2h";
  typed.to = "now";
  typed.speed = "60x";
  typed.job = "fire.1";
  typed.topics = "sensors/+/north/#";
  typed.order = ReplayOrder::arrival;
  const auto special = make_plan(typed, kStart);
  REQUIRE(special);
  CHECK(special->request.range.from == kStart - 2h);
  CHECK(special->speed == 60);
  CHECK(special->request.job == "fire.1");
  CHECK(special->request.topics == typed.topics);
}

TEST_CASE("a replay names the argument that is wrong, and what is accepted") {
  const auto error = [](auto change) {
    auto typed = arguments();
    change(typed);
    return make_plan(typed, kStart).error();
  };
  CHECK_THAT(error([](auto& typed) { typed.from = "yesterday"; }), Catch::Contains("--from: "));
  CHECK_THAT(error([](auto& typed) { typed.to = "12"; }), Catch::Contains("--to: "));
  CHECK_THAT(error([](auto& typed) { typed.to = typed.from; }), Catch::Contains("is not after --from"));
  CHECK_THAT(error([](auto& typed) { typed.speed = "fast"; }), Catch::Contains("--speed: 'fast'"));
  CHECK_THAT(error([](auto& typed) { typed.topics = "a/#/b"; }), Catch::Contains("--topics: 'a/#/b'"));
  CHECK_THAT(error([](auto& typed) { typed.job = "a/b"; }), Catch::Contains("--job: 'a/b'"));
  CHECK_THAT(error([](auto& typed) {
               typed.into_live = true;
               typed.order = ReplayOrder::arrival;
             }),
             Catch::Contains("--into live needs --by event"));
  CHECK_THAT(error([](auto& typed) {
               typed.into_live = true;
               typed.topics = "sensors/#";
             }),
             Catch::Contains("--into live takes no --topics"));
}

TEST_CASE("a replay's report says how it ended") {
  ReplayReport report{.request = {"fire-1", ReplayOrder::event, {kStart, kStart + 1h}, ""},
                      .summary =
                          R"({"job":"fire-1","state":"done","books":{"received":10,"accepted":7,)"
                          R"("rejected":{"not_json":2,"past":1}},"outputs":{"aggregates":4,"alerts":1}})",
                      .sent = 10,
                      .left_out = 2};
  CHECK(report.is_done());
  CHECK(report.aggregates() == 4u);
  CHECK_THAT(report.text(), Catch::Contains("10 messages sent, 2 left out that brought no new reading"));
  CHECK_THAT(report.text(), Catch::Contains("books: received 10, accepted 7, rejected 3\n"));
  CHECK_THAT(report.text(), Catch::Contains("outputs: aggregates 4, alerts 1\n"));
  report.promotion = Promotion::Counts{.promoted = 3, .equal = 1};
  CHECK_THAT(report.text(), Catch::Contains("into live: 3 promoted, 1 equal already"));
  const auto json = nlohmann::json::parse(report.json());
  CHECK(json["summary"]["state"] == "done");
  CHECK(json["promotion"]["promoted"] == 3);
  report.summary = R"({"state":"done","messages":10,"unreadable":0})";
  CHECK(report.is_done());
  report.summary = R"({"state":"done","messages":8,"unreadable":1})";
  CHECK_FALSE(report.is_done());
  CHECK_THAT(report.why_not(),
             Catch::Contains("took 8 of 10 messages; it could not read 1, the rest was lost"));
  report.summary = R"({"state":"done","messages":11,"unreadable":0})";
  CHECK_FALSE(report.is_done());
  CHECK_THAT(report.why_not(), Catch::Contains("took 11 messages of 10 that were sent"));
  report.summary = R"({"state":"done","messages":10,"unreadable":0})";
  report.too_large = {.count = 1, .first_offset = 77};
  CHECK_FALSE(report.is_done());
  CHECK_THAT(report.why_not(), Catch::Contains("1 messages were left out, the first at offset 77"));
  CHECK_THAT(report.text(), Catch::Contains("1 left out: too large"));
  report.too_large = {};
  CHECK(report.is_done());
  report.summary = R"({"job":"fire-1","state":"refused","detail":"too many"})";
  CHECK_FALSE(report.is_done());
  CHECK(report.why_not() == "replay fire-1 is refused: too many");
  CHECK_FALSE(report.aggregates());
  report.summary = R"({"state":"done","messages":"all","outputs":[],"books":7})";
  CHECK(report.is_done());
  CHECK_FALSE(report.aggregates());
  CHECK_FALSE(report.text().empty());
  for (const char* broken : {"", "[]", R"({"state":1})", "\xff"}) {
    report.summary = broken;
    CHECK_FALSE(report.is_done());
    CHECK_THAT(report.why_not(), Catch::Contains("cannot be read"));
    CHECK_FALSE(report.text().empty());
    CHECK_FALSE(report.json().empty());
  }
}

TEST_CASE("progress of a replay says how far it is and how long it takes") {
  CHECK(describe_replay(1200, 0.25, 400, 20) == "1200 messages, 25 % of the time, 400/s, about 60s left");
  CHECK(describe_replay(1200, 1, 400, 20) == "1200 messages, 100 % of the time, 400/s");
}
