#include "gateway/condition.h"

#include <catch2/catch.hpp>

#include "gateway/summary.h"

using namespace lookout;

namespace {

ClosedWindow window_with(std::vector<std::pair<std::string, double>> means) {
  ClosedWindow window;
  window.window = "5m";
  window.group = {GroupBy::region, "wildfire", "north", {}};
  for (const auto& [metric, mean] : means) {
    MetricResult result;
    result.metric = metric;
    result.mean = mean;
    result.count = 10;
    window.metrics.push_back(result);
  }
  return window;
}

std::optional<bool> holds(const std::string& text, const ClosedWindow& window) {
  auto condition = Condition::parse(text);
  REQUIRE(condition.has_value());
  return (*condition)->holds(window);
}

std::string summary(const std::string& text, const ClosedWindow& window) {
  const auto parsed = Summary::parse(text);
  REQUIRE(parsed.has_value());
  return parsed->render("Fire", 7, window);
}

}  // namespace

TEST_CASE("conditions compare, calculate and combine aggregates") {
  const auto window = window_with({{"temperature", 40}, {"smoke", 10}});
  CHECK(holds("temperature.mean > 35", window) == true);
  CHECK(holds("temperature.mean > 40", window) == false);
  CHECK(holds("temperature.mean >= 40", window) == true);
  CHECK(holds("temperature.mean > 35 and smoke.mean > 20", window) == false);
  CHECK(holds("temperature.mean > 35 or smoke.mean > 20", window) == true);
  CHECK(holds("not (smoke.mean > 20)", window) == true);
  CHECK(holds("temperature.mean - smoke.mean > 29.5", window) == true);
  CHECK(holds("temperature.mean > 35 and temperature.count >= 10", window) == true);
  CHECK(holds("temperature.mean == 40 and smoke.mean != 11 and not (smoke.mean != 10)", window) == true);
  CHECK(holds("temperature.mean / smoke.mean * 2 + 1 >= 9 and -smoke.mean < 0", window) == true);
  CHECK(holds("smoke.mean > 20 or smoke.mean > 5 and temperature.mean > 39", window) == true);
}

TEST_CASE("what is above the threshold is an aggregate where the window has one") {
  auto window = window_with({{"temperature", 40}});
  CHECK(holds("temperature.over >= 2", window) == std::nullopt);
  window.metrics[0].over = 2;
  CHECK(holds("temperature.over >= 2", window) == true);
  CHECK(holds("temperature.over >= 3", window) == false);
}

TEST_CASE("a comparison with a missing aggregate is false, and false for want of data is no evaluation") {
  const auto window = window_with({{"temperature", 40}});
  CHECK(holds("temperature.mean > 35 or smoke.mean > 20", window) == true);
  CHECK(holds("temperature.mean > 35 and smoke.mean > 20", window) == std::nullopt);
  CHECK(holds("smoke.mean < 20", window) == std::nullopt);
  CHECK(holds("temperature.mean > 35 and smoke.mean != 0", window) == std::nullopt);
  CHECK(holds("smoke.mean != 0", window) == std::nullopt);
  CHECK(holds("smoke.mean", window) == std::nullopt);
  CHECK(holds("temperature.mean + smoke.mean", window) == std::nullopt);
}

TEST_CASE("conditions that cannot be understood are refused with the reason") {
  for (const auto& [text, reason] : {std::pair{"temperature.mean >", "no condition"},
                                     {"temperature.avg > 1", "'temperature.avg' is no aggregate"},
                                     {"temperature > 1", "'temperature' is no aggregate"},
                                     {"1 > 0", "names no aggregate"},
                                     {"", "no condition"},
                                     {"temperature.mean > 35 und smoke.mean > 1", "no condition"},
                                     {"(a.mean > 1", "no condition"},
                                     {"a.mean = 35", "no condition"},
                                     {"a.mean > 1, b.mean > 1", "more than one"}}) {
    INFO(text);
    const auto parsed = Condition::parse(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().find(reason) != std::string::npos);
  }
}

TEST_CASE("a metric's name may hold dots: the last one begins the aggregate") {
  CHECK(holds("pm2.5.mean > 3", window_with({{"pm2.5", 4}})) == true);
}

TEST_CASE("summaries are filled from the window") {
  const auto window = window_with({{"temperature", 47.0512}});
  CHECK(summary("{group}: mean {temperature.mean:.1f} over 5 min ({sensors} sensors)", window) ==
        "north: mean 47.1 over 5 min (7 sensors)");
  CHECK(summary("{rule} {network} {window} {smoke.mean:.1f}", window) == "Fire wildfire 5m ?");
  CHECK(summary("", window) == "");
  CHECK(summary("plain", window) == "plain");
}

TEST_CASE("summaries that cannot be filled are refused with what is accepted") {
  for (const auto& [text, reason] : {std::pair{"{grup}", "accepted are {group}"},
                                     {"{temperature.mean:x}", "example"},
                                     {"{temperature.mean", "without a }"},
                                     {"{temperature.avg}", "is not known"}}) {
    INFO(text);
    const auto parsed = Summary::parse(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().find(reason) != std::string::npos);
  }
}
