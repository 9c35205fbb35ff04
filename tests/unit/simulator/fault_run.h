#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <vector>

#include "simulator/faults.h"
#include "simulator/fleet.h"

namespace lookout::test {

inline const Timestamp kStart{std::chrono::seconds{1'767'225'600}};  // 2026-01-01T00:00:00Z

/// Ten minutes of two sensors in regions a and b: sensor 0 measures at 0, 10, 20 s and so on, sensor 1 five
/// seconds later.
inline Scenario pair_of_sensors() {
  Scenario scenario = preset("");
  scenario.sensors = 2;
  scenario.regions = {"a", "b"};
  scenario.interval = std::chrono::seconds{10};
  scenario.duration = std::chrono::minutes{10};
  scenario.metrics.resize(1);
  return scenario;
}

struct FaultRun {
  std::vector<Message> messages;
  std::uint64_t lost = 0;
};

inline FaultRun run_faults(const Scenario& scenario, const FaultOptions& options, std::uint64_t seed = 1,
                           Form form = Form::one_metric) {
  const Catalogue catalogue = make_catalogue(scenario, seed);
  auto fleet = std::make_shared<Fleet>(scenario, kStart, form, seed);
  Faults faults([fleet](Sample& sample) { return fleet->next(sample); }, {catalogue, kStart, Random(seed)},
                options);
  FaultRun run;
  while (auto message = faults.next()) run.messages.push_back(std::move(*message));
  run.lost = faults.lost();
  return run;
}

inline std::vector<Message> messages_of(const FaultRun& run, std::uint32_t sensor) {
  std::vector<Message> messages = run.messages;
  std::erase_if(messages, [&](const Message& message) { return message.sample.sensor != sensor; });
  return messages;
}

/// Within 5 standard deviations of a binomial with this share.
inline void check_share(std::size_t count, std::size_t of, double share) {
  const auto n = static_cast<double>(of);
  CHECK(std::abs(static_cast<double>(count) - n * share) < 5 * std::sqrt(n * share * (1 - share)));
}

}  // namespace lookout::test
