// Late events in windows, as the tests of eKuiper know them (lf-edge/ekuiper, TestEventWindow): a lateness of
// 1 s, which is our lag of 1 s with allowed_lateness 0.
//
// The rules differ. eKuiper drops an *event* that is more than the lateness behind the newest one. Here a
// *window* refuses what comes after it has closed, that is, after the newest event less the lag has reached
// its end. Since an event lies before the end of every window it is in, what a window refuses has always been
// dropped there too; what is dropped there may still find a window open here. A colour is a sensor here, and
// the stream, which has one watermark there, is the network. Comments give times as seconds after 1541152400.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/golden/cases.h"
#include "tests/golden/recorded.h"
#include "tests/support/ledger.h"

using namespace lookout::test;
using nlohmann::json;

namespace {

std::string config(const std::string& window) {
  return R"(
[time]
lag = "1s"
allowed_lateness = 0
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "w"
)" + window;
}

struct Case {
  json ekuiper = json::parse(slurp(*case_folder("windows") / "ekuiper_event_windows.json"));

  // The events in their order; each arrives when the newest time so far has come.
  [[nodiscard]] std::string recording(int above_size = 0) const {
    std::string lines;
    std::int64_t newest = 0;
    for (const json& event : ekuiper["arrival_order"]) {
      newest = std::max(newest, event["ts"].get<std::int64_t>());
      if (event["size"] <= above_size) continue;
      lines += recorded_message(rfc3339(newest),
                                fmt::format("sensors/demo/e/{}/size", event["color"].get<std::string>()),
                                {{"event_time", rfc3339(event["ts"])}, {"value", event["size"]}});
    }
    return lines;
  }
  // All events lie within the ten seconds from 09:54:40 UTC on 2018-11-02, which are 1541152480 since the
  // epoch.
  static std::string rfc3339(std::int64_t ms) {
    return fmt::format("2018-11-02T09:54:{:06.3f}Z", static_cast<double>(ms - 1541152480000) / 1000 + 40);
  }
};

// By the end of the window, in ms since the epoch: `what` of its result.
using ByEnd = std::map<std::int64_t, int>;
ByEnd by_end(const Finished& finished, const std::string& what, const std::string& group = "_all") {
  ByEnd results;
  for (const auto& [id, payload] : kept_aggregates(lines_of(finished.out))) {
    if (payload["group"] == group) results[std::llround(epoch_of(payload["end"]) * 1000)] = payload[what];
  }
  return results;
}

std::vector<json> late_among(const Finished& finished) {
  std::vector<json> late;
  for (const json& line : lines_of(finished.out)) {
    if (line["topic"].get<std::string>().starts_with("late/")) late.push_back(line);
  }
  return late;
}

// The blue event of 86.822 s: 1.43 s behind the watermark, which the red one of 89.252 s has set.
void check_blue_alone_is_late(const Finished& finished) {
  const auto late = late_among(finished);
  REQUIRE(late.size() == 1);
  CHECK(late[0]["topic"] == "late/sensors/demo/e/blue/size");
  CHECK(late[0]["payload"]["refused_by"] == json{"w/_all"});
  CHECK(late[0]["payload"]["late_by_s"].get<double>() == Approx(89.252 - 1 - 86.822));
  CHECK_THAT(late[0]["payload"]["payload"].get<std::string>(),
             Catch::Contains("46.822Z") && Catch::Contains("\"value\":6"));
  CHECK(figure(finished, "accepted") == 5);
  CHECK(figure(finished, "late\n") == 1);
}

}  // namespace

// The watermark ends at 91.342 s: --no-flush closes what eKuiper does.
TEST_CASE("ekuiper: hopping windows count what is in time, and the dropped event is published as late") {
  if (!case_folder("windows")) return;
  const Case known;
  const Recorded recorded(config("kind = \"sliding\"\nsize = \"2s\"\nstep = \"1s\"\nby = [\"network\"]\n"));
  recorded.record(known.recording());
  const auto finished = recorded.run("backtest", {"--no-flush"});
  ByEnd expected;
  for (const json& window : known.ekuiper["hopping_2s_every_1s_count"])
    expected[window["end"]] = window["count"];
  REQUIRE(expected.size() == 4);
  // The list stops there because eKuiper's rule says HAVING of its fifth window (op_3_window puts out five):
  // the red event of 89.252 s alone.
  expected[1541152491000] = 1;
  CHECK(by_end(finished, "count") == expected);
  // Both windows over 86.822 s, ending at 87 s and 88 s, have closed at 88.252 s: ours drops it too.
  check_blue_alone_is_late(finished);
}

// `where` stands after the watermark and the window in eKuiper: events that it filters out have moved the
// watermark. `over` is the same here: all events are fed, and those above the threshold counted.
TEST_CASE("ekuiper: tumbling windows of events above a size") {
  if (!case_folder("windows")) return;
  const Case known;
  const Recorded recorded(config("size = \"1s\"\nover = 2\nby = [\"network\"]\n"));
  recorded.record(known.recording());
  const auto finished = recorded.run("backtest", {"--no-flush"});
  ByEnd expected;
  for (const json& window : known.ekuiper["tumbling_1s_where_size_gt_2"])
    expected[window["end"]] = static_cast<int>(window["rows"].size());
  REQUIRE(expected.size() == 2);
  // A window of which `where` leaves nothing is not put out there; here it has data, none of it above 2.
  expected[1541152488000] = expected[1541152490000] = 0;
  CHECK(by_end(finished, "over") == expected);
  check_blue_alone_is_late(finished);
}

// Not the same: who filters before the gateway takes the events away that move the watermark. Without the red
// event of 89.252 s the newest is 86.013 s when the blue one of 86.822 s comes: it is not late at all.
TEST_CASE("ekuiper: filtering before the gateway is not filtering in it") {
  if (!case_folder("windows")) return;
  const Case known;
  const Recorded recorded(config("size = \"1s\"\nby = [\"network\"]\n"));
  recorded.record(known.recording(2));
  const auto finished = recorded.run("backtest", {"--no-flush"});
  CHECK(by_end(finished, "count") == ByEnd{{1541152487000, 2}, {1541152489000, 1}});  // eKuiper: 1 and 1
  CHECK(late_among(finished).empty());                                                // eKuiper: blue
}

// Where the rules differ: the window from 80 s to 90 s is open while the watermark is 88.252 s. Its events
// are red 86.013, blue 87.632, red 89.252, blue 86.822, yellow 88.442. eKuiper has dropped the second blue
// one and would count 4; here the window can still take it, and nothing speaks against it: 5.
TEST_CASE("ekuiper: what it drops, a window that is still open takes") {
  if (!case_folder("windows")) return;
  const Case known;
  const Recorded recorded(config("size = \"10s\"\nby = [\"network\"]\n"));
  recorded.record(known.recording());
  const auto finished = recorded.run("backtest", {"--no-flush"});
  CHECK(by_end(finished, "count") == ByEnd{{1541152490000, 5}});  // eKuiper: 4
  CHECK(late_among(finished).empty());                            // eKuiper: blue
}

// And groups: eKuiper's stream has one watermark, also where it groups by colour. Here the blue sensor has
// its own, 87.632 s less 1 s, and its window that ends at 87 s is open; the red one's clock closes nothing of
// it.
TEST_CASE("ekuiper: a sensor's own windows follow its own watermark") {
  if (!case_folder("windows")) return;
  const Case known;
  const Recorded recorded(config("size = \"1s\"\nby = [\"sensor\"]\n"));
  recorded.record(known.recording());
  const auto finished = recorded.run("backtest");
  CHECK(by_end(finished, "count", "e/blue") ==
        ByEnd{{1541152487000, 1}, {1541152488000, 1}});  // eKuiper: 0, 1
  CHECK(late_among(finished).empty());                   // eKuiper: blue
}
