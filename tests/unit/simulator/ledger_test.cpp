#include "simulator/ledger.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

const Catalogue kCatalogue{.network = "wildfire",
                           .boot = 0xa1b2,
                           .sensors = {{"north", "sensor-000"}},
                           .metrics = {{"temperature", "Cel", 0}, {"smoke", "ug/m3", 0}}};

Sample sample(std::uint64_t seq, std::vector<Sample::Value> values) {
  return {.event_time = Timestamp{1'767'225'600'500ms}, .seq = seq, .sensor = 0, .values = std::move(values)};
}

}  // namespace

TEST_CASE("the ledger holds a line per acknowledged reading, and none for what was only expected") {
  const TempFolder folder;
  auto ledger = Ledger::create(folder / "truth", kCatalogue).value();
  ledger->expect(sample(7, {{0, 22.5}, {1, 5.1}}));
  ledger->expect(sample(8, {{0, 23}}));
  REQUIRE(ledger->flush());
  CHECK(slurp(folder / "truth").empty());
  ledger->acknowledge(Timestamp{1'767'225'601s});
  REQUIRE(ledger->flush());
  CHECK(slurp(folder / "truth") ==
        R"({"network":"wildfire","region":"north","sensor":"sensor-000","metric":"temperature",)"
        R"("event_time":"2026-01-01T00:00:00.500000Z","value":22.5,"seq":7,"acked":"2026-01-01T00:00:01Z"})"
        "\n"
        R"({"network":"wildfire","region":"north","sensor":"sensor-000","metric":"smoke",)"
        R"("event_time":"2026-01-01T00:00:00.500000Z","value":5.1,"seq":7,"acked":"2026-01-01T00:00:01Z"})"
        "\n");
}

TEST_CASE("a ledger in a folder that is not there is an error that names it") {
  const TempFolder folder;
  const auto ledger = Ledger::create(folder / "missing/truth", kCatalogue);
  REQUIRE_FALSE(ledger);
  CHECK_THAT(ledger.error(), Catch::Contains("missing/truth"));
}

TEST_CASE("a ledger whose disk is full fails, and goes on failing") {
  auto ledger = Ledger::create("/dev/full", kCatalogue).value();
  ledger->expect(sample(1, {{0, 1}}));
  ledger->acknowledge(Timestamp{});
  CHECK_FALSE(ledger->flush());
  CHECK_FALSE(ledger->flush());
}
