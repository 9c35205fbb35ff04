// What the archive hands out, and what can be done with it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "tests/support/box.h"
#include "tests/support/ledger.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;

namespace {

constexpr const char* kWindow = "[[window]]\nname = \"5m\"\nsize = \"5m\"\nby = [\"region\"]\n";

using Figures = std::tuple<std::uint64_t, double, double>;                // count, mean, max
using Results = std::map<std::string, std::pair<std::int64_t, Figures>>;  // id -> newest revision

void take(Results& results, const nlohmann::json& aggregate) {
  auto& newest = results.try_emplace(aggregate["id"], -1, Figures{}).first->second;
  if (aggregate["revision"] > newest.first)
    newest = {aggregate["revision"], Figures{aggregate["count"], aggregate["mean"], aggregate["max"]}};
}

Finished bridge(const Box& box, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program("bridge"));
  arguments.insert(arguments.end(), {"--config", box.config()});
  return run(arguments);
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

}  // namespace

TEST_CASE("what the archive exports gives, in a backtest, the results that the gateway gave") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess gateway = box.start("gateway");
  ChildProcess archiver = box.start("bridge");
  const auto ledger_file = box.folder() / "ledger";
  simulate(broker, {"run", "--preset", "wildfire", "--duration", "1h", "--speed", "max", "--seed", "3",
                    "--duplicates", "0.05", "--truth", ledger_file.string()});
  broker.publish("sensors/wildfire/north/sensor-000/temperature", "no JSON");
  const std::size_t readings = read_ledger(ledger_file).size();
  const auto archived = [&] { return bridge(box, {"query", "--format", "ndjson"}).out; };
  REQUIRE(wait_until([&] { return lines_of(archived()) == readings; }));
  // Region by region, the windows that the next has closed.
  const auto results = [&] {
    return bridge(box, {"query", "--kind", "aggregates", "--format", "ndjson"}).out;
  };
  REQUIRE(wait_until([&] { return lines_of(results()) >= 5 * 2 * 10; }));
  CHECK(gateway.stop() == 0);
  CHECK(archiver.stop() == 0);

  const auto file = (box.folder() / "messages.ndjson").string();
  const auto exported =
      bridge(box, {"export", "--kind", "messages", "--topics", "sensors/#", "--output", file});
  REQUIRE(exported.code == 0);
  CHECK(exported.out.empty());
  CHECK(exported.err.empty());
  const auto backtest = run({program("gateway"), "backtest", "--config", box.config(), "--input", file});
  REQUIRE(backtest.code == 0);
  Results live, again;
  std::istringstream live_lines(results()), lines(backtest.out);
  for (std::string line; std::getline(live_lines, line);) take(live, nlohmann::json::parse(line));
  for (std::string line; std::getline(lines, line);) {
    const auto output = nlohmann::json::parse(line);
    if (output["topic"].get<std::string>().starts_with("aggregates/")) take(again, output["payload"]);
  }
  CHECK(live.size() >= 100);
  std::uint64_t counted = 0;
  for (const auto& [id, result] : again) counted += std::get<0>(result.second);
  CHECK(counted == readings);
  for (const auto& [id, result] : live) {
    INFO(id);
    REQUIRE(again.contains(id));
    CHECK(std::get<0>(again[id].second) == std::get<0>(result.second));
    CHECK(std::get<1>(again[id].second) == Approx(std::get<1>(result.second)).epsilon(1e-9));
    CHECK(std::get<2>(again[id].second) == std::get<2>(result.second));
  }
}

TEST_CASE("export writes to standard output what query prints, and says what it cannot write") {
  Broker broker;
  Box box(broker.port(), "");
  ChildProcess archiver = box.start("bridge");
  broker.publish("sensors/wild/north/s1/temperature", R"({"event_time":1795346400,"value":20.5})");
  broker.publish("sensors/wild/north/s1/temperature", "\xff");
  REQUIRE(wait_until([&] { return lines_of(bridge(box, {"export", "--kind", "messages"}).out) == 2; }));
  CHECK(bridge(box, {"export"}).out == bridge(box, {"query", "--format", "ndjson"}).out);
  CHECK(bridge(box, {"export", "--kind", "messages"}).out.find("\"payload_base64\":\"/w==\"") !=
        std::string::npos);
  const auto failed = bridge(box, {"export", "--output", (box.folder() / "none" / "file").string()});
  CHECK(failed.code == 1);
  CHECK(failed.err.find("none/file") != std::string::npos);
  CHECK(bridge(box, {"export", "--kind", "messages", "--time", "event"}).code == 2);
  CHECK(archiver.stop() == 0);
}

TEST_CASE("an export as CSV has the names of its columns and a row for each reading") {
  Broker broker;
  Box box(broker.port(), "");
  ChildProcess archiver = box.start("bridge");
  broker.publish("sensors/wild/north/s1/temperature", R"({"event_time":1795346400,"value":20.5})");
  const auto file = box.folder() / "readings.csv";
  REQUIRE(wait_until([&] { return lines_of(bridge(box, {"export"}).out) == 1; }));
  REQUIRE(bridge(box, {"export", "--format", "csv", "--output", file.string()}).code == 0);
  std::istringstream lines(slurp(file));
  std::string head, row, more;
  std::getline(lines, head);
  std::getline(lines, row);
  CHECK_FALSE(std::getline(lines, more));
  std::map<std::string, std::string> fields;
  std::istringstream names(head), values(row);
  for (std::string name; std::getline(names, name, ',');) std::getline(values, fields[name], ',');
  CHECK(fields["event_time"] == "2026-11-22T11:20:00Z");
  CHECK(fields["region"] == "north");
  CHECK(fields["sensor"] == "s1");
  CHECK(fields["value"] == "20.5");
}

TEST_CASE("export leaves the file alone that it was to write where there is no archive") {
  Broker broker;
  Box box(broker.port(), "");
  const auto file = box.folder() / "kept.ndjson";
  spit(file, "worth keeping");
  CHECK(bridge(box, {"export", "--output", file.string()}).code == 1);
  CHECK(slurp(file) == "worth keeping");
  ChildProcess archiver = box.start("bridge");
  broker.publish("sensors/wild/north/s1/temperature", R"({"event_time":1795346400,"value":20.5})");
  REQUIRE(wait_until([&] { return lines_of(bridge(box, {"export"}).out) == 1; }));
  const auto nothing = bridge(box, {"export", "--topics", "sensors/none/#", "--output", file.string()});
  CHECK(nothing.code == 0);
  CHECK_THAT(nothing.err, Catch::Contains("nothing in the archive matches"));
  CHECK(slurp(file).empty());
  const auto books = bridge(box, {"books", "--json"});
  CHECK(books.code == 0);
  const auto account = nlohmann::json::parse(books.out);
  CHECK(account["offsets"] == account["archived"]);
  CHECK(account["offsets"] >= 1);
  CHECK(account["difference"] == 0);
  CHECK(archiver.stop() == 0);
}
