#include "bridge/kafka/kafka_cursor.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("a cursor is read as it was written") {
  const KafkaCursor cursor{.epoch = 0xfedcba9876543210,
                           .begin = 2,
                           .offset = 1ULL << 60,
                           .messages = 3,
                           .records = 4,
                           .evicted = 5,
                           .lost = 6,
                           .done = true,
                           .last = "0a",
                           .epochs = {{7, 0xfedcba9876543211}, {9, 1}}};
  const auto read = parse_cursor(to_json(cursor));
  REQUIRE(read);
  CHECK(*read == cursor);
}

TEST_CASE("what is no cursor is refused") {
  for (const char* text : {"", "7", "{}", R"({"epoch":"xyz","begin":0,"offset":1,"messages":1,"records":1})",
                           R"({"epoch":"ab","begin":0,"offset":-1,"messages":1,"records":1})",
                           R"({"epoch":"ab","begin":0,"offset":1,"messages":1})"}) {
    const auto read = parse_cursor(text);
    REQUIRE(!read);
    CHECK_THAT(read.error(), Catch::StartsWith("not a cursor: "));
  }
}

TEST_CASE("a job's key is known by its place, whatever networks, rules and regions are called") {
  CHECK(is_job_key(job_key("b1", 1, "again")));
  CHECK(is_job_key(alert_key(job_key("b1", 1, "again"), "alerts/w/Fire/n")));
  const std::string ours = cursor_key("b1", 1);
  CHECK(!is_job_key(ours));
  for (const char* topic : {"alerts/forward/Fire/n", "alerts/w/forward/n", "alerts/w/Fire/forward/n"})
    CHECK(!is_job_key(alert_key(ours, topic)));
  CHECK(!is_job_key(cursor_key("forward", 1)));
}

TEST_CASE("messages that differ in anything have different fingerprints") {
  ArchivedMessage message;
  message.arrival = Timestamp{Microseconds{5}};
  message.topic = "a";
  message.payload = "b";
  ArchivedMessage other = message;
  CHECK(fingerprint(message) == fingerprint(other));
  SECTION("arrival") { other.arrival += Microseconds{1}; }
  SECTION("topic") { other.topic = "ab"; }
  SECTION("payload") { other.payload = "c"; }
  CHECK(fingerprint(message) != fingerprint(other));
}

TEST_CASE("the copy on the box is the last one, and a damaged one is none") {
  const TempFolder folder;
  CHECK(!load_cursor_copy(folder.path()));
  const CursorCopy copy{.cursor = {.epoch = 1, .offset = 5}, .cluster = "k", .unheard_from = 9};
  REQUIRE(save_cursor_copy(folder.path(), {.cursor = {.epoch = 1, .offset = 2}}, false));
  REQUIRE(save_cursor_copy(folder.path(), copy, true));
  CHECK(load_cursor_copy(folder.path()) == copy);
  spit(folder / "kafka-cursor.json", "{");
  CHECK(!load_cursor_copy(folder.path()));
}

TEST_CASE("alerts among the cursors are those of the box and the archive") {
  const std::string ours = cursor_key("b1", 1);
  const KafkaCursors cursors{
      {alert_key(ours, "alerts/w/Fire/n"), to_json(std::vector<ForwardedAlert>{{"x", 3}})},
      {alert_key(cursor_key("b1", 2), "alerts/w/Fire/m"), to_json(std::vector<ForwardedAlert>{{"y", 3}})},
      {alert_key(cursor_key("b10", 1), "alerts/w/Fire/o"), to_json(std::vector<ForwardedAlert>{{"z", 3}})},
      {alert_key(job_key("b1", 1, "again"), "alerts/w/Fire/q"),
       to_json(std::vector<ForwardedAlert>{{"z", 3}})},
      {alert_key(ours, "alerts/w/Fire/p"), "oops"},
      {ours, to_json(KafkaCursor{})}};
  CHECK(alerts_in(cursors, ours) == ForwardedAlerts{{"alerts/w/Fire/n", {{"x", 3}}}});
}
