#include "gateway/recording.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <ctime>
#include <limits>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

struct Read {
  struct Message {
    std::string arrival, topic, payload;
    bool retain, cut = false;
    bool operator==(const Message&) const = default;
  };
  std::vector<Message> messages;
  std::vector<std::pair<std::uint64_t, std::string>> broken;
  std::uint64_t lines = 0;
};

Read read(const std::string& text) {
  const TempFolder folder;
  spit(folder / "recording", text);
  Read result;
  auto recording = Recording::open((folder / "recording").string(), [&](auto line, const std::string& why) {
    result.broken.emplace_back(line, why);
  });
  while (const auto message = recording->next().value()) {
    result.messages.push_back({to_rfc3339(message->arrival), std::string(message->topic),
                               std::string(message->payload), message->retain, message->cut});
  }
  result.lines = recording->lines();
  CHECK(recording->broken() == result.broken.size());
  return result;
}

std::string payload_of(const std::string& line) {
  const Read result = read(line + '\n');
  REQUIRE(result.messages.size() == 1);
  return result.messages[0].payload;
}

std::string why_broken(const std::string& line) {
  const Read result = read(line + '\n');
  CHECK(result.messages.empty());
  REQUIRE(result.broken.size() == 1);
  CHECK(result.broken[0].first == 1);
  return result.broken[0].second;
}

}  // namespace

TEST_CASE("our own form: arrival, topic, payload, and retain where it is there") {
  const Read result = read(R"({"arrival":"2026-11-22T11:20:00.5Z","topic":"a/b","payload":"{\"value\":22.50}"}
{"arrival":"2026-11-22T12:20:01+01:00","topic":"ö","payload":"","retain":true}

 	
{"arrival":"2026-11-22T11:20:02Z","topic":"a","payload_base64":"/wAB","retain":false})");
  CHECK(result.messages ==
        std::vector<Read::Message>{{"2026-11-22T11:20:00.500000Z", "a/b", R"({"value":22.50})", false},
                                   {"2026-11-22T11:20:01Z", "ö", "", true},
                                   {"2026-11-22T11:20:02Z", "a", std::string("\xff\x00\x01", 3), false}});
  CHECK(result.broken.empty());
  CHECK(result.lines == 5);
}

// Lines of mosquitto_sub 2.0.11, in the zones UTC, America/New_York and Asia/Kolkata.
TEST_CASE("mosquitto_sub's %j: the payload is text, the time local with its offset") {
  const Read result = read(
      R"({"tst":"2026-11-23T07:44:20.132635Z+0000","topic":"sensors/w/n/a/t","qos":0,"retain":0,"payloadlen":5,"payload":"22.50"}
{"tst":"2026-11-23T02:44:20.269627Z-0500","topic":"sensors/w/n/r/t","qos":0,"retain":1,"payloadlen":13,"payload":"{\"value\":1e5}"}
{"tst":"2026-11-23T13:14:20.317651Z+0530","topic":"sensors/w/n/r/t","qos":0,"retain":1,"payloadlen":13,"payload":"{\"value\":1e5}"}
{"tst":"2026-11-23T07:44:20.160096Z+0000","topic":"sensors/w/n/a/null","qos":0,"retain":0,"payloadlen":0,"payload":null}
{"tst":"2026-11-23T07:44:20.144094Z+0000","topic":"sensors/w/n/a/t","qos":0,"retain":0,"payloadlen":16,"payload":"text \"q\" \\ tab\tx"}
)");
  CHECK(result.messages ==
        std::vector<Read::Message>{
            {"2026-11-23T07:44:20.132635Z", "sensors/w/n/a/t", "22.50", false},
            {"2026-11-23T07:44:20.269627Z", "sensors/w/n/r/t", R"({"value":1e5})", true},
            {"2026-11-23T07:44:20.317651Z", "sensors/w/n/r/t", R"({"value":1e5})", true},
            {"2026-11-23T07:44:20.160096Z", "sensors/w/n/a/null", "", false},
            {"2026-11-23T07:44:20.144094Z", "sensors/w/n/a/t", "text \"q\" \\ tab\tx", false}});
  CHECK(result.broken.empty());
}

TEST_CASE("mosquitto_sub's %J: the payload stands for its serialisation") {
  const Read result = read(
      R"({"tst":"2026-11-23T07:44:20.140227Z+0000","topic":"t","qos":0,"retain":0,"payloadlen":5,"payload":22.5}

{"tst":"2026-11-23T07:44:20.163971Z+0000","topic":"t","qos":0,"retain":0,"payloadlen":81,"payload":{"event_time":1790000000.1,"value":22.5,"u":"°C","big":1.2345678901234568e+22}}
{"tst":"2026-11-23T07:44:20.159981Z+0000","topic":"t","qos":0,"retain":0,"payloadlen":0,"payload":null}
{"tst":"2026-11-23T07:44:20.159981Z+0000","topic":"t","qos":0,"retain":0,"payloadlen":4,"payload":null}
{"tst":"2026-11-23T07:44:20.159981Z+0000","topic":"t","qos":0,"retain":0,"payloadlen":6,"payload":"22.5"}
)");
  std::vector<std::string> payloads;
  for (const auto& message : result.messages) payloads.push_back(message.payload);
  CHECK(payloads == std::vector<std::string>{
                        "22.5",
                        R"({"big":1.2345678901234568e+22,"event_time":1790000000.1,"u":"°C","value":22.5})",
                        "", "null", R"("22.5")"});
  CHECK(result.broken.empty());
  CHECK(result.lines == 6);
}

TEST_CASE("without a length too a payload that is no text stands for its serialisation, keys sorted") {
  const std::string head = R"({"arrival":"2026-11-22T11:20:00Z","topic":"a","payload":)";
  CHECK(payload_of(head + R"({"z":1,"a":[true,null,"x"]}})") == R"({"a":[true,null,"x"],"z":1})");
  CHECK(payload_of(head + "9223372036854775807}") == "9223372036854775807");
  CHECK(payload_of(head + "null}") == "null");
  const std::string deep = std::string(999, '[') + std::string(999, ']');
  CHECK(payload_of(head + deep + "}") == deep);
}

TEST_CASE("a broken line is named by its number, and what follows is read") {
  const std::string good = R"({"arrival":"2026-11-22T11:20:00Z","topic":"a","payload":"1"})";
  const Read result = read(good + "\nnot json\n\n" + good + "\r\n{}\n" + good);
  CHECK(result.messages.size() == 3);
  REQUIRE(result.broken.size() == 2);
  CHECK(result.broken[0] == std::pair{std::uint64_t{2}, std::string("not JSON at byte 2")});
  CHECK(result.broken[1] == std::pair{std::uint64_t{5}, std::string("there is no arrival")});
}

TEST_CASE("what is wrong with a line is said") {
  const std::string time = R"("arrival":"2026-11-22T11:20:00Z")";
  CHECK(why_broken("[1]") == "expected a JSON object, got array");
  CHECK(why_broken("{\"topic\":\"\xff\"}") == "not UTF-8");
  CHECK(why_broken(R"({"payload":1e400})") == "a number is beyond what a double can hold");
  CHECK(why_broken(R"({"topic":"a","payload":"1"})") == "there is no arrival");
  CHECK(why_broken(R"({"arrival":5,"topic":"a","payload":"1"})") == "arrival is not text but number");
  CHECK_THAT(why_broken(R"({"arrival":"noon","topic":"a","payload":"1"})"),
             Catch::StartsWith("'noon' is not"));
  for (const char* tst : {"2026-11-22T11:20:00Z", "2026-11-22T11:20:00+0000", "Z+0000", "noon", ""}) {
    CHECK_THAT(why_broken(std::string(R"({"topic":"a","payload":"1","tst":")") + tst + "\"}"),
               Catch::EndsWith("is not a time as mosquitto_sub writes it"));
  }
  CHECK(why_broken("{" + time + R"(,"payload":"1"})") == "there is no topic");
  CHECK(why_broken("{" + time + R"(,"topic":"","payload":"1"})") == "the topic is empty");
  CHECK(why_broken("{" + time + R"(,"topic":"a"})") == "there is neither payload nor payload_base64");
  CHECK(why_broken("{" + time + R"(,"topic":"a","payload_base64":"?"})") == "payload_base64 is not base64");
  CHECK(why_broken("{" + time + R"(,"topic":"a","payload":"","retain":"no"})") ==
        "retain is none of true, false, 1 and 0");
  CHECK(why_broken("{" + time + R"(,"topic":"a","payload":"","cut":"no"})") ==
        "cut is none of true, false, 1 and 0");
  CHECK(why_broken("{" + time + R"(,"topic":"a","payload":)" + std::string(400'000, '[') +
                   std::string(400'000, ']') + "}") == "the payload is nested deeper than 1000");
}

// "a", a zero byte and "bc", as mosquitto_sub 2.0.11 writes it.
TEST_CASE("a payload that mosquitto_sub has cut at a zero byte is not taken for the whole") {
  CHECK(
      why_broken(
          R"({"tst":"2026-11-23T07:44:20.149654Z+0000","topic":"b","qos":0,"retain":0,"payloadlen":4,"payload":"a"})") ==
      "of the payload's 4 bytes 1 are there");
}

TEST_CASE("a line over 1 MiB is broken, one of 1 MiB is not, and memory knows neither") {
  const auto of_size = [](std::size_t size) {
    const std::string head = R"({"arrival":"2026-11-22T11:20:00Z","topic":"a","payload":")";
    return head + std::string(size - head.size() - 2, 'x') + "\"}";
  };
  const std::size_t limit = std::size_t{1} << 20;
  const Read result =
      read(of_size(limit) + '\n' + of_size(limit + 1) + '\n' + of_size(100) + '\n' + of_size(5 * limit));
  CHECK(result.messages.size() == 2);
  REQUIRE(result.broken.size() == 2);
  CHECK(result.broken[0] == std::pair{std::uint64_t{2}, std::string("longer than 1048576 bytes")});
  CHECK(result.broken[1] == std::pair{std::uint64_t{4}, std::string("longer than 1048576 bytes")});
}

TEST_CASE("lines are whole wherever a read ends") {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text += R"({"arrival":"2026-11-22T11:20:00Z","topic":"a","payload":")" +
            std::string(static_cast<std::size_t>(i % 257), 'x') + std::to_string(i) + "\"}\n";
  }
  const Read result = read(text);
  REQUIRE(result.messages.size() == 3000);
  for (std::size_t i = 0; i < 3000; ++i)
    REQUIRE(result.messages[i].payload == std::string(i % 257, 'x') + std::to_string(i));
}

TEST_CASE("a file that is not there, and one that cannot be read") {
  const auto ignore = [](std::uint64_t, const std::string&) {};
  CHECK_THAT(Recording::open("/nowhere/recording", ignore).error(), Catch::Contains("/nowhere/recording"));
  CHECK_THAT(Recording::open("/", ignore)->next().error(), Catch::Contains("cannot read '/'"));
}

TEST_CASE("records of a journal that are no messages are passed over") {
  const Read result = read(
      R"({"offset":7,"arrival":"2026-11-22T11:20:00Z","kind":"link_up","connected_s":0.5,"trusted":true})"
      "\n"
      R"({"offset":8,"arrival":"2026-11-22T11:20:01Z","topic":"t","payload":"p","retain":true})"
      "\n");
  CHECK(result.messages == std::vector<Read::Message>{{"2026-11-22T11:20:01Z", "t", "p", true}});
  CHECK(result.broken.empty());
}

TEST_CASE("a message that was cut is read as one") {
  const Read result =
      read(R"({"arrival":"2026-11-22T11:20:00Z","topic":"t","payload":"{\"val","retain":false,"cut":true})"
           "\n"
           R"({"arrival":"2026-11-22T11:20:00Z","topic":"t","payload":"{\"val","retain":false,"cut":false})"
           "\n");
  REQUIRE(result.messages.size() == 2);
  CHECK(result.messages[0].cut);
  CHECK_FALSE(result.messages[1].cut);
}

namespace {

/// Processor time of reading one line with so many keys, the least of a few tries.
double cost_of_keys(int keys) {
  std::string line = R"({"arrival":"2026-11-22T11:20:00Z","topic":"t","payload":"p")";
  for (int i = 0; i < keys; ++i) line += fmt::format(R"(,"k{}":0)", i);
  const TempFolder folder;
  spit(folder / "recording", line + "}\n");
  double least = std::numeric_limits<double>::max();
  for (int i = 0; i < 5; ++i) {
    auto recording = Recording::open((folder / "recording").string(), [](auto, const std::string&) {});
    timespec begin{}, end{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    REQUIRE(recording->next().value().has_value());
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    least = std::min(least, static_cast<double>(end.tv_sec - begin.tv_sec) * 1e9 +
                                static_cast<double>(end.tv_nsec - begin.tv_nsec));
  }
  return least;
}

}  // namespace

// Eight times the keys are eight times the work or a little more; in a list of keys it is 64 times.
TEST_CASE("a line is read in a time that grows with its keys, not with their square") {
  CHECK(cost_of_keys(50'000) < 24 * cost_of_keys(6'250));
}
