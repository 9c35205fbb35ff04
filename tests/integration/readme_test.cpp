// The README's commands that read the archive with plain sqlite3, each tried on a real one.
#include <catch2/catch.hpp>
#include <sstream>

#include "tests/support/box.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

std::vector<std::string> sqlite3_lines() {
  std::vector<std::string> found;
  std::istringstream lines(slurp(source_path("README.md")));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    sqlite3 ")) found.push_back(line);
  }
  return found;
}

}  // namespace

TEST_CASE("the README's sqlite3 commands give rows of a running bridge's archive") {
  Broker broker;
  Box box(broker.port(), "");
  ChildProcess archiver = box.start("bridge");
  broker.publish("sensors/wild/north/s1/temperature", R"({"event_time":1795346400,"value":20.5})");
  REQUIRE(wait_until([&] {
    return occurrences(run({program("bridge"), "export", "--config", box.config()}).out, "\n") == 1;
  }));
  const auto commands = sqlite3_lines();
  REQUIRE_FALSE(commands.empty());
  for (std::string command : commands) {
    const std::string state = "/var/lib/lookout/";
    REQUIRE(command.find(state) != std::string::npos);
    command.replace(command.find(state), state.size(), box.state().string() + '/');
    INFO(command);
    const auto finished = run({"sh", "-c", command});
    INFO(finished.err);
    CHECK(finished.code == 0);
    CHECK_THAT(finished.out, Catch::Contains("20.5"));
  }
  CHECK(archiver.stop() == 0);
}
