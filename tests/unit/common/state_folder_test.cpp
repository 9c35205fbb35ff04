#include "common/state_folder.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/names.h"
#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;

namespace {

using Answer = bool (*)(const Result<StateFolder>&);

/// Whether it is so where somebody opens the folder to whom nothing belongs; of a test that root runs.
bool holds_for_nobody(const Config& config, const std::string& program, Answer wanted) {
  constexpr auto kNobody = 65534;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(2);
    ::_exit(wanted(StateFolder::open(config, program)) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("a state folder has one owner, and another program its own") {
  const TempFolder folder;
  Config config;
  config.state = folder / "state";
  {
    const auto first = StateFolder::open(config, "gateway");
    REQUIRE(first.has_value());
    const auto second = StateFolder::open(config, "gateway");
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().find("is in use by another lookout-gateway") != std::string::npos);
    CHECK(StateFolder::open(config, "bridge").has_value());
  }
  CHECK(StateFolder::open(config, "gateway").has_value());
}

TEST_CASE("the box id is made once, the configured one wins") {
  const TempFolder folder;
  Config config;
  config.state = folder / "state";
  const std::string made = StateFolder::open(config, "gateway")->box_id();
  CHECK(is_valid_name(made));
  CHECK(StateFolder::open(config, "bridge")->box_id() == made);
  config.box_id = "ridge-7";
  CHECK(StateFolder::open(config, "gateway")->box_id() == "ridge-7");
}

TEST_CASE("a state folder that cannot be made is said so") {
  const TempFolder folder;
  spit(folder / "file", "");
  Config config;
  config.state = folder / "file/state";
  const auto opened = StateFolder::open(config, "gateway");
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().find("cannot make the state folder") != std::string::npos);
}

// What was left by another user is no damage: as root, by somebody who may not open it; else by nobody at
// all.
TEST_CASE("a file in the state folder that cannot be opened is said so, and stays as it is") {
  using std::filesystem::perms;
  const TempFolder folder;
  Config config;
  config.state = folder / "state";
  std::filesystem::create_directories(folder / "state/gateway/journal");
  for (const char* const name : {"", "state", "state/gateway", "state/gateway/journal"})
    std::filesystem::permissions(folder / name, perms::all);
  const auto segment = folder / "state/gateway/journal/00000000000000000000.journal";
  spit(segment, "acknowledged");
  std::filesystem::permissions(segment, perms::none);
  config.box_id = "box";
  const Answer wanted = [](const auto& opened) {
    return !opened && opened.error().find("does it belong to another user?") != std::string::npos;
  };
  CHECK(holds_for_nobody(config, "gateway", wanted));
  CHECK(std::filesystem::exists(segment));
}

// The bridge waits for it, and its status says so.
TEST_CASE("an archive that cannot be opened does not keep the state folder from being opened") {
  using std::filesystem::perms;
  const TempFolder folder;
  Config config;
  config.state = folder / "state";
  config.box_id = "box";
  const auto archive = folder / "state/bridge/archive";
  std::filesystem::create_directories(archive);
  for (const char* const name : {"", "state", "state/bridge"})
    std::filesystem::permissions(folder / name, perms::all);
  spit(archive / "00000000000000000000-2026-11-22.db", "");
  std::filesystem::permissions(archive / "00000000000000000000-2026-11-22.db", perms::none);
  std::filesystem::permissions(archive, GENERATE(perms::none, perms::all));
  CHECK(holds_for_nobody(config, "bridge", [](const auto& opened) { return opened.has_value(); }));
  std::filesystem::permissions(archive, perms::all);
}
