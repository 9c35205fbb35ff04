#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/box.h"
#include "tests/support/certificate.h"
#include "tests/support/kafka.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

std::string reading(int value, const std::string& event_time) {
  return fmt::format(R"({{"value":{},"event_time":"{}"}})", value, event_time);
}

/// A bridge with a Kafka that has what it was sent: 20 readings of two days of event time.
class Archived {
 public:
  Archived() : box(broker.port(), fmt::format("[kafka]\nbrokers = \"{}\"\n", kafka.brokers())) {
    bridge.emplace(box.start("bridge"));
    for (int i = 0; i < 20; ++i)
      broker.publish("sensors/w/north/s1/t",
                     reading(i, fmt::format("2026-11-{}T11:{:02}:00Z", i < 10 ? 21 : 22, i)));
    REQUIRE(wait_until([&] { return kafka.count("lookout.readings") == 20; }, 60s));
  }
  [[nodiscard]] Finished forward(std::vector<std::string> words) const {
    words.insert(words.begin(), {program("bridge"), "forward", "--config", box.config()});
    return run(words, 120s);
  }
  [[nodiscard]] std::vector<int> values(const std::string& topic) const {
    std::vector<int> found;
    for (const Kafka::Record& record : kafka.read(topic))
      found.push_back(nlohmann::json::parse(record.value)["value"]);
    return found;
  }

  Broker broker;
  Kafka kafka;
  Box box;
  std::optional<ChildProcess> bridge;
};

std::vector<int> from_to(int first, int end) {
  std::vector<int> numbers;
  for (; first < end; ++first) numbers.push_back(first);
  return numbers;
}

}  // namespace

TEST_CASE(
    "a stretch of the archive is forwarded once more, beside the running bridge, into a topic of its own") {
  const Archived site;
  const auto day = site.forward({"--from", "2026-11-21", "--to", "2026-11-22", "--time", "event", "--topic",
                                 "again", "--job", "monday"});
  INFO(day.err);
  CHECK(day.code == 0);
  CHECK(day.out == "job monday: 10 records of 10 messages are in Kafka\n");
  CHECK(site.values("again") == from_to(0, 10));
  for (const Kafka::Record& record : site.kafka.read("again")) CHECK(record.headers.at("job") == "monday");
  // The same ids, so that who knows them drops the repeats; done again on request.
  std::set<std::string> ids;
  for (const char* topic : {"again", "lookout.readings"}) {
    for (const Kafka::Record& record : site.kafka.read(topic)) ids.insert(record.headers.at("ce_id"));
  }
  CHECK(ids.size() == 20);
  CHECK(site.forward({"--from", "2026-11-21", "--to", "2026-11-22", "--time", "event", "--topic", "again",
                      "--job", "monday"})
            .code == 0);
  CHECK(site.values("again").size() == 20);
  CHECK(site.forward({"--from", "-1h"}).code == 0);
  CHECK(site.values("lookout.readings").size() == 40);
}

TEST_CASE("the bridge makes the cursors' topic: one partition, compacted, whatever Kafka makes by itself") {
  const Archived site;
  const auto list = run({"kcat", "-b", site.kafka.brokers(), "-L", "-t", "lookout.cursors"});
  CHECK_THAT(list.out, Catch::Contains("topic \"lookout.cursors\" with 1 partitions"));
  CHECK(site.kafka.setting("lookout.cursors", "cleanup.policy") == "compact");
}

TEST_CASE("a setting that librdkafka does not know is an error of the bridge with file and line") {
  const TempFolder folder;
  spit(folder / "lookout.toml",
       "[[input]]\ntopic = \"s/{sensor}\"\ncodec = \"number\"\n[kafka]\nbrokers = \"k\"\n[kafka.options]\n"
       "lingering = 5\nlinger.ms = \"long\"\nsasl.password_file = \"/none\"\n");
  const auto finished = run({program("bridge"), "check", "--config", (folder / "lookout.toml").string()});
  CHECK(finished.code == 78);
  for (const char* part : {"lookout.toml:7: kafka.lingering: No such configuration property",
                           "lookout.toml:8: kafka.linger.ms: ", "lookout.toml:9: kafka.sasl.password_file: "})
    CHECK_THAT(finished.err, Catch::Contains(part));
}

TEST_CASE("settings that librdkafka refuses together only are an error of the bridge too") {
  const TempFolder folder;
  const auto check = [&](const std::string& value) {
    spit(
        folder / "lookout.toml",
        "[[input]]\ntopic = \"s/{sensor}\"\ncodec = \"number\"\n[kafka]\nbrokers = \"k\"\n[kafka.options]\n" +
            value);
    return run({program("bridge"), "check", "--config", (folder / "lookout.toml").string()});
  };
  CHECK(check("security.protocol = \"ssl\"\n").code == 0);
  const auto refused = check("security.protocol = \"ssl\"\nssl.ca.location = \"/none.pem\"\n");
  CHECK(refused.code == 78);
  CHECK_THAT(
      refused.err,
      Catch::Contains(
          "lookout.toml:7: kafka.security.protocol: together with the other options: ssl.ca.location"));
  CHECK(check("transaction.timeout.ms = 2000\nmessage.timeout.ms = 5000\n").code == 78);
}

TEST_CASE("forward says what is wrong with what it was asked") {
  const Archived site;
  for (const auto& [words, code, what] :
       {std::tuple{std::vector<std::string>{"--from", "noon"}, 2, "--from: 'noon' is not a time"},
        {{"--from", "2026-11-22", "--to", "2026-11-21"}, 2, "is not after --from"},
        {{"--from", "2020-01-01", "--to", "2020-01-02"},
         1,
         "the archive holds nothing of 2020-01-01T00:00:00Z"},
        {{"--from", "-1h", "--job", "a b"}, 2, "--job: 'a b' is not a name"},
        {{"--from", "-1h", "--topic", "no/topic"}, 2, "--topic: 'no/topic' cannot be a topic of Kafka"},
        {{}, 2, "--from is required"}}) {
    const auto finished = site.forward(words);
    INFO(finished.err);
    CHECK(finished.code == code);
    CHECK_THAT(finished.err, Catch::Contains(what));
  }
}

TEST_CASE("forward without a Kafka, or with one that does not answer, says so and ends") {
  const Broker broker;
  Box box(broker.port(), "");
  const auto none = run({program("bridge"), "forward", "--config", box.config(), "--from", "-1h"});
  CHECK(none.code == 78);
  CHECK_THAT(none.err, Catch::Contains("[kafka] brokers is not configured"));
}

TEST_CASE("the status of a bridge: running with a Kafka, and no more") {
  Archived site;
  const auto status = [&] { return run({program("bridge"), "status", "--config", site.box.config()}); };
  REQUIRE(
      wait_until([&] { return status().out.find("20 messages forwarded, 0 behind") != std::string::npos; }));
  CHECK(status().code == 0);
  CHECK_THAT(status().out, Catch::StartsWith("lookout-bridge runs; ") &&
                               Catch::Contains("archive  offsets 0 to 20 in 1 files"));
  const auto json = run({program("bridge"), "status", "--json", "--config", site.box.config()});
  CHECK(nlohmann::json::parse(json.out)["forwarded"]["records"] == 20);
  const Box other(site.broker.port(), "");
  const auto never = run({program("bridge"), "status", "--config", other.config()});
  CHECK(never.code == 1);
  CHECK_THAT(never.err, Catch::Contains("no bridge has run with the state folder"));
}

TEST_CASE("the books of a bridge balance: forwarded, pending, and what was evicted before") {
  Archived site;
  site.bridge->stop();  // saves the copy of the cursor
  const auto books = [&] {
    return run({program("bridge"), "books", "--json", "--config", site.box.config()});
  };
  CHECK(books().code == 0);
  CHECK(books().out ==
        "{\"offsets\":20,\"forwarded\":20,\"pending\":0,\"evicted\":0,\"lost\":0,\"difference\":0}\n");
  site.kafka.stop();
  site.bridge.emplace(site.box.start("bridge"));
  for (int i = 0; i < 3; ++i)
    site.broker.publish("sensors/w/north/s2/t", reading(i, fmt::format("2026-11-22T12:0{}:00Z", i)));
  CHECK(wait_until([&] { return nlohmann::json::parse(books().out)["pending"] == 3; }));
  CHECK(site.bridge->stop() == 0);
  CHECK(books().out ==
        "{\"offsets\":23,\"forwarded\":20,\"pending\":3,\"evicted\":0,\"lost\":0,\"difference\":0}\n");
  site.kafka.start();
  const ChildProcess again = site.box.start("bridge");
  CHECK(wait_until([&] { return nlohmann::json::parse(books().out)["forwarded"] == 23; }, 60s));
  CHECK(books().code == 0);
}

TEST_CASE(
    "over TLS with a password records reach Kafka, and with a wrong one the status says why they do not") {
  const TempFolder folder;
  make_certificate(folder, "kafka");
  spit(folder / "keys.pem", slurp(folder / "kafka.key") + slurp(folder / "kafka.crt"));
  spit(folder / "right", "right\n");
  spit(folder / "wrong", "wrong\n");
  const Kafka kafka(fmt::format(
      "listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},SECURE://"
      "127.0.0.1:{{secure}}\n"
      "advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SECURE://127.0.0.1:{{secure}}\n"
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL\n"
      "listener.name.secure.ssl.keystore.type=PEM\nlistener.name.secure.ssl.keystore.location={}\n"
      "sasl.enabled.mechanisms=PLAIN\nlistener.name.secure.plain.sasl.jaas.config="
      "org.apache.kafka.common.security.plain.PlainLoginModule required user_ridge=\"right\";\n",
      (folder / "keys.pem").string()));
  for (const char* password : {"wrong", "right"}) {
    INFO(password);
    const Broker broker;
    Box box(broker.port(),
            fmt::format(
                "[kafka]\nbrokers = \"127.0.0.1:{}\"\n[kafka.options]\n\"security.protocol\" = \"SASL_SSL\"\n"
                "ssl.ca.location = \"{}/kafka.crt\"\nsasl.mechanism = \"PLAIN\"\nsasl.username = \"ridge\"\n"
                "sasl.password_file = \"{}/{}\"\n",
                kafka.secure_port(), folder.path().string(), folder.path().string(), password));
    ChildProcess bridge = box.start("bridge");
    broker.publish("sensors/w/north/s1/t", reading(1, "2026-11-22T11:00:00Z"));
    if (std::string(password) == "right") {
      CHECK(wait_until([&] { return kafka.count("lookout.readings") == 1; }, 60s));
    } else {
      CHECK(wait_until([&] { return box.log("bridge").find("Authentication failed") != std::string::npos; },
                       60s));
      CHECK(bridge.running());
    }
    CHECK(bridge.stop() == 0);
  }
}
