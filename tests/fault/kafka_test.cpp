#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <fstream>
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

// Every other one while a transaction is open; each when more has come to Kafka than before the last.
void killed_at_random(unsigned kills, const std::string& key, const std::string& speed) {
  const std::uint64_t seed = fault_seed();
  std::mt19937_64 random(seed);
  KafkaSite site(fmt::format("key = \"{}\"\n", key));
  site.watch_transactions();
  CHECK(site.stop() == 0);
  site.start();
  site.start_gateway();
  site.load.start(speed);
  std::uint64_t there = 0;
  unsigned open = 0;
  for (unsigned i = 0; i < kills; ++i) {
    REQUIRE(wait_until([&] { return site.kafka.count("lookout.readings") > there; }, 60s));
    there = site.kafka.count("lookout.readings");
    site.load.await(std::uniform_int_distribution<std::uint64_t>(200, 4000)(random));
    if (i % 2 == 1) REQUIRE(wait_until([&] { return site.transaction_is_open(); }));
    site.kill();
    open += site.transaction_is_open() ? 1 : 0;
    site.start();
  }
  site.load.end();
  INFO("seed " << seed);
  CHECK(open > 0);
  CHECK(site.await_kafka());
  site.check_results();
  CHECK(site.stop() == 0);
  site.check_whole();
  std::cout << fmt::format(
      "seed {}: killed {} times, {} of them in a transaction, {} readings in Kafka by {}\n", seed, kills,
      open, site.load.acknowledged(), key);
}

// One point of a transaction after the other.
void killed_at_points(std::size_t kills, const std::string& speed) {
  constexpr std::array kPoints{"begin:1",  "begin:3",  "produce:1", "produce:700", "cursor:1",
                               "cursor:2", "commit:1", "commit:3",  "committed:1", "committed:2"};
  KafkaSite site;
  site.load.start(speed);
  site.load.await(500);
  for (std::size_t i = 0; i < kills; ++i) {
    const char* const point = kPoints[i % kPoints.size()];
    INFO(point);
    CHECK(site.stop() == 0);
    ::setenv("KAFKA_SHIM_KILL", point, 1);
    preload(LOOKOUT_KAFKA_SHIM);
    site.start();
    preload_nothing();
    CHECK(site.bridge().wait() == 128 + SIGKILL);
    site.start();
  }
  site.load.end();
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
}

double resident_mb(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string word; status >> word;) {
    double kibibytes = 0;
    if (word == "VmRSS:" && status >> kibibytes) return kibibytes * 1024 / 1e6;
  }
  return 0;
}

void kafka_away(std::chrono::seconds time, const std::string& speed) {
  KafkaSite site;
  site.load.start(speed);
  site.load.await(2000);
  site.kafka.kill();
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&](std::chrono::seconds much) {
    return wait_until([&] { return std::chrono::steady_clock::now() >= begin + much; }, much + 10s);
  };
  REQUIRE(passed(time / 3));
  const double before = resident_mb(site.bridge().pid());
  REQUIRE(passed(time));
  const double after = resident_mb(site.bridge().pid());
  // What the broker hands over of the statistics comes late under such a load.
  nlohmann::json status;
  const bool is_told = wait_until(
      [&] {
        status = site.status();
        return status["kafka"]["state"] == "failing";
      },
      30s);
  INFO(status.dump() << '\n' << site.stats().dump() << '\n' << site.log());
  CHECK(is_told);
  CHECK(status["kafka"]["error"].get<std::string>().find(site.kafka.brokers()) != std::string::npos);
  CHECK(status["pending"] > 0);
  CHECK(site.load.is_running());
  site.load.end();
  site.kafka.start();
  CHECK(site.await_kafka(std::max(180s, 2 * time)));
  CHECK(site.stop() == 0);
  site.check_whole();
  std::cout << fmt::format(
      "{} readings in Kafka, which was away for {} s; resident {:.1f} MB after a third of it, "
      "{:.1f} at its end\n",
      site.load.acknowledged(), time.count(), before, after);
  // Until its transaction is given up, after a minute or two, what librdkafka holds of it is in memory.
  CHECK(after < 1.1 * before + 1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (time > 150s) CHECK(after < 24);
#endif
}

}  // namespace

TEST_CASE("bridge killed with -9 at random while it forwards: Kafka is the archive is the ledger") {
  killed_at_random(fault_count(6), "sensor", "5x");
}

TEST_CASE("the same, with all of a region in order") { killed_at_random(fault_count(4), "region", "5x"); }

TEST_CASE("bridge killed with -9 fifty times while it forwards", "[.][long-kills]") {
  killed_at_random(fault_count(50), GENERATE(std::string("sensor"), std::string("region")), "1x");
}

TEST_CASE("bridge killed with -9 at each point of a transaction: Kafka is the archive is the ledger") {
  killed_at_points(10, "5x");
}

TEST_CASE("bridge killed with -9 fifty times at the points of a transaction", "[.][long-kills]") {
  killed_at_points(50, "1x");
}

TEST_CASE("a stop takes at most 5 s, whatever Kafka or the way to it does not do") {
  KafkaSite site;
  site.load.start("5x");
  const std::uint64_t seed = fault_seed();
  std::mt19937_64 random(seed);
  INFO("seed " << seed);
  for (int i = 0; i < 6; ++i) {
    const bool names_hang = i == 5;
    INFO((names_hang ? "names are not looked up" : "Kafka is stopped"));
    site.load.await(std::uniform_int_distribution<std::uint64_t>(200, 4000)(random));
    if (!names_hang) site.kafka.send(SIGSTOP);
    site.load.await(std::uniform_int_distribution<std::uint64_t>(1, 4000)(random));
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
  site.load.end();
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
}

// Kafka takes a dot and an underscore for the same: the name collides with that of the readings.
TEST_CASE("thousands of records for a topic that cannot be made: an error, and nothing crashes") {
  KafkaSite site;
  site.load.start("max");
  site.load.await(30'000);
  site.load.end();
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
  site.start_gateway();
  site.load.start("5x");
  for (int i = 0; i < 2; ++i) {
    site.load.await(3000);
    site.kafka.kill();
    site.load.await(1000);
    site.kafka.start();
  }
  site.load.await(2000);
  site.load.end();
  CHECK(site.await_kafka());
  site.check_results();
  CHECK(site.stop() == 0);
  site.check_whole();
}

TEST_CASE("Kafka away at full rate: the archive goes on, the state is told, and all of it is forwarded") {
  kafka_away(30s, "max");
}

TEST_CASE("Kafka away for ten minutes under load", "[.][long-pauses]") {
  kafka_away(600s, "20x");  // 16,000/s: as many as the sensors have in their six hours
}

TEST_CASE("a zombie of the bridge that wakes up after another took over is fenced and stays away") {
  KafkaSite site;
  site.load.start("5x");
  site.load.await(1000);
  site.load.end();
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
  site.load.start("5x");
  site.load.await(500);
  site.load.end();
  CHECK(site.await_kafka());
  CHECK(site.stop() == 0);
  site.check_whole();
}

TEST_CASE(
    "a Kafka that takes no message of that size: said with topic and size, nothing is lost, the rest goes "
    "on") {
  KafkaSite site("", "message.max.bytes=2000\n");
  site.watch_transactions();
  CHECK(site.stop() == 0);
  site.start();
  std::mt19937_64 random(7);
  std::string payload;  // that no compression makes small
  while (payload.size() < 8000) payload += fmt::format("{:016x}", random());
  site.broker.publish("late/sensors/w/north/s/t",
                      fmt::format(R"({{"reason":"late","payload":"{}"}})", payload));
  CHECK(wait_until(
      [&] { return site.stats().contains("kafka") && site.stats()["kafka"]["state"] == "failing"; }, 60s));
  CHECK_THAT(site.stats()["kafka"]["error"].get<std::string>(),
             Catch::Contains("lookout.late") && Catch::Contains("large"));
  // After 0.5, 1, 2, 4 s and so on.
  const auto tries = [&] { return std::ranges::count(site.transactions(), 'b'); };
  const auto before = tries();
  const auto until = std::chrono::steady_clock::now() + 4s;
  REQUIRE(wait_until([&] { return std::chrono::steady_clock::now() >= until; }));
  CHECK(tries() - before <= 4);
  CHECK(occurrences(site.log(), "Message size too large") <= 3);  // it is said once a minute
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

namespace {

/// The command forward into a topic of its own, beside the bridge of a site.
struct Job {
  KafkaSite& site;
  std::string topic;

  [[nodiscard]] std::vector<std::string> words() const {
    return {program("bridge"), "forward",    "--config", site.box.config(),
            "--from",          "2020-01-01", "--topic",  topic};
  }
  [[nodiscard]] Finished run_whole() const { return run(words(), 60s); }
  /// Stopped by a signal when its first transaction is committed.
  [[nodiscard]] ChildProcess start_and_freeze() const {
    const auto log = site.box.folder() / (topic + ".transactions");
    ::setenv("KAFKA_SHIM_LOG", log.c_str(), 1);
    preload(LOOKOUT_KAFKA_SHIM);
    ChildProcess job(words(), {"/dev/null", site.box.folder() / (topic + ".log")});
    preload_nothing();
    ::unsetenv("KAFKA_SHIM_LOG");
    REQUIRE(wait_until(
        [&] { return std::filesystem::exists(log) && slurp(log).find('c') != std::string::npos; }));
    job.send(SIGSTOP);
    return job;
  }
  [[nodiscard]] std::string log() const { return slurp(site.box.folder() / (topic + ".log")); }
  [[nodiscard]] std::uint64_t count() const { return site.kafka.count(topic); }
};

}  // namespace

TEST_CASE(
    "forward once more, interrupted, killed, begun twice, without Kafka: the same command completes it") {
  KafkaSite site;
  site.load.start("max");
  site.load.await(60'000);
  site.load.end();
  REQUIRE(site.await_kafka());
  const std::uint64_t all = site.load.acknowledged();

  const Job again{site, "again"};
  ChildProcess interrupted = again.start_and_freeze();
  site.kafka.send(SIGSTOP);
  interrupted.send(SIGINT);
  interrupted.send(SIGCONT);
  CHECK(interrupted.wait(10s) == 1);
  site.kafka.send(SIGCONT);
  CHECK_THAT(again.log(),
             Catch::Contains("interrupted after") && Catch::Contains("the same command goes on there"));
  CHECK(again.count() < all);
  ::setenv("KAFKA_SHIM_KILL", "commit:2", 1);
  preload(LOOKOUT_KAFKA_SHIM);
  const Finished killed = again.run_whole();
  preload_nothing();
  ::unsetenv("KAFKA_SHIM_KILL");
  CHECK(killed.code == 128 + SIGKILL);
  CHECK(again.count() < all);
  CHECK(again.run_whole().code == 0);
  CHECK(again.count() == all);

  const Job twice{site, "twice"};
  ChildProcess first = twice.start_and_freeze();
  CHECK(twice.run_whole().code == 0);
  first.send(SIGCONT);
  CHECK(first.wait(30s) == 1);
  CHECK_THAT(twice.log(), Catch::Contains("is at work elsewhere"));
  CHECK(twice.count() == all);

  site.kafka.kill();
  const Finished alone = Job{site, "alone"}.run_whole();
  CHECK(alone.code == 1);
  CHECK_THAT(alone.err, Catch::Contains(site.kafka.brokers() + " does not answer"));
  CHECK(site.stop() == 0);
}

TEST_CASE("forward once more past a damaged file: the rest, one gap, the file's name and exit code 1") {
  KafkaSite site("[archive]\nretention_size = \"128 MiB\"\n");
  site.load.start("max");
  site.load.await(30'000);
  site.load.end();
  REQUIRE(site.await_kafka());
  CHECK(site.stop() == 0);
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(site.box.state() / "bridge" / "archive")) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".db") && name.find(".open.") == std::string::npos) files.insert(entry.path());
  }
  REQUIRE(files.size() >= 2);
  const auto damaged = *std::next(files.begin());
  const auto told = run({"sqlite3", "-readonly", damaged.string(), "SELECT count(*) FROM readings"});
  const std::uint64_t lost = std::stoull(told.out);
  CHECK(lost > 0);
  std::filesystem::permissions(damaged, std::filesystem::perms::owner_all);
  spit(damaged, std::string(8192, 'x'));
  const Job partly{site, "partly"};
  for (std::uint64_t runs = 1; runs <= 2; ++runs) {
    const Finished done = partly.run_whole();
    CHECK(done.code == 1);
    CHECK_THAT(done.err, Catch::Contains(damaged.filename().string()) && Catch::Contains("passed over"));
    std::uint64_t readings = 0, gaps = 0;
    for (const Kafka::Record& record : site.kafka.read("partly")) {
      const bool is_gap = record.headers.at("ce_type") == "lookout.gap";
      ++(is_gap ? gaps : readings);
      if (is_gap) CHECK(nlohmann::json::parse(record.value)["why"] == "corrupt");
    }
    CHECK(readings == runs * (site.load.acknowledged() - lost));
    CHECK(gaps == runs);
  }
}

TEST_CASE("nothing goes to Kafka before the archive has synced it") {
  KafkaSite site;
  CHECK(site.stop() == 0);
  const auto fail = site.box.folder() / "fail";
  ::setenv("SYNC_SHIM_FAIL", fail.c_str(), 1);
  ::setenv("SYNC_SHIM_ONLY", ".open.db-wal", 1);
  preload(LOOKOUT_SYNC_SHIM);
  site.start();
  preload_nothing();
  ::unsetenv("SYNC_SHIM_ONLY");
  const auto publish = [&](int number) {
    site.broker.publish("sensors/w/north/s/t",
                        fmt::format(R"({{"value":{},"event_time":{}}})", number, 1790000000 + number));
  };
  publish(1);
  REQUIRE(wait_until([&] { return site.kafka.count("lookout.readings") == 1; }, 60s));
  spit(fail, "");
  publish(2);
  CHECK(site.bridge().wait() == 1);  // the sync took two seconds, in which there was time to forward
  CHECK(site.kafka.count("lookout.readings") == 1);
  std::filesystem::remove(fail);
  site.start();
  CHECK(wait_until([&] { return site.kafka.count("lookout.readings") == 2; }, 60s));
  CHECK(site.stop() == 0);
}
