#include "gateway/replay_message.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

TEST_CASE("what a gateway subscribes to for replays") {
  CHECK(replay_filters({"control", "progress", "sensors/+/+", "summary"}) ==
        std::vector<std::string>{"replay/+/control", "replay/+/sensors/+/+"});
}

TEST_CASE("the job and the topic of then") {
  const auto topic = parse_replay_topic("replay/j/sensors/a/b");
  REQUIRE(topic);
  CHECK(topic->job == "j");
  CHECK(topic->rest == "sensors/a/b");
  for (const char* none : {"", "replay", "replay/", "replay/j", "replays/j/control", "sensors/replay/j"})
    CHECK_FALSE(parse_replay_topic(none));
}

TEST_CASE("an envelope holds the message as it came") {
  const std::string text =
      R"({"offset":18446744073709551615,"arrival":"2026-09-21T14:00:00.000001+01:00","retain":true,)";
  const auto whole = parse_envelope({{}, {}, text + R"("payload":"{\"value\":\"\u00f6\"}"})"});
  REQUIRE(whole);
  CHECK(whole->offset == 18446744073709551615U);
  CHECK(whole->arrival == Timestamp{1789995600s + 1us});
  CHECK(whole->retain);
  CHECK_FALSE(whole->cut);
  CHECK(whole->payload == "{\"value\":\"ö\"}");
  const auto bytes = parse_envelope({{}, {}, text + R"("payload_base64":"/wAB","cut":true})"});
  REQUIRE(bytes);
  CHECK(bytes->cut);
  CHECK(bytes->payload == std::string("\xff\0\1", 3));
}
