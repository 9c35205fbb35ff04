// How fast a replay goes: as the gateway is through with it, and what it makes of one that says nothing.
#include "tests/integration/fake_gateway.h"

using namespace lookout::test;
using namespace std::chrono_literals;
using nlohmann::json;

TEST_CASE("a replay sends no more than the gateway is through with, and to one that says nothing little") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  const std::size_t all = archive_readings(broker, box, 4);
  FakeGateway gateway(broker, false);
  ChildProcess child = replay(box, "slow", {});
  REQUIRE(wait_until([&] { return gateway.envelopes_before_marks("slow").size() >= 3; }));
  Marker::reach(broker, "slow", 99);  // nobody has asked for that one
  REQUIRE(wait_until([&] { return gateway.envelopes_before_marks("slow").size() >= 4; }));
  auto marks = gateway.envelopes_before_marks("slow");
  marks.resize(4);
  CHECK(marks == std::vector<std::size_t>{1, 2, 3, 4});
  // One that answers gets more.
  const Marker marker(broker);
  REQUIRE(gateway.await("slow", "end"));
  CHECK(gateway.envelopes("slow").size() == all);
  CHECK(gateway.envelopes_before_marks("slow").size() < all);
  gateway.answer("slow", "done");
  CHECK(child.wait() == 0);

  // Who wants it at any price asks nobody.
  replay_all(box, gateway, "all", {"--rate", "0"});
  const auto sent = [&](const std::string& job) {
    std::vector<std::string> payloads;
    for (const Received& message : gateway.envelopes(job)) payloads.push_back(message.payload);
    return payloads;
  };
  CHECK(sent("all").size() == all);
  CHECK(sent("slow") == sent("all"));
  CHECK(gateway.envelopes_before_marks("all").empty());
  CHECK(archiver.stop() == 0);
}

// As long as a gateway that is online may be silent, which is two minutes.
TEST_CASE("a replay that a gateway never answers is given up, and not while no gateway is online",
          "[.][long-silence]") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  archive_readings(broker, box, 8);
  FakeGateway gateway(broker, false);
  ChildProcess child = replay(box, "silent", {});
  CHECK(child.wait(180s) == 1);
  CHECK_THAT(slurp(box.folder() / "silent.err"), Catch::Contains("no gateway has answered replay silent"));
  CHECK(gateway.await("silent", "cancel"));
  const std::size_t sent = gateway.envelopes("silent").size();
  CHECK(sent > 100);  // one a second
  CHECK(sent < 200);

  ChildProcess patient = replay(box, "patient", {});
  REQUIRE(gateway.await("patient", "start"));
  broker.publish("lookout/gateway/test-box/status", R"({"state":"offline"})", true);
  REQUIRE(wait_until([&] { return gateway.envelopes("patient").size() > 130; }, 180s));
  CHECK(patient.running());
  patient.send(SIGTERM);
  CHECK(gateway.await("patient", "cancel"));
  gateway.answer("patient", "cancelled");
  CHECK(patient.wait() == 1);
  CHECK(archiver.stop() == 0);
}
