#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <iostream>
#include <random>

#include "tests/fault/kafka_site.h"
#include "tests/fault/preload.h"
#include "tests/fault/site.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

void killed_at_random(unsigned kills) {
  const std::uint64_t seed = fault_seed();
  std::mt19937_64 random(seed);
  KafkaSite site;
  site.start_load("5x");
  for (unsigned i = 0; i < kills; ++i) {
    site.await_load(std::uniform_int_distribution<std::uint64_t>(200, 4000)(random));
    site.kill();
    site.start();
  }
  site.end_load();
  INFO("seed " << seed);
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
  std::cout << fmt::format("seed {}: killed {} times, {} readings in Kafka\n", seed, kills,
                           site.acknowledged());
}

void kafka_away(std::chrono::seconds time) {
  KafkaSite site;
  site.start_load("max");
  site.await_load(2000);
  site.kafka.kill();
  const auto until = std::chrono::steady_clock::now() + time;
  REQUIRE(wait_until([&] { return std::chrono::steady_clock::now() >= until; }, time + 10s));
  CHECK(wait_until(
      [&] { return site.stats().contains("kafka") && site.stats()["kafka"]["state"] == "failing"; }, 30s));
  CHECK(site.stats()["kafka"]["error"].get<std::string>().find(site.kafka.brokers()) != std::string::npos);
  CHECK(site.stats()["pending"] > 0);
  site.end_load();
  site.kafka.start();
  CHECK(site.await_kafka(180s));
  CHECK(site.stop() == 0);
  site.check_whole();
  std::cout << fmt::format("{} readings in Kafka, which was away for {} s\n", site.acknowledged(),
                           time.count());
}

}  // namespace

TEST_CASE("bridge killed with -9 at random while it forwards: Kafka is the archive is the ledger") {
  killed_at_random(fault_count(10));
}

TEST_CASE("bridge killed with -9 fifty times while it forwards", "[.][long-kills]") {
  killed_at_random(fault_count(50));
}

TEST_CASE("bridge killed with -9 at each point of a transaction: Kafka is the archive is the ledger") {
  KafkaSite site;
  site.start_load("5x");
  site.await_load(500);
  for (const char* point : {"begin:1", "begin:3", "produce:1", "produce:700", "cursor:1", "cursor:2",
                            "commit:1", "commit:3", "committed:1", "committed:2"}) {
    INFO(point);
    CHECK(site.stop() == 0);
    ::setenv("KAFKA_SHIM_KILL", point, 1);
    preload(LOOKOUT_KAFKA_SHIM);
    site.start();
    preload_nothing();
    CHECK(site.bridge().wait() == 128 + SIGKILL);
    site.start();
  }
  site.end_load();
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
}

TEST_CASE("a stop takes at most 5 s, whatever Kafka or the way to it does not do") {
  KafkaSite site;
  site.start_load("5x");
  const std::uint64_t seed = fault_seed();
  std::mt19937_64 random(seed);
  INFO("seed " << seed);
  for (int i = 0; i < 6; ++i) {
    const bool names_hang = i == 5;
    INFO((names_hang ? "names are not looked up" : "Kafka is stopped"));
    site.await_load(std::uniform_int_distribution<std::uint64_t>(200, 4000)(random));
    if (!names_hang) site.kafka.send(SIGSTOP);
    site.await_load(std::uniform_int_distribution<std::uint64_t>(1, 4000)(random));
    const auto before = std::chrono::steady_clock::now();
    CHECK(site.stop() == 0);
    CHECK(std::chrono::steady_clock::now() - before < 5s);
    if (!names_hang) site.kafka.send(SIGCONT);
    if (i == 4) {
      ::setenv("KAFKA_SHIM_HOLD", "1", 1);
      preload(LOOKOUT_KAFKA_SHIM);
    }
    site.start();
    preload_nothing();
    ::unsetenv("KAFKA_SHIM_HOLD");
  }
  site.end_load();
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
}

// Kafka takes a dot and an underscore for the same: the name collides with that of the readings.
TEST_CASE("thousands of records for a topic that cannot be made: an error, and nothing crashes") {
  KafkaSite site;
  site.start_load("max");
  site.await_load(30'000);
  site.end_load();
  REQUIRE(site.await_kafka());
  const auto refused = run({program("bridge"), "forward", "--config", site.box.config(), "--from",
                            "2020-01-01", "--topic", "lookout_readings"},
                           60s);
  INFO(refused.err);
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err,
             Catch::Contains("'lookout_readings' cannot be made") && Catch::Contains("collides"));
  CHECK(site.stop() == 0);
  site.check_whole();
}

TEST_CASE("Kafka killed with -9 under load, twice: Kafka is the archive is the ledger") {
  KafkaSite site;
  site.start_load("5x");
  for (int i = 0; i < 2; ++i) {
    site.await_load(3000);
    site.kafka.kill();
    site.await_load(1000);
    site.kafka.start();
  }
  site.await_load(2000);
  site.end_load();
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
}

TEST_CASE(
    "Kafka away at full rate: the archive goes on, the state is told, and all of it is forwarded then") {
  kafka_away(30s);
}

TEST_CASE("Kafka away for ten minutes at full rate", "[.][long-pauses]") { kafka_away(600s); }

TEST_CASE("a zombie of the bridge that wakes up after another took over is fenced and stays away") {
  KafkaSite site;
  site.start_load("5x");
  site.await_load(1000);
  site.end_load();
  REQUIRE(site.await_kafka());
  site.bridge().send(SIGSTOP);  // idle, and all it has is in Kafka
  // Another, of the same box, with the same archive, at another broker.
  const Broker elsewhere;
  Box twin(elsewhere.port(), fmt::format("[kafka]\nbrokers = \"{}\"\n", site.kafka.brokers()));
  std::filesystem::copy(site.box.state(), twin.state(), std::filesystem::copy_options::recursive);
  ChildProcess other = twin.start("bridge");
  const std::uint64_t before = site.kafka.count("lookout.readings");
  const auto publish_there = [&](int number) {
    elsewhere.publish("sensors/w/north/twin/t",
                      fmt::format(R"({{"value":{},"event_time":{}}})", number, 1790000000 + number));
  };
  publish_there(0);
  REQUIRE(wait_until([&] { return site.kafka.count("lookout.readings") == before + 1; }, 60s));
  site.bridge().send(SIGCONT);
  site.broker.publish("sensors/w/north/zombie/t", R"({"value":1,"event_time":1790000000})");
  const auto is_fenced = [&] {
    return site.log().find("another bridge forwards") != std::string::npos ||
           site.log().find("fenced") != std::string::npos;
  };
  CHECK(wait_until(is_fenced, 60s));
  publish_there(1);
  REQUIRE(wait_until([&] { return site.kafka.count("lookout.readings") == before + 2; }, 60s));
  for (const Kafka::Record& record : site.kafka.read("lookout.readings"))
    CHECK(record.key != "w/north/zombie");
  CHECK(site.bridge().running());
  CHECK(site.stop() == 0);
  CHECK(other.stop() == 0);
}

TEST_CASE("a second bridge on one state folder refuses, and the first goes on forwarding") {
  KafkaSite site;
  const auto second = run({program("bridge"), "run", "--config", site.box.config()});
  CHECK(second.code == 75);
  CHECK_THAT(second.err, Catch::Contains("in use by another lookout-bridge"));
  site.start_load("5x");
  site.await_load(500);
  site.end_load();
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
}

TEST_CASE("records of one region stay in order under the key region") {
  KafkaSite site("key = \"region\"\n");
  site.start_load("5x");
  site.await_load(3000);
  site.kill();
  site.start();
  site.await_load(3000);
  site.end_load();
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
}

TEST_CASE(
    "a Kafka that takes no message of that size: said with topic and size, nothing is lost, the rest goes "
    "on") {
  KafkaSite site("", "message.max.bytes=2000\n");
  std::mt19937_64 random(7);
  std::string payload;  // that no compression makes small
  while (payload.size() < 8000) payload += fmt::format("{:016x}", random());
  site.broker.publish("late/sensors/w/north/s/t",
                      fmt::format(R"({{"reason":"late","payload":"{}"}})", payload));
  CHECK(wait_until(
      [&] { return site.stats().contains("kafka") && site.stats()["kafka"]["state"] == "failing"; }, 60s));
  CHECK_THAT(site.stats()["kafka"]["error"].get<std::string>(),
             Catch::Contains("lookout.late") && Catch::Contains("large"));
  const int tries = static_cast<int>(occurrences(site.log(), "Message size too large"));
  CHECK(tries <= 3);  // it is said once a minute
  site.broker.publish("sensors/w/north/s/t", R"({"value":1,"event_time":1790000000})");
  CHECK(wait_until([&] { return site.stats()["archived"]["readings"] == 1; }, 60s));
  CHECK(site.kafka.count("lookout.readings") == 0);  // it is behind the other
  site.kafka.stop();
  site.kafka.configure("");
  site.kafka.start();
  CHECK(wait_until([&] { return site.kafka.count("lookout.readings") == 1; }, 90s));
  CHECK(site.kafka.count("lookout.late") == 1);
  CHECK(site.stop() == 0);
}
