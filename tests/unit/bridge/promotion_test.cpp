// What a replay puts in place of live results, and what it leaves alone.
#include "bridge/replay/promotion.h"

#include <nlohmann/json.hpp>

#include "bridge/replay/live_results.h"
#include "tests/unit/bridge/archive_days.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

using nlohmann::json;

const Timestamp kNoon = at("2026-11-22T12:00:00Z");
const TimeRange kHour{kNoon, kNoon + 1h};

WindowConfig window(const char* name, WindowKind kind = WindowKind::tumbling) {
  WindowConfig config;
  config.name = name;
  config.kind = kind;
  (kind == WindowKind::session ? config.gap : config.size) = 5min;
  return config;
}

/// An archive in which the group north has come so far by event time, and live and replayed results.
struct Promoting {
  Promoting() { box.config.windows = {window("5m"), window("visit", WindowKind::session)}; }

  /// A result of group north, five minutes long.
  static json result(Timestamp start, int count = 10, const char* window_name = "5m") {
    return {{"id", fmt::format("wild/{}/north/temperature/{}", window_name, to_rfc3339(start))},
            {"revision", 0},
            {"network", "wild"},
            {"window", window_name},
            {"group", "north"},
            {"metric", "temperature"},
            {"unit", "Cel"},
            {"start", to_rfc3339(start)},
            {"end", to_rfc3339(start + 5min)},
            {"closed_by", "watermark"},
            {"count", count},
            {"sensors", 2},
            {"sum", 20.0 * count},
            {"mean", 20.0},
            {"min", 18.0},
            {"max", 22.0},
            {"stddev", 1.5},
            {"first", 19.0},
            {"last", 21.0},
            {"watermark", to_rfc3339(start + 6min)},
            {"late", 0},
            {"seq_gaps", 0}};
  }
  static json with(json object, const json& changes) {
    object.update(changes);
    return object;
  }

  void replay(json object) {
    object["historical"] = true;
    replayed.offer(*parse_aggregate(object.dump()), object.dump());
  }
  void have_live(const json& object) {
    box.store({{.topic = "aggregates/wild/5m/north/temperature", .payload = object.dump()}});
  }
  /// The group's newest reading, as it arrived.
  void hear(Timestamp event_time, Timestamp arrival) {
    box.store({reading(to_rfc3339(event_time).c_str(), to_rfc3339(arrival).c_str())});
  }

  Promotion promote() {
    ResultBook live;
    REQUIRE(read_results(box.path(), kHour, live));
    const auto files = ReplayFiles::open(box.path());
    REQUIRE(files);
    const auto groups = LiveGroups::read(*files, box.config.time, needed_times(replayed, kHour, box.config));
    REQUIRE(groups);
    return lookout::promote(replayed, live, kHour, box.config, *groups, now);
  }
  /// Publishes it all, as far as the archive is concerned.
  void publish(const Promotion& promotion) {
    for (const Outgoing& message : promotion.messages)
      box.store({{.topic = message.topic, .payload = message.payload}});
  }

  ArchiveFixture box;
  ResultBook replayed;
  Timestamp now = kNoon + 12h;
};

const Timestamp kLater = kNoon + 3h;

}  // namespace

TEST_CASE("a window that differs is promoted as the next revision, and twice gives nothing new") {
  Promoting test;
  test.hear(kLater, kLater);
  test.have_live(Promoting::result(kNoon, 7));
  test.have_live(Promoting::with(Promoting::result(kNoon, 8), {{"revision", 1}}));
  test.have_live(Promoting::result(kNoon + 5min));
  test.replay(Promoting::result(kNoon));
  test.replay(Promoting::result(kNoon + 5min));
  test.replay(Promoting::result(kNoon + 10min));
  const auto first = test.promote();
  CHECK(first.counts.promoted == 2);
  CHECK(first.counts.equal == 1);
  REQUIRE(first.messages.size() == 2);
  CHECK(first.messages[0].topic == "aggregates/wild/5m/north/temperature");
  CHECK_FALSE(first.messages[0].retain);
  CHECK(json::parse(first.messages[0].payload) ==
        Promoting::with(Promoting::result(kNoon), {{"revision", 2}, {"closed_by", "replay"}}));
  CHECK(json::parse(first.messages[1].payload) ==
        Promoting::with(Promoting::result(kNoon + 10min), {{"revision", 0}, {"closed_by", "replay"}}));
  test.publish(first);
  const auto second = test.promote();
  CHECK(second.messages.empty());
  CHECK(second.counts.equal == 3);
}

TEST_CASE("any value that differs is a difference, rounding of sums is none") {
  const auto promoted_if = [](const json& changes) {
    Promoting test;
    test.hear(kLater, kLater);
    test.have_live(Promoting::result(kNoon));
    test.replay(Promoting::with(Promoting::result(kNoon), changes));
    return test.promote().counts.promoted == 1;
  };
  CHECK(promoted_if({{"count", 11}}));
  CHECK(promoted_if({{"sensors", 3}}));
  CHECK(promoted_if({{"min", 18.000000001}}));
  CHECK(promoted_if({{"max", 22.000000001}}));
  CHECK(promoted_if({{"first", 19.000000001}}));
  CHECK(promoted_if({{"last", 21.000000001}}));
  CHECK(promoted_if({{"over", 1}}));
  CHECK(promoted_if({{"seq_gaps", 1}}));
  CHECK(promoted_if({{"sum", 200 * (1 + 2e-9)}}));
  CHECK(promoted_if({{"mean", 20 * (1 + 2e-9)}}));
  CHECK(promoted_if({{"stddev", 1.5 * (1 + 2e-9)}}));
  CHECK_FALSE(promoted_if({{"sum", 200 * (1 + 5e-10)}}));
  CHECK_FALSE(promoted_if({{"mean", 20 * (1 + 5e-10)}}));
  CHECK_FALSE(promoted_if({{"stddev", 1.5 * (1 + 5e-10)}}));
  CHECK_FALSE(
      promoted_if({{"late", 3}, {"watermark", "2026-11-22T13:00:00Z"}, {"closed_by", "end_of_input"}}));
}

TEST_CASE("a window is promoted once the live watermark has passed its end and allowed lateness") {
  // lag 60 s, allowed_lateness 10 min: from 12:05 on that is a reading of 12:16.
  const auto promoted_at = [](Timestamp event_time, Timestamp arrival, Timestamp now) {
    Promoting test;
    test.now = now;
    test.hear(kNoon, kNoon + 1s);
    test.hear(event_time, arrival);
    test.replay(Promoting::result(kNoon));
    if (GENERATE(false, true)) {
      test.box.store({{.topic = "other", .payload = "1", .arrival = "2026-11-24T12:00:00Z"}});
      test.box.maintain();
    }
    const auto counts = test.promote().counts;
    CHECK(counts.promoted + counts.not_final == 1);
    return counts.promoted == 1;
  };
  const Timestamp final_at = kNoon + 16min, soon = final_at + 1s;
  CHECK(promoted_at(final_at, soon, soon));
  CHECK_FALSE(promoted_at(final_at - 1us, soon, soon));
  CHECK_FALSE(promoted_at(final_at, kNoon + 1min, soon));  // a clock ahead by a quarter of an hour
}

TEST_CASE("a window of a group that has fallen silent is promoted when live has waited for long enough") {
  // Silent since 12:03: closed by idleness at the latest 12:06 (end - newest + lag later), final 10 min
  // after.
  const auto promoted_at = [](Timestamp now) {
    Promoting test;
    test.now = now;
    test.hear(kNoon + 3min, kNoon + 3min);
    test.replay(Promoting::result(kNoon));
    return test.promote().counts.promoted == 1;
  };
  CHECK(promoted_at(kNoon + 16min));
  CHECK_FALSE(promoted_at(kNoon + 16min - 1us));
}

TEST_CASE("a sensor that goes on says nothing of another's windows") {
  Promoting test;
  test.now = kNoon + 10min;
  test.hear(kNoon + 1min, kNoon + 1min);
  test.box.store({{.topic = "sensors/wild/south/s9/temperature",
                   .payload = fmt::format(R"({{"event_time":"{}","value":1}})", to_rfc3339(kLater)),
                   .arrival = to_rfc3339(kLater)}});
  test.replay(Promoting::result(kNoon));
  CHECK(test.promote().counts.not_final == 1);
}

TEST_CASE("what lies partly outside, is incomplete, unknown or poorer than live is left alone") {
  Promoting test;
  test.hear(kLater, kLater);
  test.have_live(Promoting::result(kNoon + 10min, 12));
  test.replay(Promoting::result(kNoon - 1min));
  test.replay(Promoting::result(kNoon + 56min));
  test.replay(Promoting::with(Promoting::result(kNoon + 5min), {{"incomplete", true}}));
  test.replay(Promoting::result(kNoon + 10min, 11));
  test.replay(Promoting::result(kNoon + 15min, 10, "9m"));
  test.have_live(Promoting::result(kNoon + 20min));
  const auto promotion = test.promote();
  CHECK(promotion.messages.empty());
  CHECK(promotion.counts.partly_outside == 2);
  CHECK(promotion.counts.incomplete == 1);
  CHECK(promotion.counts.fewer_readings == 1);
  CHECK(promotion.counts.not_configured == 1);
  CHECK(promotion.counts.only_live == 1);
}

TEST_CASE("a complete window takes the place of an incomplete one, also with the same values") {
  Promoting test;
  test.hear(kLater, kLater);
  test.have_live(Promoting::with(Promoting::result(kNoon), {{"incomplete", true}}));
  test.have_live(Promoting::with(Promoting::result(kNoon + 5min, 20), {{"incomplete", true}}));
  test.replay(Promoting::result(kNoon));
  test.replay(Promoting::result(kNoon + 5min));  // fewer, but who knows of what
  auto promotion = test.promote();
  CHECK(promotion.counts.promoted == 2);
  CHECK(json::parse(promotion.messages[0].payload)["revision"] == 1);
  test.publish(promotion);
  CHECK(test.promote().counts.equal == 2);
}

TEST_CASE("of live's revisions the complete one counts, whatever came after it") {
  Promoting test;
  test.hear(kLater, kLater);
  test.have_live(Promoting::with(Promoting::result(kNoon), {{"revision", 3}}));
  test.have_live(Promoting::with(Promoting::result(kNoon, 2), {{"revision", 5}, {"incomplete", true}}));
  test.replay(Promoting::result(kNoon));
  CHECK(test.promote().counts.equal == 1);
}

TEST_CASE("a window that live has taken back comes back") {
  Promoting test;
  test.hear(kLater, kLater);
  test.have_live(Promoting::with(json::parse(kRetraction), {{"id", Promoting::result(kNoon)["id"]},
                                                            {"start", "2026-11-22T12:00:00Z"},
                                                            {"end", "2026-11-22T12:05:00Z"}}));
  test.replay(Promoting::result(kNoon));
  const auto promotion = test.promote();
  REQUIRE(promotion.messages.size() == 1);
  CHECK(json::parse(promotion.messages[0].payload)["revision"] == 2);
}

TEST_CASE("live sessions that are part of a longer one are retracted right before it") {
  Promoting test;
  test.hear(kLater, kLater);
  const auto session = [](Timestamp start, Timestamp end, int count) {
    return Promoting::with(Promoting::result(start, count, "visit"), {{"end", to_rfc3339(end)}});
  };
  test.have_live(session(kNoon + 5min, kNoon + 12min, 3));  // begins later
  test.have_live(Promoting::with(session(kNoon + 20min, kNoon + 30min, 4), {{"revision", 2}}));  // within
  test.have_live(session(kNoon + 40min, kNoon + 50min, 5));  // another one
  test.replay(session(kNoon, kNoon + 30min, 20));
  const auto promotion = test.promote();
  CHECK(promotion.counts.retracted == 2);
  CHECK(promotion.counts.promoted == 1);
  CHECK(promotion.counts.only_live == 1);
  REQUIRE(promotion.messages.size() == 3);
  const auto gone = parse_aggregate(promotion.messages[1].payload);
  REQUIRE(gone);
  CHECK(gone->retracted);
  CHECK(gone->id == "wild/visit/north/temperature/2026-11-22T12:20:00Z");
  CHECK(gone->revision == 3);
  CHECK(gone->start == kNoon + 20min);
  CHECK(gone->end == kNoon + 30min);
  CHECK(gone->count == 0);
  CHECK(gone->closed_by == "replay");
  CHECK_FALSE(gone->mean);
  CHECK_FALSE(json::parse(promotion.messages[1].payload).contains("historical"));
  CHECK(json::parse(promotion.messages[2].payload)["id"] ==
        "wild/visit/north/temperature/2026-11-22T12:00:00Z");
  test.publish(promotion);
  const auto again = test.promote();
  CHECK(again.messages.empty());
  CHECK(again.counts.equal == 1);
}

TEST_CASE("a session that lacks what a live one has counted takes nothing's place") {
  Promoting test;
  test.hear(kLater, kLater);
  test.have_live(Promoting::result(kNoon + 2min, 30, "visit"));
  test.replay(Promoting::result(kNoon, 20, "visit"));
  const auto promotion = test.promote();
  CHECK(promotion.messages.empty());
  CHECK(promotion.counts.fewer_readings == 1);
  CHECK(promotion.counts.only_live == 1);
}

TEST_CASE("a group's watermark is looked for in older files where the newest does not tell") {
  Promoting test;
  test.hear(kNoon + 1h, kNoon + 1h);
  test.box.store({reading("2026-11-22T12:00:10Z", kDay2)});  // a backlog, a day later
  test.box.store({reading("2026-11-22T12:00:11Z", kDay3)});
  if (GENERATE(false, true)) test.box.maintain();
  test.now = at(kDay3) + 1s;
  test.replay(Promoting::result(kNoon));
  CHECK(test.promote().counts.promoted == 1);
}

TEST_CASE("results that come while a replay runs are kept apart, the job's counted once each") {
  ReplayResults results("fire-1", kHour);
  const auto take = [&](const char* prefix, const json& object) {
    const std::string topic = std::string(prefix) + "aggregates/wild/5m/north/temperature";
    const std::string payload = object.dump();
    results.take({.arrival = kNoon, .topic = topic, .payload = payload});
  };
  take("replay/fire-1/", Promoting::result(kNoon));
  take("replay/fire-1/", Promoting::result(kNoon));
  take("replay/fire-1/", Promoting::with(Promoting::result(kNoon, 11), {{"revision", 1}}));
  take("replay/fire-1/", Promoting::result(kNoon));  // once more, out of a lost connection
  take("replay/fire-1/", Promoting::result(kNoon + 5min));
  take("", Promoting::result(kNoon + 10min));
  take("", Promoting::result(kNoon + 60min));
  CHECK(results.taken() == 3);
  CHECK(results.replayed().entries().size() == 2);
  CHECK(results.replayed().entries().begin()->second.row.count == 11);
  CHECK(results.live().entries().size() == 1);
  CHECK_FALSE(results.is_full());
  results.finish();
  take("", Promoting::result(kNoon + 15min));
  CHECK(results.live().entries().size() == 1);
}

TEST_CASE("the range of a promotion is widened by the longest window or gap") {
  CHECK(promotion_margin({}) == 0s);
  auto sliding = window("s");
  sliding.size = 1h;
  sliding.step = 1min;
  CHECK(promotion_margin({window("5m"), sliding}) == 1h);
  auto session = window("v", WindowKind::session);
  session.gap = 2h;
  CHECK(promotion_margin({sliding, session}) == 2h);
}
