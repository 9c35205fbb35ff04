#include "common/state_folder.h"

#include <catch2/catch.hpp>

#include "common/names.h"
#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;

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
