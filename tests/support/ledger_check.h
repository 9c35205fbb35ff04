#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/support/ledger.h"
#include "tests/support/observer.h"

/// What should have come out, what did, and the difference. Written without a line of the gateway's.
namespace lookout::test {

/// A tumbling window, aligned to the epoch, as in the configuration.
struct WindowShape {
  std::string name;
  std::int64_t size_s;
  bool by_sensor, by_region;
};

/// A batch job over readings: figures of every window, by the id that the gateway gives it.
class Batch {
 public:
  struct Figures {
    std::uint64_t count = 0;
    long double sum = 0;
    double min = 0, max = 0;
    std::int64_t first_seq = 0, last_seq = 0;
    std::set<std::string> sensors{};
  };
  explicit Batch(std::vector<WindowShape> windows) : windows_(std::move(windows)) {}

  void add(const LedgerEntry& reading);
  /// Every reading of the simulator's ledger that `keep` wants.
  void add_ledger(
      const std::filesystem::path& file,
      const std::function<bool(const LedgerEntry&)>& keep = [](const auto&) { return true; });

  [[nodiscard]] std::uint64_t readings() const { return readings_; }
  /// Seconds, of the window of that name.
  [[nodiscard]] std::int64_t size_of(const std::string& window) const;
  /// Numbers missing in the windows of that name, which are by sensor, where no sensor reboots.
  [[nodiscard]] std::uint64_t seq_gaps(const std::string& window) const;
  [[nodiscard]] const std::unordered_map<std::string, Figures>& results() const { return results_; }

 private:
  void add_to(const WindowShape& window, const std::string& group, const LedgerEntry& reading);
  std::vector<WindowShape> windows_;
  std::uint64_t readings_ = 0;
  std::unordered_map<std::string, Figures> results_;
};

/// What a witness saw of the gateway's outputs.
class Outputs {
 public:
  /// `counted`: the window whose counts are added up in readings(); every reading must be in just one of
  /// them.
  explicit Outputs(std::string counted) : counted_(std::move(counted)) {}

  void take(Observer& observer);
  /// The same of what a killed broker has told again after its start, which may be older than what it told
  /// before.
  void take_repeats(Observer& observer);

  /// The aggregates' last revisions, by id.
  [[nodiscard]] const std::unordered_map<std::string, nlohmann::json>& results() const { return results_; }
  /// Readings in the last revisions of the counted window.
  [[nodiscard]] std::uint64_t readings() const { return readings_; }
  /// Messages with an id and a revision, repeats included.
  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  [[nodiscard]] std::uint64_t seq_gaps() const;
  /// "id revision" of what came with two different contents.
  [[nodiscard]] const std::vector<std::string>& two_contents() const { return two_contents_; }
  /// States of alerts as they changed: "firing 0 TOPIC", "resolved 1 TOPIC" (a repeat of a revision is no
  /// change).
  [[nodiscard]] const std::vector<std::string>& alert_states() const { return alert_states_; }
  /// What went back on an alert's topic, from "ID REVISION" to "ID REVISION". What the broker retained for a
  /// new subscription is not looked at.
  [[nodiscard]] const std::vector<std::string>& gone_back() const { return gone_back_; }
  /// What each topic of alerts showed, without what says the same as before: "firing ID", "resolved ID".
  [[nodiscard]] const std::map<std::string, std::vector<std::string>>& alerts() const { return alerts_; }
  /// The newest statistics of the gateway, null before the first; and how many came.
  [[nodiscard]] const nlohmann::json& stats() const { return stats_; }
  [[nodiscard]] std::uint64_t stats_seen() const { return stats_seen_; }

 private:
  void take_revision(const nlohmann::json& payload, const Observer::Seen& seen);
  void take_aggregate(nlohmann::json payload);
  void take_alert(const nlohmann::json& payload, const std::string& topic);

  std::string counted_;
  std::unordered_map<std::string, nlohmann::json> results_;
  std::unordered_map<std::string, std::size_t> contents_;  // "id revision" -> hash of the payload
  std::uint64_t readings_ = 0, messages_ = 0, stats_seen_ = 0;
  std::vector<std::string> two_contents_, alert_states_, gone_back_;
  // The newest on each topic of alerts; ids on one topic differ in their time only, and rise with it.
  std::map<std::string, std::pair<std::string, std::uint64_t>> newest_;
  std::map<std::string, std::vector<std::string>> alerts_;
  nlohmann::json stats_;
};

/// The difference. Prints itself.
struct LedgerReport {
  std::uint64_t readings = 0;                    ///< in the batch
  std::uint64_t results = 0;                     ///< windows in the batch
  std::uint64_t messages = 0;                    ///< of the gateway, repeats included
  std::uint64_t lost = 0, doubled = 0;           ///< readings, by the counts of the counted windows
  std::uint64_t missing = 0;                     ///< windows that never came out
  std::vector<std::string> differing;            ///< ids whose figures are others, or that nobody expected
  std::vector<std::string> incomplete;           ///< ids that say so, though nothing is missing
  std::vector<std::string> two_contents;         ///< "id revision"
  std::vector<std::string> gone_back;            ///< alerts that showed an older state
  std::vector<std::string> wrong_alerts;         ///< what changed otherwise than the batch's windows say
  nlohmann::json books;                          ///< the gateway's own
  [[nodiscard]] bool whole() const;              ///< nothing of all this
  [[nodiscard]] std::uint64_t accepted() const;  ///< by the books
  [[nodiscard]] bool books_balance() const;
};
std::ostream& operator<<(std::ostream& out, const LedgerReport& report);

/// A rule over the means of a window by region, as in the configuration.
struct MeanRule {
  std::string name, window, metric;
  double above;
};

/// How the alerts of the rule had to change, from windows that closed in their order and were not corrected.
void check_alerts(const Batch& batch, const Outputs& outputs, const MeanRule& rule, LedgerReport& report);

/// `keep` says which results are looked at, by id.
LedgerReport compare(
    const Batch& batch, const Outputs& outputs, const std::string& counted_window,
    const std::function<bool(const std::string&)>& keep = [](const auto&) { return true; });

}  // namespace lookout::test
