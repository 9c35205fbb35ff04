#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lookout::test {

/// One line of the simulator's ledger: a reading that the broker acknowledged.
struct LedgerEntry {
  std::string network, region, sensor, metric;
  double event_time;  ///< epoch seconds
  double value;
  std::int64_t seq;
};
std::vector<LedgerEntry> read_ledger(const std::filesystem::path& file);
/// How many there are so far, while the simulator may be writing.
std::size_t count_ledger(const std::filesystem::path& file);

/// The same for a long one that is asked for often: reads only what is new.
class LedgerCount {
 public:
  explicit LedgerCount(std::filesystem::path file) : file_(std::move(file)) {}
  std::size_t operator()();

 private:
  std::filesystem::path file_;
  std::streamoff read_ = 0;
  std::size_t lines_ = 0;
};

/// Whether an aggregate by region has the count and the sum of the ledger's readings that belong to it.
bool agrees(const std::vector<LedgerEntry>& ledger, const nlohmann::json& aggregate);

/// RFC 3339 as date(1) reads it: an oracle independent of our own parser. Whole seconds and a fraction, UTC
/// only.
double epoch_of(const std::string& rfc3339);

}  // namespace lookout::test
