#include "tests/fault/journaled.h"

#include <cmath>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>
#include <system_error>
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

template <typename Visit>
void for_each_message(const std::filesystem::path& state, Visit visit) {
  const auto folder = state / "journal";
  const std::uint64_t end = end_of(folder);
  JournalReader reader(folder, 0);
  while (true) {
    const auto record = need(reader.next(end));
    if (!record) break;
    if (record->kind == journal::Kind::message && record->message.topic.starts_with("sensors/"))
      visit(record->message);
  }
  if (reader.lost() > 0) throw std::runtime_error("the journal has holes");
}

using Numbers = std::map<std::string, std::set<std::int64_t>>;  // by sensor

template <typename Entries>
Numbers numbers_of(const Entries& entries) {
  Numbers numbers;
  for (const LedgerEntry& entry : entries) numbers[entry.region + '/' + entry.sensor].insert(entry.seq);
  return numbers;
}

}  // namespace

std::string key_of(const LedgerEntry& reading) {
  return reading.sensor + '/' + reading.metric + '/' + std::to_string(reading.seq) + '/' +
         std::to_string(std::llround(reading.event_time * 1e3));
}

Journaled read_journaled(const std::filesystem::path& state) {
  Journaled journaled;
  std::unordered_set<std::string> known;
  for_each_message(state, [&](const MessageView& message) {
    ++journaled.messages;
    ++journaled.contents[content_of(message.topic, message.payload)];
    LedgerEntry entry = parse(message);
    if (known.insert(key_of(entry)).second) journaled.readings.push_back(std::move(entry));
  });
  return journaled;
}

std::map<std::string, std::uint64_t> count_journaled_by_topic(const std::filesystem::path& state) {
  std::map<std::string, std::uint64_t> topics;
  for_each_message(state, [&](const MessageView& message) { ++topics[std::string(message.topic)]; });
  return topics;
}

Loss find_loss(const std::filesystem::path& ledger, const std::vector<LedgerEntry>& recorded) {
  std::unordered_set<std::string> known;
  for (const LedgerEntry& entry : recorded) known.insert(key_of(entry));
  const std::vector<LedgerEntry> acknowledged = read_ledger(ledger);
  Loss loss;
  for (const LedgerEntry& entry : acknowledged) loss.readings += known.contains(key_of(entry)) ? 0 : 1;
  const Numbers left = numbers_of(recorded);
  for (const auto& [sensor, numbers] : left) {
    const auto span = static_cast<std::uint64_t>(*numbers.rbegin() - *numbers.begin()) + 1;
    if (span > numbers.size()) loss.gaps[sensor] = span - numbers.size();
  }
  for (const auto& [sensor, numbers] : numbers_of(acknowledged)) {
    const auto& there = left.at(sensor);
    for (const std::int64_t number : numbers) {
      if (there.contains(number)) continue;
      ++loss.numbers;
      if (number < *there.begin() || number > *there.rbegin()) ++loss.at_edges;
    }
  }
  return loss;
}

std::map<std::string, std::uint64_t> gaps_in_books(const Box& box) {
  const auto books = run({program("gateway"), "books", "--config", box.config(), "--json"});
  const auto account = nlohmann::json::parse(books.out);
  std::map<std::string, std::uint64_t> gaps;
  for (const auto& gap : account["seq_gaps"])
    gaps[gap["region"].get<std::string>() + '/' + gap["sensor"].get<std::string>()] = gap["missing"];
  return gaps;
}

JournalKeeper::JournalKeeper(const std::filesystem::path& state)
    : from_(state / "journal"), to_(state.parent_path() / ("kept-" + state.filename().string())) {
  std::filesystem::create_directories(to_ / "journal");
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      link_new();
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  });
}

JournalKeeper::~JournalKeeper() {
  thread_ = {};
  std::filesystem::remove_all(to_);
}

// A link that a full disk refuses now is made later.
void JournalKeeper::link_new() {
  const std::lock_guard lock(mutex_);
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(from_, none)) {
    if (entry.path().extension() == ".journal")
      std::filesystem::create_hard_link(entry.path(), to_ / "journal" / entry.path().filename(), none);
  }
}

const std::filesystem::path& JournalKeeper::state() {
  link_new();
  return to_;
}

}  // namespace lookout::test
