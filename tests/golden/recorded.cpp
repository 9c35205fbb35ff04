#include "tests/golden/recorded.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace lookout::test {

Recorded::Recorded(const std::string& config) { spit(folder_ / "lookout.toml", config); }

void Recorded::simulate(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{program("simulator"), "run", "--dry-run"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto finished = test::run(command);
  if (finished.code != 0) throw std::runtime_error("lookout-simulator: " + finished.err);
  record(finished.out);
}

Finished Recorded::run(const std::string& command, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(),
                   {program("gateway"), command, "--config", config(), "--input", recording()});
  return test::run(arguments);
}

std::vector<nlohmann::json> Recorded::outputs() const {
  const auto finished = run("backtest");
  if (finished.code != 0) throw std::runtime_error("lookout-gateway: " + finished.err);
  return lines_of(finished.out);
}

std::vector<nlohmann::json> lines_of(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

std::string recorded_line(const std::string& region, const std::string& sensor, double event_time,
                          double value, double arrival) {
  const auto text = [](double seconds) {
    const auto minute = static_cast<int>(seconds) / 60;
    return fmt::format("2026-01-01T00:{:02}:{:09.6f}Z", minute, seconds - minute * 60);
  };
  const std::string payload = fmt::format(R"({{"event_time":"{}","value":{}}})", text(event_time), value);
  const nlohmann::ordered_json line{{"arrival", text(arrival)},
                                    {"topic", fmt::format("sensors/net/{}/{}/t", region, sensor)},
                                    {"payload", payload}};
  return line.dump() + '\n';
}

std::string recorded_message(const std::string& arrival, const std::string& topic,
                             const nlohmann::json& payload) {
  return nlohmann::json{{"arrival", arrival}, {"topic", topic}, {"payload", payload.dump()}}.dump() + '\n';
}

std::map<std::string, nlohmann::json> kept_aggregates(const std::vector<nlohmann::json>& outputs) {
  std::map<std::string, nlohmann::json> kept;
  std::map<std::string, std::uint64_t> next_revision;
  for (const auto& output : outputs) {
    if (!output["topic"].get<std::string>().starts_with("aggregates/")) continue;
    const auto& payload = output["payload"];
    const std::string id = payload["id"];
    if (payload["revision"] != next_revision[id]++) FAIL(output.dump());
    kept[id] = payload;
    if (payload.value("retracted", false)) kept.erase(id);
  }
  return kept;
}

std::uint64_t figure(const Finished& finished, const std::string& word) {
  std::smatch found;
  if (!std::regex_search(finished.err, found, std::regex("([0-9]+) " + word))) FAIL(finished.err);
  return std::stoull(found[1]);
}

}  // namespace lookout::test
