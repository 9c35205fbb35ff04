#include "simulator/delay_model.h"

#include <catch2/catch.hpp>

#include "tests/unit/simulator/fault_run.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

const Delay kHeavyTail{{{0.8, 10s}, {0.95, 2min}, {0.99, 8min}, {1, 6h}}};

}  // namespace

TEST_CASE("delays are spread evenly between the quantiles given") {
  const DelayModel model({kHeavyTail});
  const auto seconds = [&](double draw) { return std::chrono::duration<double>(model.at(draw)).count(); };
  CHECK(seconds(0) == 0);
  CHECK(seconds(0.4) == Approx(5));
  CHECK(seconds(0.8) == Approx(10));
  CHECK(seconds(0.875) == Approx(65));  // halfway from 10 s to 120 s
  CHECK(seconds(0.95) == Approx(120));
  CHECK(seconds(0.98) == Approx(390));  // three quarters of the way from 120 s to 480 s
  CHECK(seconds(0.995) == Approx(11'040));
  CHECK(model.at(1 - 0x1p-53) <= 6h);
  CHECK(seconds(1 - 0x1p-53) == Approx(21'600));
}

TEST_CASE("without a delay messages arrive at once") { CHECK(DelayModel({}).at(0.999) == 0s); }

TEST_CASE("of 96,000 messages of 200 sensors the shares asked for arrive in time, each drawn for its own") {
  Scenario scenario = preset("");
  scenario.sensors = 200;
  FaultOptions options;
  options.faults = {kHeavyTail};
  const auto run = run_faults(scenario, options);
  REQUIRE(run.messages.size() == 96'000);
  std::size_t in_10s = 0, in_2min = 0, in_8min = 0;
  std::map<std::pair<std::uint32_t, Timestamp>, int> slow;  // by instant: of temperature and smoke
  Timestamp before = kStart;
  for (const Message& message : run.messages) {
    const Microseconds delay = message.due - message.sample.event_time;
    REQUIRE(delay >= 0s);
    REQUIRE(delay <= 6h);
    REQUIRE(message.due >= before);
    before = message.due;
    in_10s += delay <= 10s;
    in_2min += delay <= 2min;
    in_8min += delay <= 8min;
    slow[{message.sample.sensor, message.sample.event_time}] += delay > 10s;
  }
  check_share(in_10s, 96'000, 0.8);
  check_share(in_2min, 96'000, 0.95);
  check_share(in_8min, 96'000, 0.99);
  const auto both = std::ranges::count_if(slow, [](const auto& instant) { return instant.second == 2; });
  check_share(static_cast<std::size_t>(both), 48'000, 0.2 * 0.2);
}

TEST_CASE("how long a message travels does not depend on whether it could have been lost") {
  Scenario scenario = preset("");
  FaultOptions options;
  options.lose = 0.5;
  options.faults = {Delay{{{0.5, 1s}, {1, 2s}}}};
  const auto run = run_faults(scenario, options);
  std::size_t in_1s = 0;
  for (const Message& message : run.messages) in_1s += message.due - message.sample.event_time <= 1s;
  check_share(in_1s, run.messages.size(), 0.5);
}
