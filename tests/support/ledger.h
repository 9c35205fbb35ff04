#pragma once

#include <filesystem>
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

/// RFC 3339 as date(1) reads it: an oracle independent of our own parser. Whole seconds and a fraction, UTC
/// only.
double epoch_of(const std::string& rfc3339);

}  // namespace lookout::test
