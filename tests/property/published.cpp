#include <algorithm>

#include "gateway/machine.h"
#include "gateway/publish.h"
#include "tests/property/comparison.h"

namespace lookout::test {

std::string published(const Case& tried, const std::vector<std::string>& levels) {
  Machine machine = *Machine::create(tried.config, "box");
  std::string all;
  std::vector<Output> outputs;
  const auto add = [&](const Rendered& cause) {
    std::vector<Outgoing> messages;
    for (const Output& output : outputs) render(output, cause.record, messages);
    for (const Outgoing& message : messages) {
      const auto is_there = [&](const std::string& level) {
        return message.topic.find('/' + level + '/') != std::string::npos;
      };
      if (std::ranges::all_of(levels, is_there)) all += message.topic + ' ' + message.payload + '\n';
    }
  };
  for (std::size_t i = 0; i < tried.steps.size(); ++i) {
    const Rendered rendered(tried.steps[i], i);
    machine.step(rendered.record, outputs);
    add(rendered);
  }
  machine.finish(outputs);
  add(Rendered({}, tried.steps.size()));
  return all;
}

}  // namespace lookout::test
