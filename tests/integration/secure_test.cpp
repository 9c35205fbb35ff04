#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/box.h"
#include "tests/support/certificate.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

bool connects(Box& box, ChildProcess& gateway) {
  REQUIRE(wait_until([&] {
    const std::string log = box.log("gateway");
    return log.find(" subscribed to ") != std::string::npos ||
           log.find("cannot reach the broker") != std::string::npos;
  }));
  gateway.stop();
  return box.log("gateway").find(" subscribed to ") != std::string::npos;
}

}  // namespace

TEST_CASE(
    "over TLS with a password the gateway connects, and with neither the wrong authority nor the wrong "
    "password") {
  const TempFolder folder;
  make_certificate(folder, "broker");
  make_certificate(folder, "stranger");
  must({"mosquitto_passwd", "-b", "-c", (folder / "passwords").string(), "box", "right"});
  spit(folder / "right", "right\n");
  spit(folder / "wrong", "wrong\n");
  Broker broker(
      fmt::format("certfile {0}/broker.crt\nkeyfile {0}/broker.key\nallow_anonymous false\n"
                  "password_file {0}/passwords\n",
                  folder.path().string()));
  for (const auto& [authority, password, expected] :
       {std::tuple{"broker", "right", true}, {"stranger", "right", false}, {"broker", "wrong", false}}) {
    INFO(authority << ' ' << password);
    Box box(broker.port(), "");
    std::filesystem::create_directory(box.folder() / "conf.d");
    spit(box.folder() / "conf.d/mqtt.toml",
         fmt::format("[mqtt]\nusername = \"box\"\npassword_file = \"{0}/{1}\"\nca_file = \"{0}/{2}.crt\"\n",
                     folder.path().string(), password, authority));
    ChildProcess gateway = box.start("gateway", false);
    CHECK(connects(box, gateway) == expected);
  }
}
