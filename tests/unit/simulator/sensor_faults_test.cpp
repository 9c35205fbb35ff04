// What a sensor itself does wrong, beside its clock: values that are stuck, reboots.
#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/simulator/fault_run.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

std::vector<Sample> samples(const std::vector<Fault>& faults, std::uint32_t sensor = 1,
                            Form form = Form::combined) {
  Scenario scenario = pair_of_sensors();
  scenario.metrics = {metric_model("temperature"), metric_model("smoke")};
  FaultOptions options;
  options.faults = faults;
  std::vector<Sample> list;
  for (const Message& message : messages_of(run_faults(scenario, options, 1, form), sensor))
    list.push_back(message.sample);
  return list;
}

std::vector<double> numbers(const std::vector<Sample>& list, std::size_t metric) {
  std::vector<double> found;
  for (const Sample& sample : list) found.push_back(sample.values.at(metric).number);
  return found;
}

}  // namespace

TEST_CASE("a stuck sensor repeats the first value from the start on, for the duration") {
  const auto plain = numbers(samples({}), 0);
  const auto stuck = numbers(samples({StuckValue{{.region = "b", .start = 60s, .duration = 100s}}}), 0);
  REQUIRE(stuck.size() == 60);
  CHECK(std::set<double>(plain.begin() + 6, plain.begin() + 16).size() > 1);
  for (std::size_t i = 0; i < stuck.size(); ++i) {
    REQUIRE(stuck[i] == (i >= 6 && i < 16 ? plain[6] : plain[i]));  // 65 s to 155 s
  }
}

TEST_CASE("each metric is stuck at its own value, or only the one named") {
  const auto plain = samples({});
  const auto both = samples({StuckValue{}});
  const auto smoke = samples({StuckValue{{}, "smoke"}});
  CHECK(numbers(both, 0) == std::vector<double>(60, plain[0].values[0].number));
  CHECK(numbers(both, 1) == std::vector<double>(60, plain[0].values[1].number));
  CHECK(numbers(smoke, 0) == numbers(plain, 0));
  CHECK(numbers(smoke, 1) == std::vector<double>(60, plain[0].values[1].number));
}

TEST_CASE("sensors that are stuck do not share a value, and the others are not") {
  const std::vector<Fault> all{StuckValue{}};
  CHECK(numbers(samples(all, 0), 0)[30] != numbers(samples(all, 1), 0)[30]);
  const std::vector<Fault> other{StuckValue{{.region = "a"}}};
  CHECK(numbers(samples(other), 0) == numbers(samples({}), 0));
}

TEST_CASE("a value that is stuck takes no spike") {
  const std::vector<Fault> faults{StuckValue{{.start = 100s}}, Spike{0.3, 50, ""}};
  const auto spiked = numbers(samples(faults), 0);
  CHECK(std::set<double>(spiked.begin() + 10, spiked.end()).size() == 1);
}

TEST_CASE("after a reboot seq counts from 0 and the boot is the next one") {
  const auto list = samples({Reboot{{.sensor = "sensor-001", .start = 60s, .every = 200s}}});
  REQUIRE(list.size() == 60);
  for (std::size_t i = 0; i < list.size(); ++i) {
    // At 60 s, 260 s and 460 s: before the readings 6, 26 and 46.
    const std::size_t boots = i < 6 ? 0 : i < 26 ? 1 : i < 46 ? 2 : 3;
    REQUIRE(list[i].boots == boots);
    REQUIRE(list[i].seq == (boots == 0 ? i : i - 6 - (boots - 1) * 20));
  }
  for (const Sample& sample : samples({Reboot{{.region = "b", .start = 60s}}}, 0)) REQUIRE(sample.boots == 0);
}

TEST_CASE("all metrics of an instant share the seq of their boot") {
  const auto list = samples({Reboot{{.start = 60s}}}, 1, Form::one_metric);
  REQUIRE(list.size() == 120);
  for (std::size_t i = 0; i < list.size(); i += 2) {
    REQUIRE(list[i].seq == i / 2 - (i >= 12 ? 6 : 0));
    REQUIRE(list[i + 1].seq == list[i].seq);
    REQUIRE(list[i + 1].boots == list[i].boots);
  }
}

TEST_CASE("the reboots of several faults add up") {
  const auto list = samples({Reboot{{.start = 60s}}, Reboot{{.region = "b", .start = 120s}}});
  CHECK(list[5].boots == 0);
  CHECK(list[6].boots == 1);
  CHECK(list[12].boots == 2);
  CHECK(list[12].seq == 0);
  CHECK(list[59].boots == 2);
}
