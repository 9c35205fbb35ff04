#include "tests/support/ledger.h"

#include <cmath>
#include <ctime>
#include <fstream>

#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

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

std::size_t count_ledger(const std::filesystem::path& file) { return occurrences(slurp(file), "\n"); }

std::size_t LedgerCount::operator()() {
  std::ifstream in(file_, std::ios::binary);
  in.seekg(read_);
  const std::string added{std::istreambuf_iterator<char>(in), {}};
  read_ += static_cast<std::streamoff>(added.size());
  return lines_ += occurrences(added, "\n");
}

bool agrees(const std::vector<LedgerEntry>& ledger, const nlohmann::json& aggregate) {
  const std::string group = aggregate["group"], metric = aggregate["metric"];
  std::size_t count = 0;
  long double sum = 0;
  for (const LedgerEntry& e : ledger) {
    if (e.region == group && e.metric == metric && e.event_time >= epoch_of(aggregate["start"]) &&
        e.event_time < epoch_of(aggregate["end"])) {
      ++count;
      sum += e.value;
    }
  }
  const double expected = static_cast<double>(sum);
  return aggregate["count"] == count &&
         std::abs(aggregate["sum"].get<double>() - expected) <= 1e-9 * std::abs(expected);
}

}  // namespace lookout::test
