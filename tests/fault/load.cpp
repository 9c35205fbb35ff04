#include "tests/fault/load.h"

#include <stdexcept>

#include "tests/support/wait.h"

namespace lookout::test {

Load::Load(const Box& box, const Broker& broker, std::vector<std::string> arguments)
    : box_(box), port_(broker.port_text()), arguments_(std::move(arguments)), count_(box.ledger()) {}

void Load::start(const std::string& speed, const std::string& interval,
                 const std::vector<std::string>& more) {
  std::vector<std::string> command{program("simulator"),
                                   "run",
                                   "--sensors",
                                   "200",
                                   "--interval",
                                   interval,
                                   "--duration",
                                   "6h",
                                   "--speed",
                                   speed,
                                   "--port",
                                   port_,
                                   "--truth",
                                   box_.ledger()};
  for (const auto* words : {&arguments_, &more}) command.insert(command.end(), words->begin(), words->end());
  simulator_.emplace(command, ChildProcess::Options{"/dev/null", box_.folder() / "simulator.log"});
  await(1);
}

void Load::await(std::uint64_t readings) {
  const std::uint64_t goal = acknowledged() + readings;
  if (!wait_until([&] { return acknowledged() >= goal; }, std::chrono::seconds{120}))
    throw std::runtime_error("the load does not come: " + box_.log("simulator"));
}

void Load::end() {
  simulator_->send(SIGINT);
  if (simulator_->wait() != 0) throw std::runtime_error("lookout-simulator: " + box_.log("simulator"));
}

}  // namespace lookout::test
