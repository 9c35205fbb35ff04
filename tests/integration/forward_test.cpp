#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

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

/// The rest of README's line that begins with these words, its PORT filled in.
std::string readme_line(const std::string& begin, const std::string& brokers) {
  const std::string readme = slurp(source_path("README.md"));
  const std::size_t at = readme.find("    " + begin);
  REQUIRE(at != std::string::npos);
  std::string line = readme.substr(at + 4, readme.find('\n', at) - at - 4);
  const std::string broker = "127.0.0.1:PORT";
  REQUIRE(line.find(broker) != std::string::npos);
  return line.replace(line.find(broker), broker.size(), brokers);
}

/// Of a program, since it began.
double cpu_seconds(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string word;
  double ticks = 0;
  for (int field = 1; stat >> word; ++field) {
    if (field == 14 || field == 15) ticks += std::stod(word);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// What the bridge of a box says about Kafka in its status.
nlohmann::json kafka_status(const Box& box) {
  const auto status = run({program("bridge"), "status", "--json", "--config", box.config()});
  const auto json = nlohmann::json::parse(status.out, nullptr, false);
  return json.is_object() ? json.value("kafka", nlohmann::json::object()) : nlohmann::json::object();
}

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
  // The running bridge, whose transactions are another's, goes on.
  site.broker.publish("sensors/w/north/s1/t", reading(20, "2026-11-22T11:30:00Z"));
  CHECK(wait_until([&] { return site.kafka.count("lookout.readings") == 41; }, 60s));
  CHECK(site.box.log("bridge").find("fenced") == std::string::npos);
}

TEST_CASE(
    "what is forwarded once more has the epochs that the relay told, also when the same job is done again") {
  Archived site;
  CHECK(site.bridge->stop() == 0);
  // As where a copy of the archive was restored: from offset 10 on it is another history.
  std::string key;
  nlohmann::json cursor;
  for (const Kafka::Record& record : site.kafka.read("lookout.cursors")) {
    if (std::ranges::count(record.key, '/') != 1) continue;
    key = record.key;
    cursor = nlohmann::json::parse(record.value);
  }
  cursor["epochs"] = {{{"from", 10}, {"epoch", "00000000000000cd"}}};
  spit(site.box.folder() / "cursor", key + "|" + cursor.dump() + "\n");
  const auto put = run({"kcat", "-P", "-K", "|", "-b", site.kafka.brokers(), "-t", "lookout.cursors", "-l",
                        (site.box.folder() / "cursor").string()});
  INFO(put.err);
  REQUIRE(put.code == 0);
  for (const std::size_t times : {1U, 2U}) {
    INFO(times);
    CHECK(site.forward({"--from", "-1h", "--topic", "again", "--job", "twice"}).code == 0);
    const auto records = site.kafka.read("again");
    REQUIRE(records.size() == 20 * times);
    CHECK(std::ranges::count_if(records, [](const Kafka::Record& record) {
            return record.headers.at("epoch") == "00000000000000cd";
          }) == static_cast<std::ptrdiff_t>(10 * times));
  }
}

TEST_CASE("the bridge makes the cursors' topic: one partition, compacted, whatever Kafka makes by itself") {
  const Archived site;
  const auto list = run({"kcat", "-b", site.kafka.brokers(), "-L", "-t", "lookout.cursors"});
  CHECK_THAT(list.out, Catch::Contains("topic \"lookout.cursors\" with 1 partitions"));
  CHECK(site.kafka.setting("lookout.cursors", "cleanup.policy") == "compact");
}

TEST_CASE("README's line for kcat shows what was forwarded: key, value and headers") {
  const Archived site;
  const auto shown = run({"sh", "-c", readme_line("kcat -C ", site.kafka.brokers())});
  INFO(shown.out << shown.err);
  CHECK(shown.code == 0);
  std::istringstream lines(shown.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    CHECK_THAT(line, Catch::StartsWith("w/north/s1 {\"network\":\"w\"") &&
                         Catch::Contains(fmt::format("\"value\":{}.0", count)) &&
                         Catch::Contains("ce_type=lookout.reading"));
  CHECK(count == 20);
}

TEST_CASE("what goes to Kafka is compressed with lz4") {
  const Archived site;
  REQUIRE(site.forward({"--from", "-1h", "--topic", "again"}).code == 0);
  const std::string batches = site.kafka.batches("again");
  INFO(batches);
  CHECK_THAT(batches, Catch::Contains("compresscodec: lz4"));
  for (const char* other : {"gzip", "snappy", "zstd"}) CHECK(batches.find(other) == std::string::npos);
}

TEST_CASE("a topic of the cursors that forgets is refused, and the status says what to set") {
  const Broker broker;
  const Kafka kafka;
  // As Kafka makes it by itself.
  const auto made =
      run({"sh", "-c", fmt::format("echo key=1 | kcat -P -K = -b {} -t lookout.cursors", kafka.brokers())});
  REQUIRE(made.code == 0);
  Box box(broker.port(), fmt::format("[kafka]\nbrokers = \"{}\"\n", kafka.brokers()));
  ChildProcess bridge = box.start("bridge");
  broker.publish("sensors/w/north/s1/t", reading(1, "2026-11-22T11:00:00Z"));
  REQUIRE(wait_until([&] { return kafka_status(box).value("state", "") == "failing"; }, 60s));
  const std::string what = "'lookout.cursors' has cleanup.policy=delete";
  CHECK_THAT(kafka_status(box)["error"].get<std::string>(),
             Catch::Contains(what) && Catch::Contains("set its cleanup.policy to compact"));
  CHECK(kafka.count("lookout.readings") == 0);
  const auto forward =
      run({program("bridge"), "forward", "--config", box.config(), "--from", "-1h", "--topic", "again"});
  CHECK(forward.code == 1);
  CHECK_THAT(forward.err, Catch::Contains(what));
  const auto altered = run({source_path("scripts/kafka"), "tool", "kafka.admin.ConfigCommand",
                            "--bootstrap-server", kafka.brokers(), "--alter", "--topic", "lookout.cursors",
                            "--add-config", "cleanup.policy=compact"});
  REQUIRE(altered.code == 0);
  CHECK(wait_until([&] { return kafka.count("lookout.readings") == 1; }, 60s));
  CHECK(bridge.stop() == 0);
}

TEST_CASE(
    "a Kafka that grants no rights, or none to its topics: the status names what, without a tight loop") {
  const Broker broker;
  const Kafka kafka(
      "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SECURE://"
      "127.0.0.1:{secure}\n"
      "advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure}\n"
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_PLAINTEXT\n"
      "sasl.enabled.mechanisms=PLAIN\nlistener.name.secure.plain.sasl.jaas.config="
      "org.apache.kafka.common.security.plain.PlainLoginModule required user_ridge=\"right\";\n"
      "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
      "super.users=User:ANONYMOUS\n");
  const auto grant = [&](std::vector<std::string> what) {
    what.insert(what.begin(),
                {source_path("scripts/kafka"), "tool", "kafka.admin.AclCommand", "--bootstrap-server",
                 kafka.brokers(), "--add", "--allow-principal", "User:ridge", "--operation", "All"});
    const auto done = run(what);
    INFO(done.err << done.out);
    REQUIRE(done.code == 0);
  };
  const TempFolder folder;
  spit(folder / "password", "right\n");
  Box box(broker.port(),
          fmt::format("[kafka]\nbrokers = \"127.0.0.1:{}\"\n[kafka.options]\n"
                      "\"security.protocol\" = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"PLAIN\"\n"
                      "sasl.username = \"ridge\"\nsasl.password_file = \"{}\"\n",
                      kafka.secure_port(), (folder / "password").string()));
  ChildProcess bridge = box.start("bridge");
  broker.publish("sensors/w/north/s1/t", reading(1, "2026-11-22T11:00:00Z"));
  const auto is_said = [&](const std::string& what) {
    return wait_until(
        [&] {
          const auto status = kafka_status(box);
          return status.value("state", "") == "failing" &&
                 status.value("error", "").find(what) != std::string::npos;
        },
        60s);
  };
  const auto forward = [&] {
    return run({program("bridge"), "forward", "--config", box.config(), "--from", "-1h"});
  };
  CHECK(is_said("uthorization failed"));
  const double before = cpu_seconds(bridge.pid());
  const auto refused = forward();
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err, Catch::Contains("uthorization failed"));
  grant({"--transactional-id", "*"});
  grant({"--topic", "lookout.cursors"});
  CHECK(is_said("'lookout.readings'"));
  const auto no_topic = forward();
  CHECK(no_topic.code == 1);
  CHECK_THAT(no_topic.err, Catch::Contains("'lookout.readings'"));
  CHECK(cpu_seconds(bridge.pid()) - before < 2);
  CHECK(box.log("bridge").size() < 10'000);
  grant({"--topic", "lookout.", "--resource-pattern-type", "prefixed"});
  CHECK(wait_until([&] { return kafka.count("lookout.readings") == 1; }, 90s));
  CHECK(bridge.stop() == 0);
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

TEST_CASE("the status says how far behind Kafka is, and when it will have it all") {
  const Box box(1, "");
  std::filesystem::create_directories(box.state() / "bridge");
  const auto status = [&](const std::string& drain) {
    spit(box.state() / "bridge" / "status.json",
         R"({"time":"2026-11-22T11:00:00Z","pending":200000,"drain_s":)" + drain +
             R"(,"kafka":{"state":"forwarding","out_per_s":1000,"in_per_s":800}})");
    return run({program("bridge"), "status", "--config", box.config()}).out;
  };
  CHECK_THAT(status("1000.0"),
             Catch::Contains("200,000 behind; 1,000/s out, 800/s in: drained in 1,000 s\n"));
  CHECK_THAT(status("null"), Catch::Contains("800/s in: at this rate never drained\n"));
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
  CHECK(run({program("bridge"), "books", "--config", site.box.config()}).out ==
        "             23 messages since forwarding began, at offset 0\n"
        "             20 forwarded to Kafka\n"
        "              3 pending\n"
        "              0 evicted before they were forwarded\n"
        "              0 lost: in damaged files or at the journal's end\n"
        "              0 unaccounted for\n");
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
      CHECK(wait_until(
          [&] {
            return kafka_status(box).value("error", "").find("Authentication failed") != std::string::npos;
          },
          60s));
      CHECK(bridge.running());
      const auto forward = run({program("bridge"), "forward", "--config", box.config(), "--from", "-1h"});
      CHECK(forward.code == 1);
      CHECK_THAT(forward.err, Catch::Contains("Authentication failed"));
    }
    CHECK(bridge.stop() == 0);
  }
}
