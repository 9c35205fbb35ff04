#include "tests/support/box.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <stdexcept>

#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace lookout::test {
namespace {

constexpr const char* kInputs = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[input]]
topic = "sensors/{network}/{region}/{sensor}"
codec = "flat"
metrics = { temperature = "temperature_c", smoke = "smoke_ug_m3" }
)";

}  // namespace

Box::Box(std::uint16_t port, const std::string& windows_and_rules) { configure(port, windows_and_rules); }

Box::~Box() {
  if (std::uncaught_exceptions() == 0) return;
  for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
    if (file.path().extension() != ".log") continue;
    const std::string log = slurp(file.path());
    fmt::print(stderr, "--- {}\n{}\n", file.path().filename().string(),
               log.substr(log.size() - std::min<std::size_t>(log.size(), 4000)));
  }
}

void Box::configure(std::uint16_t port, const std::string& windows_and_rules) {
  spit(folder_ / "lookout.toml",
       fmt::format("[box]\nid = \"test-box\"\nstate = \"{}\"\n[mqtt]\nport = {}\n{}\n{}\n", state().string(),
                   port, kInputs, windows_and_rules));
}

std::string Box::log(const std::string& name) const { return slurp(folder_ / (name + ".log")); }

ChildProcess Box::start(const std::string& name, bool wait_for_subscription) {
  const std::size_t before = occurrences(log(name), " subscribed to ");
  ChildProcess child({program(name), "run", "--config", config()}, {"/dev/null", folder_ / (name + ".log")});
  if (wait_for_subscription &&
      !wait_until([&] { return occurrences(log(name), " subscribed to ") >= before + 2; })) {
    throw std::runtime_error(name + " did not come up: " + log(name));
  }
  return child;
}

std::vector<std::string> wildfire(const Box& box, const Broker& broker, const std::string& speed) {
  return {program("simulator"),
          "run",
          "--preset",
          "wildfire",
          "--duration",
          "2h",
          "--speed",
          speed,
          "--seed",
          "5",
          "--port",
          broker.port_text(),
          "--truth",
          box.ledger().string()};
}

void simulate(const Broker& broker, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program("simulator"));
  arguments.insert(arguments.end(), {"--port", broker.port_text()});
  const auto finished = run(arguments, std::chrono::minutes{5});  // a million readings, beside other tests
  if (finished.code != 0) throw std::runtime_error("lookout-simulator: " + finished.err);
}

}  // namespace lookout::test
