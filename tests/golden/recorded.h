#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temp_folder.h"

namespace lookout::test {

/// A folder with a configuration and a recording, over which the gateway's commands run.
class Recorded {
 public:
  /// `config` is TOML.
  explicit Recorded(const std::string& config);

  void record(const std::string& lines) const { spit(recording(), lines); }
  /// What the simulator's dry run writes becomes the recording.
  void simulate(const std::vector<std::string>& arguments) const;
  [[nodiscard]] std::string recording() const { return (folder_ / "recording").string(); }
  [[nodiscard]] std::string config() const { return (folder_ / "lookout.toml").string(); }

  /// `lookout-gateway COMMAND` over the recording, to its end.
  [[nodiscard]] Finished run(const std::string& command, std::vector<std::string> arguments = {}) const;
  /// `lookout-gateway backtest` over the recording: its outputs.
  [[nodiscard]] std::vector<nlohmann::json> outputs() const;

 private:
  TempFolder folder_;
};

/// NDJSON as values.
std::vector<nlohmann::json> lines_of(const std::string& text);

/// A recorded message of codec lookout on sensors/net/{region}/{sensor}/t. Times are seconds after
/// 2026-01-01T00:00:00Z, below an hour.
std::string recorded_line(const std::string& region, const std::string& sensor, double event_time,
                          double value, double arrival);
/// Any recorded message; `arrival` is RFC 3339.
std::string recorded_message(const std::string& arrival, const std::string& topic,
                             const nlohmann::json& payload);

/// What someone is left with who keeps aggregates as the README says: of each id the highest revision,
/// without those that were taken away. By id. Fails where the revisions of an id are not 0, 1, 2, and so on.
std::map<std::string, nlohmann::json> kept_aggregates(const std::vector<nlohmann::json>& outputs);
/// The number before a word of backtest's summary: "12 accepted" gives 12. Fails where the word is missing.
std::uint64_t figure(const Finished& finished, const std::string& word);

}  // namespace lookout::test
