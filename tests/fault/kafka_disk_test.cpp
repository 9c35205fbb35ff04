#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <iostream>

#include "tests/fault/kafka_site.h"
#include "tests/support/small_disk.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;

TEST_CASE("Kafka comes back while the disk is full: what it gets makes room, and it misses nothing") {
  const SmallDisk disk;
  if (!is_there(disk)) return;
  KafkaSite site("[archive]\nretention_size = \"128 MiB\"\n[journal]\nsegment = \"1 MiB\"\n");
  CHECK(site.stop() == 0);
  std::filesystem::create_directory(site.box.folder() / "conf.d");
  spit(site.box.folder() / "conf.d" / "1.toml", fmt::format("[box]\nstate = \"{}\"\n", disk.path().string()));
  site.start();
  site.load.start("5x");
  site.load.await(2'000);
  site.kafka.kill();
  REQUIRE(wait_until(
      [&] {
        const auto stats = site.stats();
        return stats.contains("archive") && stats["archive"]["state"] == "held_up";
      },
      60s));
  site.load.await(5'000);
  SECTION("the bridge goes on") { site.kafka.start(); }
  SECTION("the bridge is killed, and starts on the full disk") {
    site.kill();
    disk.fill_up();
    site.kafka.start();
    site.start(false);  // it subscribes when Kafka has taken what makes room
  }
  site.load.await(60'000);
  site.load.end();
  CHECK(site.await_kafka());
  CHECK(wait_until([&] { return site.stats()["evicted"] > 0; }));
  CHECK(site.stats()["evicted_unforwarded"] == 0);
  CHECK(site.stop() == 0);
  std::cout << fmt::format("{} readings in Kafka, {} offsets evicted meanwhile\n", site.load.acknowledged(),
                           site.stats()["evicted"].get<std::uint64_t>());
  site.check_whole(false);
}
