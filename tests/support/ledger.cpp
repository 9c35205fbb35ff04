#include "tests/support/ledger.h"

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

namespace lookout::test {

double epoch_of(const std::string& rfc3339) {
  std::tm fields{};
  const char* rest = ::strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  const double fraction = rest && *rest == '.' ? std::stod("0" + std::string(rest)) : 0;
  return static_cast<double>(::timegm(&fields)) + fraction;
}

std::vector<LedgerEntry> read_ledger(const std::filesystem::path& file) {
  std::vector<LedgerEntry> entries;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    entries.push_back({json["network"], json["region"], json["sensor"], json["metric"],
                       epoch_of(json["event_time"]), json["value"], json["seq"]});
  }
  return entries;
}

}  // namespace lookout::test
