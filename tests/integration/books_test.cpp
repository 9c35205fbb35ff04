// The account of all readings, against the simulator's ledger.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

nlohmann::json books_of(const Box& box) {
  const auto command = run({program("gateway"), "books", "--json", "--config", box.config()});
  INFO(command.err);
  REQUIRE(command.code == 0);
  return nlohmann::json::parse(command.out);
}

/// Numbers between the smallest and the largest of a sensor that are not in the ledger.
std::map<std::string, std::uint64_t> missing_in(const std::vector<LedgerEntry>& ledger) {
  std::map<std::string, std::set<std::int64_t>> seqs;
  for (const LedgerEntry& entry : ledger) seqs[entry.region + '/' + entry.sensor].insert(entry.seq);
  std::map<std::string, std::uint64_t> missing;
  for (const auto& [sensor, heard] : seqs) {
    const auto lacks = static_cast<std::uint64_t>(*heard.rbegin() - *heard.begin() + 1) - heard.size();
    if (lacks > 0) missing[sensor] = lacks;
  }
  return missing;
}

}  // namespace

TEST_CASE("the books say what the ledger says, after a kill, while the gateway runs and when it does not") {
  Broker broker;
  Box box(broker.port(),
          "[journal]\nsegment = \"1 MiB\"\nlimit = \"4 MiB\"\n[[window]]\nname = \"5m\"\nsize = \"5m\"\n");
  ChildProcess gateway = box.start("gateway");
  const auto ledger_file = box.folder() / "ledger";
  simulate(broker, {"run", "--preset", "wildfire", "--duration", "1h", "--speed", "max", "--seed", "3",
                    "--lose", "0.15", "--duplicates", "0.05", "--truth", ledger_file.string()});
  gateway.kill();
  gateway = box.start("gateway");
  broker.publish("sensors/wildfire/north/sensor-000/temperature", "no JSON");
  const auto ledger = read_ledger(ledger_file);
  REQUIRE(wait_until([&] {
    const auto books = books_of(box)["books"];
    return books["accepted"] == ledger.size() && books["rejected"].contains("not_json");
  }));
  const auto running = books_of(box);
  CHECK(running["balance"] == true);
  CHECK(running["books"]["late"] == 0);
  CHECK(running["books"]["duplicate"] > ledger.size() / 50);
  std::map<std::string, std::uint64_t> missing;
  for (const auto& gap : running["seq_gaps"])
    missing[gap["region"].get<std::string>() + '/' + gap["sensor"].get<std::string>()] = gap["missing"];
  CHECK(missing.size() > 20);
  CHECK(missing == missing_in(ledger));
  CHECK(running["seq_conflicts"].empty());
  CHECK(gateway.stop() == 0);
  const auto stopped = books_of(box);
  CHECK(stopped["books"] == running["books"]);
  CHECK(stopped["seq_gaps"] == running["seq_gaps"]);

  const auto text = run({program("gateway"), "books", "--config", box.config()}).out;
  CHECK_THAT(text, Catch::Contains(fmt::format("accepted   {:>12}\n", ledger.size())) &&
                       Catch::Contains(fmt::format("rejected   {:>12}\n  {:<15}{:>6}\n", 1, "not_json", 1)) &&
                       Catch::Contains("received = accepted + duplicate + late + rejected\n"));
  std::uint64_t sum = 0;
  for (const auto& [sensor, lacks] : missing) {
    sum += lacks;
    CHECK_THAT(text, Catch::Contains(fmt::format("  wildfire/{}  {}\n", sensor, lacks)));
  }
  CHECK_THAT(text, Catch::Contains(
                       fmt::format("{} numbers missing in the seq of {} sensors\n", sum, missing.size())));
}

TEST_CASE(
    "books without a snapshot say what is not in them, and count the rest under today's configuration") {
  Broker broker;
  Box box(broker.port(), "[journal]\nsegment = \"1 MiB\"\nlimit = \"4 MiB\"\n");
  ChildProcess gateway = box.start("gateway");
  const auto is_trimmed = [&] {
    return !std::filesystem::exists(box.state() / "gateway/journal/00000000000000000000.journal");
  };
  for (int hours = 1; hours <= 9 && !is_trimmed(); ++hours)
    simulate(broker,
             {"run", "--preset", "wildfire", "--duration", fmt::format("{}h", hours), "--speed", "max"});
  REQUIRE(wait_until(is_trimmed));
  CHECK(gateway.stop() == 0);
  for (const auto& file : std::filesystem::directory_iterator(box.state() / "gateway")) {
    if (file.path().extension() == ".snapshot") std::filesystem::remove(file.path());
  }
  const auto command = run({program("gateway"), "books", "--json", "--config", box.config()});
  CHECK(command.code == 0);
  CHECK_THAT(command.err, Catch::Contains("what came before is not counted"));
  const auto books = nlohmann::json::parse(command.out)["books"];
  CHECK(books["received"] > 0);
  CHECK_FALSE(books["rejected"].contains("no_input"));
}

TEST_CASE("books of a box that has none yet, and of one that cannot be read") {
  Box box(1, "");
  const auto command = run({program("gateway"), "books", "--config", box.config()});
  CHECK(command.code == 1);
  CHECK(command.err.find("cannot") != std::string::npos);
}
