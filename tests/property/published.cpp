#include <algorithm>
#include <random>
#include <sstream>

#include "gateway/machine.h"
#include "gateway/publish.h"
#include "gateway/snapshot.h"
#include "gateway/stats.h"
#include "tests/property/comparison.h"

namespace lookout::test {

namespace {

bool concerns(const Outgoing& message, const std::vector<std::string>& levels) {
  return std::ranges::all_of(levels, [&](const std::string& level) {
    return message.topic.find('/' + level + '/') != std::string::npos;
  });
}

// `before_step(machine)` may put another machine in its place.
template <typename BeforeStep>
std::string run(const Case& tried, const std::vector<std::string>& levels, std::optional<Machine>& machine,
                BeforeStep before_step) {
  machine.emplace(*Machine::create(tried.config, "box"));
  std::string all;
  std::vector<Output> outputs;
  const auto add = [&](const Rendered& cause) {
    std::vector<Outgoing> messages;
    for (const Output& output : outputs) render(output, cause.record, messages);
    for (const Outgoing& message : messages) {
      if (concerns(message, levels)) all += message.topic + ' ' + message.payload + '\n';
    }
  };
  for (std::size_t i = 0; i < tried.steps.size(); ++i) {
    before_step(machine);
    const Rendered rendered(tried.steps[i], i);
    machine->step(rendered.record, outputs);
    add(rendered);
  }
  machine->finish(outputs);
  add(Rendered({}, tried.steps.size()));
  return all;
}

std::string with_books(const std::string& all, const Machine& machine) {
  return all + render_stats(machine, {}) + '\n';
}

}  // namespace

std::string published(const Case& tried, const std::vector<std::string>& levels) {
  std::optional<Machine> machine;
  return run(tried, levels, machine, [](const auto&) {});
}

std::string published_with_books(const Case& tried) {
  std::optional<Machine> machine;
  const std::string all = run(tried, {}, machine, [](const auto&) {});
  return with_books(all, *machine);
}

std::string published_with_restarts(const Case& tried, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::optional<Machine> machine;
  const std::string all = run(tried, {}, machine, [&](std::optional<Machine>& running) {
    if (random() % 4 != 0) return;
    std::stringstream state;
    write_state(state, *running);
    running.emplace(*Machine::create(tried.config, "box"));
    read_state(state, *running);
  });
  return with_books(all, *machine);
}

}  // namespace lookout::test
