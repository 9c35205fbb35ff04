#include "tests/fault/journaled.h"

#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <unordered_set>

#include "common/journal_reader.h"

namespace lookout::test {
namespace {

template <typename T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error());
  return std::move(*result);
}

std::uint64_t end_of(const std::filesystem::path& folder) {
  const Segments segments = need(list_segments(folder));
  if (segments.empty()) throw std::runtime_error("no journal in " + folder.string());
  SegmentReader newest = need(SegmentReader::open(folder, segments.rbegin()->first));
  while (need(newest.next(std::numeric_limits<std::uint64_t>::max()))) continue;
  return newest.offset();
}

LedgerEntry parse(const MessageView& message) {
  std::istringstream topic{std::string(message.topic)};
  LedgerEntry entry;
  std::string sensors;
  std::getline(topic, sensors, '/');
  std::getline(topic, entry.network, '/');
  std::getline(topic, entry.region, '/');
  std::getline(topic, entry.sensor, '/');
  std::getline(topic, entry.metric, '/');
  const auto payload = nlohmann::json::parse(message.payload);
  entry.event_time = payload["event_time"];
  entry.value = payload["value"];
  entry.seq = payload["seq"];
  return entry;
}

// What tells readings of one run of the simulator apart.
std::string key_of(const LedgerEntry& entry) {
  return entry.sensor + '/' + entry.metric + '/' + std::to_string(entry.seq) + '/' +
         std::to_string(std::llround(entry.event_time * 1e3));
}

}  // namespace

Journaled read_journaled(const std::filesystem::path& state) {
  const auto folder = state / "journal";
  const std::uint64_t end = end_of(folder);
  JournalReader reader(folder, 0);
  Journaled journaled;
  std::unordered_set<std::string> known;
  while (true) {
    const auto record = reader.next(end);
    if (!record) throw std::runtime_error(record.error());
    if (!*record) break;
    const MessageView& message = (*record)->message;
    if ((*record)->kind != journal::Kind::message || !message.topic.starts_with("sensors/")) continue;
    ++journaled.messages;
    LedgerEntry entry = parse(message);
    if (known.insert(key_of(entry)).second) journaled.readings.push_back(std::move(entry));
  }
  if (reader.lost() > 0) throw std::runtime_error("the journal has holes");
  return journaled;
}

std::uint64_t count_missing(const std::filesystem::path& ledger, const Journaled& journaled) {
  std::unordered_set<std::string> known;
  for (const LedgerEntry& entry : journaled.readings) known.insert(key_of(entry));
  std::uint64_t missing = 0;
  for (const LedgerEntry& entry : read_ledger(ledger)) missing += known.contains(key_of(entry)) ? 0 : 1;
  return missing;
}

}  // namespace lookout::test
