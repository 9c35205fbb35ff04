#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <sstream>

#include "tests/golden/recorded.h"

using namespace lookout::test;

namespace {

constexpr const char* kInput = R"(
[[input]]
topic = "v3/{{network}}/devices/{{sensor}}/up"
codec = "json"
identity = ["/fcnt", "/payload"]
time = "/reported_at"
time_format = "ms"
values = {{ {} }}
)";

constexpr double kBucket = 1 / 16.0;  // the relative width of the report's buckets

std::string unpacked(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
      ::popen(("gzip -dc '" + file + "'").c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 65536> piece{};
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe.get()))
    text.append(piece.data(), got);
  return text;
}

struct Uplinks {
  std::string recording;  // as lines for backtest
  // Straight from the file, where a frame's first uplink counts: what has a temperature, and repeats of it.
  std::uint64_t with_temperature = 0, repeats_with_temperature = 0, without_temperature = 0;
};

Uplinks convert(const std::string& ndjson) {
  Uplinks uplinks;
  std::set<std::string> frames;
  std::istringstream in(ndjson);
  for (std::string line; std::getline(in, line);) {
    const auto uplink = nlohmann::json::parse(line);
    const auto arrival = uplink["_timestamp"].get<std::int64_t>();
    uplinks.recording +=
        nlohmann::json{
            {"arrival", fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(arrival / 1000), arrival % 1000)},
            {"topic", fmt::format("v3/campus/devices/{}/up", uplink["dev_eui"].get<std::string>())},
            {"payload", line}}
            .dump() +
        '\n';
    const bool is_new = frames.insert(uplink["fcnt"].dump() + uplink["payload"].dump()).second;
    const bool has_temperature =
        uplink.contains(nlohmann::json::json_pointer("/decoded/payload/temperature"));
    uplinks.without_temperature += has_temperature ? 0 : 1;
    uplinks.with_temperature += has_temperature && is_new ? 1 : 0;
    uplinks.repeats_with_temperature += has_temperature && !is_new ? 1 : 0;
  }
  return uplinks;
}

std::string case_file() {
  const char* cases = std::getenv("LOOKOUT_CASES");
  const std::string file =
      std::string(cases == nullptr ? "" : cases) + "/lorawan/ems-tourperret-A81758FFFE04B1C1-2.ndjson.gz";
  return cases != nullptr && std::filesystem::exists(file) ? file : "";
}

}  // namespace

// The known answers of shared/cases: 20,351 uplinks, 20,109 distinct (fcnt, payload); arrival - event time.
TEST_CASE("a real LoRaWAN log: repeats are known by frame counter and payload, delays are as measured") {
  if (case_file().empty()) {
    WARN("skipped: no case data (LOOKOUT_CASES)");
    return;
  }
  // Each uplink has a frame counter, which serves as the one value; windows would not change the delays.
  const Recorded recorded(fmt::format(kInput, "fcnt = \"/fcnt\""));
  recorded.record(convert(unpacked(case_file())).recording);
  const auto finished = recorded.run("lateness", {"--json"});
  INFO(finished.err);
  REQUIRE(finished.code == 0);
  const auto report = nlohmann::json::parse(finished.out);
  CHECK(report["books"]["received"] == 20351);
  CHECK(report["books"]["accepted"] == 20109);
  CHECK(report["books"]["duplicate"] == 242);
  CHECK(report["all"]["readings"] == 20109);
  for (const auto& [figure, known] :
       std::map<std::string, double>{{"p50_s", 0.480}, {"p99_s", 0.537}, {"p99_9_s", 3.137}}) {
    CAPTURE(figure);
    CHECK(report["all"][figure].get<double>() >= known);
    CHECK(report["all"][figure].get<double>() <= known * (1 + kBucket));
  }
  CHECK(report["all"]["max_s"] == 510.284);
  CHECK(report["all"]["beyond_lag"] == Approx(1 / 20109.0));
  REQUIRE(report["sensors"].size() == 1);
  CHECK(report["sensors"][0]["sensor"] == "A81758FFFE04B1C1");
}

TEST_CASE("a real LoRaWAN log: temperatures come out of it once, in windows too") {
  if (case_file().empty()) {
    WARN("skipped: no case data (LOOKOUT_CASES)");
    return;
  }
  const Uplinks uplinks = convert(unpacked(case_file()));
  CHECK(uplinks.with_temperature + uplinks.repeats_with_temperature + uplinks.without_temperature == 20351);
  const Recorded recorded(fmt::format(kInput, "temperature = \"/decoded/payload/temperature\"") +
                          "[[window]]\nname = \"1h\"\nsize = \"1h\"\nby = [\"sensor\"]\n");
  recorded.record(uplinks.recording);
  const auto finished = recorded.run("backtest");
  REQUIRE(finished.code == 0);
  CHECK_THAT(finished.err,
             Catch::Contains(fmt::format(
                 "20351 received = {} accepted + {} duplicate + {} rejected ({} no_value) + 0 late",
                 uplinks.with_temperature, uplinks.repeats_with_temperature, uplinks.without_temperature,
                 uplinks.without_temperature)));
  std::uint64_t counted = 0;
  for (const auto& output : lines_of(finished.out)) {
    if (output["topic"].get<std::string>().starts_with("aggregates/"))
      counted += output["payload"]["count"].get<std::uint64_t>();
  }
  CHECK(counted == uplinks.with_temperature);
}
