#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/config_sources.h"
#include "common/journal_reader.h"
#include "common/journal_writer.h"
#include "tests/support/box.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr const char* kWindow = "[[window]]\nname = \"1m\"\nsize = \"1m\"\nby = [\"region\"]\n";
constexpr std::uint64_t kMessages = 500;

/// A box whose gateway has a journal in its state folder: a link coming up, then messages of one sensor.
struct Rig {
  Rig() : box(1, kWindow), folder(box.state() / "gateway" / "journal") {
    JournalConfig config;
    config.segment = 10'000;
    auto journal = std::move(*JournalWriter::open(folder, config));
    const Timestamp begin = *parse_rfc3339("2026-11-22T11:20:00.25Z");
    REQUIRE(journal->append({begin, {}, {}}, journal::Kind::link_up, {1500ms, true}));
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      const std::string payload = fmt::format(R"({{"value":{}.5,"seq":{}}})", i % 30, i);
      const Timestamp arrival = begin + i * 1s;
      REQUIRE(journal->prepare());
      REQUIRE(journal->append({arrival, "sensors/w/north/s/temperature", payload}));
      recording += json{{"arrival", to_rfc3339(arrival)},
                        {"topic", "sensors/w/north/s/temperature"},
                        {"payload", payload}}
                       .dump() +
                   '\n';
    }
    segments = *list_segments(folder);
    REQUIRE(segments.size() > 3);
  }

  [[nodiscard]] Finished journal(std::vector<std::string> arguments) const {
    std::vector<std::string> command{program("gateway"), "journal", "--config", box.config()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
  }
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t first) const {
    return journal::segment_path(folder, first);
  }
  void flip(std::uint64_t segment, std::size_t byte) const {
    std::string content = slurp(path_of(segment));
    content[byte] ^= 1;
    spit(path_of(segment), content);
  }

  Box box;
  std::filesystem::path folder;
  Segments segments;
  std::string recording;  // the same messages, as a user would have recorded them
};

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("journal lists its segments") {
  const Rig rig;
  const auto listed = rig.journal({"list", "--json"});
  REQUIRE(listed.code == 0);
  const json all = json::parse(listed.out);
  CHECK(all["first"] == 0);
  CHECK(all["end"] == kMessages + 1);
  REQUIRE(all["segments"].size() == rig.segments.size());
  std::uint64_t expected = 0, bytes = 0;
  for (const json& segment : all["segments"]) {
    CHECK(segment["first"] == expected);
    CHECK(segment["bytes"] == std::filesystem::file_size(rig.folder / segment["file"].get<std::string>()));
    expected = segment["end"];
    bytes += segment["bytes"].get<std::uint64_t>();
  }
  CHECK(expected == kMessages + 1);
  CHECK(all["bytes"] == bytes);
  CHECK(all["segments"][0]["arrival"] == "2026-11-22T11:20:00.250000Z");
  const auto table = rig.journal({});
  CHECK(table.code == 0);
  CHECK(table.out.find(fmt::format("offsets 0 to before {}", kMessages + 1)) != std::string::npos);
}

TEST_CASE("journal check says that all is well, or exits with 1 and names what is gone and where") {
  const Rig rig;
  const auto good = rig.journal({"check"});
  CHECK(good.code == 0);
  CHECK(good.out.find(fmt::format("{} records are whole, 0 are gone", kMessages + 1)) != std::string::npos);

  const std::uint64_t second = std::next(rig.segments.begin())->first;
  const std::uint64_t third = std::next(rig.segments.begin(), 2)->first;
  const std::uint64_t fourth = std::next(rig.segments.begin(), 3)->first;
  rig.flip(second, journal::kHeaderSize + 30);
  std::filesystem::remove(rig.path_of(third));
  const auto damaged = rig.journal({"check"});
  CHECK(damaged.code == 1);
  CHECK(damaged.out.find(fmt::format("{:020}.journal: damaged", second)) != std::string::npos);
  CHECK(damaged.out.find(fmt::format("offsets {} to {} are gone", second, second)) != std::string::npos);
  CHECK(damaged.out.find(fmt::format("offsets {} to {} are gone", third, fourth - 1)) != std::string::npos);
  const json all = json::parse(rig.journal({"check", "--json"}).out);
  CHECK(all["lost"] == 1 + fourth - third);
  CHECK(all["problems"].size() == 2);
  CHECK(all["problems"][0]["first"] == second);
  CHECK(all["problems"][1]["end"] == fourth);
  for (const auto& entry : std::filesystem::directory_iterator(rig.folder))
    CHECK(entry.path().string().find(".corrupt") == std::string::npos);
}

TEST_CASE("journal check tells an interrupted write from damage") {
  const Rig rig;
  const std::uint64_t newest = rig.segments.rbegin()->first;
  std::string content = slurp(rig.path_of(newest));
  const std::size_t end = content.find_last_not_of('\0') + 1;
  content.replace(end, 8, std::string("\x40\0\0\0half", 8));
  spit(rig.path_of(newest), content);
  const auto checked = rig.journal({"check"});
  CHECK(checked.code == 0);
  CHECK(checked.out.find("the last one was interrupted: 8 bytes") != std::string::npos);
}

TEST_CASE("a dumped journal played back gives what the recorded messages give") {
  const Rig rig;
  const auto dumped = rig.journal({"dump"});
  REQUIRE(dumped.code == 0);
  const auto lines = lines_of(dumped.out);
  REQUIRE(lines.size() == kMessages + 1);
  CHECK(lines[0] == json::parse(R"({"offset":0,"arrival":"2026-11-22T11:20:00.250000Z","kind":"link_up",)"
                                R"("connected_s":1.5,"trusted":true})"));
  CHECK(lines[1] ==
        json::parse(
            R"({"offset":1,"arrival":"2026-11-22T11:20:00.250000Z","topic":"sensors/w/north/s/temperature",)"
            R"("payload":"{\"value\":0.5,\"seq\":0}","retain":false})"));
  const auto backtest = [&](const std::string& input) {
    spit(rig.box.folder() / "input", input);
    return run({program("gateway"), "backtest", "--config", rig.box.config(), "--input",
                (rig.box.folder() / "input").string()});
  };
  const auto of_dump = backtest(dumped.out);
  CHECK(of_dump.code == 0);
  CHECK(of_dump.err.find(" 0 broken") != std::string::npos);
  CHECK(of_dump.out == backtest(rig.recording).out);
  CHECK(of_dump.out.find("aggregates/") != std::string::npos);
}

TEST_CASE("journal dump prints a range, and what can be read where something is damaged") {
  const Rig rig;
  const std::uint64_t second = std::next(rig.segments.begin())->first;
  rig.flip(second, journal::kHeaderSize + 30);
  const auto dumped =
      rig.journal({"dump", "--from", std::to_string(second - 3), "--to", std::to_string(second + 3)});
  CHECK(dumped.code == 0);
  CHECK(dumped.err.find(fmt::format("offsets {} to {} are damaged", second, second)) != std::string::npos);
  std::vector<std::uint64_t> offsets;
  for (const json& line : lines_of(dumped.out)) offsets.push_back(line["offset"]);
  CHECK(offsets == std::vector<std::uint64_t>{second - 3, second - 2, second - 1, second + 1, second + 2});
  CHECK(rig.journal({"dump", "--from", "x"}).code == 2);
  CHECK(rig.journal({"walk"}).code == 2);
}

TEST_CASE("without a journal the command says where it looked") {
  const Box box(1, kWindow);
  for (const std::string action : {"list", "check", "dump"}) {
    const auto finished = run({program("gateway"), "journal", action, "--config", box.config()});
    CHECK(finished.code == 1);
    CHECK(finished.err.find("state/gateway/journal") != std::string::npos);
  }
}

TEST_CASE("journal looks into the journal of a gateway that is writing it") {
  Broker broker;
  Box box(broker.port(), std::string(kWindow) + "[journal]\nsegment = \"1 MiB\"\nlimit = \"2 MiB\"\n");
  ChildProcess gateway = box.start("gateway");
  ChildProcess simulator({program("simulator"), "run", "--preset", "wildfire", "--duration", "4h", "--speed",
                          "max", "--port", broker.port_text()},
                         {});
  std::uint64_t end = 0;
  int looks = 0;
  while (simulator.running() || looks < 3) {
    const auto checked = run({program("gateway"), "journal", "check", "--json", "--config", box.config()});
    INFO(checked.out << checked.err);
    REQUIRE(checked.code == 0);
    const std::uint64_t now = json::parse(checked.out)["end"];
    REQUIRE(now >= end);
    end = now;
    ++looks;
    REQUIRE(run({program("gateway"), "journal", "--config", box.config()}).code == 0);
    REQUIRE(
        run({program("gateway"), "journal", "dump", "--from", std::to_string(end), "--config", box.config()})
            .code == 0);
  }
  CHECK(end > 1000);
  CHECK(gateway.stop() == 0);
}

TEST_CASE("journal dump shows a configuration and a resumed session, and what was cut is too large again") {
  const Box box(1, kWindow);
  const ConfigSources sources{{{"lookout.toml", "[time]\nlag = \"1m\" # ö\n"}}};
  {
    const auto journal =
        std::move(*JournalWriter::open(box.state() / "gateway" / "journal", JournalConfig{}));
    const Timestamp begin = *parse_rfc3339("2026-11-22T11:20:00Z");
    const std::string text = to_json(sources);
    REQUIRE(journal->append({begin, {}, text}, journal::Kind::configuration));
    REQUIRE(journal->append({begin, {}, "not JSON"}, journal::Kind::configuration));
    REQUIRE(journal->append({begin, {}, {}, true}, journal::Kind::link_up));
    REQUIRE(journal->append({begin, "sensors/w/north/s/temperature", R"({"value":1,"x":"xx)", false, true}));
  }
  const auto dumped = run({program("gateway"), "journal", "dump", "--config", box.config()});
  REQUIRE(dumped.code == 0);
  const auto lines = lines_of(dumped.out);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0]["kind"] == "configuration");
  CHECK(lines[0]["files"] == json::parse(R"([{"name":"lookout.toml","text":"[time]\nlag = \"1m\" # ö\n"}])"));
  CHECK(lines[1]["payload"] == "not JSON");
  CHECK(lines[2]["kind"] == "link_up");
  CHECK(lines[2].value("resumed", false));
  CHECK(lines[3].value("cut", false));
  spit(box.folder() / "input", dumped.out);
  const auto played = run({program("gateway"), "backtest", "--config", box.config(), "--input",
                           (box.folder() / "input").string()});
  CHECK(played.code == 0);
  CHECK(played.out.find(R"("reason":"too_large")") != std::string::npos);
  CHECK(played.err.find(" 0 broken") != std::string::npos);
}

TEST_CASE("a dump of nothing is a mistake, and said to be one") {
  const Rig rig;
  const auto finished = rig.journal({"dump", "--from", "5", "--to", "3"});
  CHECK(finished.code == 2);
  CHECK_THAT(finished.err, Catch::Contains("--to 3 is not above --from 5"));
}
