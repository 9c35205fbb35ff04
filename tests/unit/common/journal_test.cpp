#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "common/journal_reader.h"
#include "common/journal_writer.h"
#include "tests/support/captured_log.h"
#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

struct Entry {
  std::string topic, payload;
  bool retain = false, cut = false;
  Timestamp arrival;
  bool operator==(const Entry&) const = default;
};

JournalConfig small_segments() {
  JournalConfig config;
  config.segment = std::uint64_t{1} << 20;
  config.limit = config.segment * 3;
  return config;
}

std::unique_ptr<JournalWriter> open(const TempFolder& folder, const JournalConfig& config = small_segments(),
                                    std::uint64_t at_least = 0) {
  auto writer = JournalWriter::open(folder.path(), config, at_least);
  REQUIRE(writer.has_value());
  return std::move(*writer);
}

std::uint64_t append(JournalWriter& writer, const Entry& entry) {
  REQUIRE(writer.prepare().has_value());
  const auto offset = writer.append({entry.arrival, entry.topic, entry.payload, entry.retain, entry.cut});
  REQUIRE(offset.has_value());
  return *offset;
}

Entry random_entry(std::mt19937_64& random, std::size_t largest) {
  Entry entry;
  entry.topic = "t/" + std::to_string(random() % 1000);
  entry.payload.resize(random() % largest);
  for (char& c : entry.payload) c = static_cast<char>(random());
  entry.retain = random() % 2 == 0;
  entry.cut = random() % 5 == 0;
  entry.arrival = Timestamp{Microseconds{static_cast<std::int64_t>(random() >> 12)}};
  return entry;
}

std::vector<std::pair<std::uint64_t, Entry>> read_all(const TempFolder& folder, std::uint64_t from,
                                                      std::uint64_t end, std::uint64_t* lost = nullptr) {
  JournalReader reader(folder.path(), from);
  std::vector<std::pair<std::uint64_t, Entry>> entries;
  while (true) {
    const auto record = reader.next(end);
    REQUIRE(record.has_value());
    if (!*record) break;
    const MessageView& m = (*record)->message;
    entries.push_back(
        {(*record)->offset, {std::string(m.topic), std::string(m.payload), m.retain, m.cut, m.arrival}});
  }
  if (lost) *lost = reader.lost();
  return entries;
}

Segments segments_of(const TempFolder& folder) { return list_segments(folder.path()).value(); }

std::filesystem::path newest_segment(const TempFolder& folder) {
  return journal::segment_path(folder.path(), segments_of(folder).rbegin()->first);
}

}  // namespace

TEST_CASE("what is appended is read back from any offset, over segments and restarts") {
  const TempFolder folder;
  std::mt19937_64 random(1);
  std::vector<Entry> model;
  for (int run = 0; run < 5; ++run) {
    auto writer = open(folder);
    REQUIRE(writer->end() == model.size());
    for (int i = 0; i < 100; ++i) {
      model.push_back(random_entry(random, 30'000));
      REQUIRE(append(*writer, model.back()) == model.size() - 1);
    }
  }
  CHECK(segments_of(folder).size() > 3);
  for (const std::uint64_t from : {0U, 1U, 77U, 250U, 499U, 500U}) {
    const auto entries = read_all(folder, from, model.size());
    REQUIRE(entries.size() == model.size() - from);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      REQUIRE(entries[i].first == from + i);
      REQUIRE(entries[i].second == model[from + i]);
    }
  }
}

TEST_CASE("a reader follows a writer in another thread") {
  const TempFolder folder;
  auto writer = open(folder);
  constexpr std::uint64_t kRecords = 20'000;
  std::jthread appender([&] {
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      const std::string payload = std::to_string(i) + std::string(i % 200, 'x');
      while (!writer->append({Timestamp{}, "t", payload})) static_cast<void>(writer->prepare());
    }
  });
  JournalReader reader(folder.path(), 0);
  std::uint64_t expected = 0;
  while (expected < kRecords) {
    const std::uint64_t end = writer->wait_beyond(expected, std::chrono::steady_clock::now() + 10s);
    REQUIRE(end > expected);
    while (true) {
      const auto record = reader.next(end);
      REQUIRE(record.has_value());
      if (!*record) break;
      REQUIRE((*record)->offset == expected);
      REQUIRE((*record)->message.payload == std::to_string(expected) + std::string(expected % 200, 'x'));
      ++expected;
    }
  }
  CHECK(reader.lost() == 0);
}

// kill -9 in the middle of a write leaves a beginning of the record: every possible one is tried.
TEST_CASE("a torn tail is cut off at any byte, and what follows is readable") {
  const TempFolder folder;
  const Entry entry{"topic", "payload-0123456789", true, false, Timestamp{5us}};
  {
    auto writer = open(folder);
    for (int i = 0; i < 3; ++i) append(*writer, entry);
  }
  const auto path = newest_segment(folder);
  const std::string whole = slurp(path);
  const std::size_t record_size = 8 + 20 + entry.topic.size() + entry.payload.size();
  const std::size_t third = 24 + 2 * record_size;
  for (std::size_t torn = 0; torn < record_size; ++torn) {
    std::string content = whole;
    std::fill(content.begin() + static_cast<std::ptrdiff_t>(third + torn), content.end(), '\0');
    spit(path, content);
    {
      auto writer = open(folder);
      INFO("torn after " << torn << " bytes");
      REQUIRE(writer->end() == 2);
      append(*writer, {"after", "the tear", false, false, Timestamp{7us}});
    }
    const auto entries = read_all(folder, 0, 3);
    REQUIRE(entries.size() == 3);
    REQUIRE(entries[1].second == entry);
    REQUIRE(entries[2].second.payload == "the tear");
  }
}

TEST_CASE("a damaged record is never handed out: what it hides is counted, the next segment goes on") {
  const TempFolder folder;
  std::mt19937_64 random(2);
  std::vector<Entry> model;
  {
    auto writer = open(folder);
    for (int i = 0; i < 200; ++i) {
      model.push_back(random_entry(random, 30'000));
      append(*writer, model.back());
    }
  }
  const auto segments = segments_of(folder);
  REQUIRE(segments.size() >= 3);
  const std::uint64_t first = segments.begin()->first;
  const std::uint64_t second = std::next(segments.begin())->first;
  const auto path = journal::segment_path(folder.path(), first);
  const std::string whole = slurp(path);
  for (int trial = 0; trial < 50; ++trial) {
    std::string content = whole;
    const std::size_t at = 24 + random() % (content.size() - 24);
    content[at] = static_cast<char>(content[at] ^ (1 << random() % 8));
    spit(path, content);
    std::uint64_t lost = 0;
    const auto entries = read_all(folder, 0, model.size(), &lost);
    INFO("flipped a bit of byte " << at);
    REQUIRE(lost > 0);
    REQUIRE(entries.size() + lost == model.size());
    for (const auto& [offset, entry] : entries) REQUIRE(entry == model[offset]);
    REQUIRE(entries.back().first == model.size() - 1);
    REQUIRE(std::ranges::count_if(entries, [&](const auto& e) { return e.first >= second; }) ==
            static_cast<std::ptrdiff_t>(model.size() - second));
  }
}

TEST_CASE("a newest segment without a valid header is set aside and no offset is used again") {
  const TempFolder folder;
  {
    auto writer = open(folder);
    for (int i = 0; i < 3; ++i) append(*writer, {"t", "p", false, false, {}});
  }
  std::string content = slurp(newest_segment(folder));
  std::fill_n(content.begin(), 24, '\0');
  spit(newest_segment(folder), content);
  auto writer = open(folder, small_segments(), 3);
  CHECK(writer->end() == 3);
  bool aside = false;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    aside = aside || entry.path().string().find(".corrupt.") != std::string::npos;
  }
  CHECK(aside);
  CHECK(append(*writer, {"t", "new", false, false, {}}) == 3);
  CHECK(read_all(folder, 3, 4).at(0).second.payload == "new");
}

TEST_CASE("offsets that somebody remembers are not used again when the journal lost its end") {
  const TempFolder folder;
  {
    auto writer = open(folder);
    append(*writer, {"t", "p", false, false, {}});
  }
  auto writer = open(folder, small_segments(), 100);
  CHECK(writer->end() == 100);
  append(*writer, {"t", "q", false, false, {}});
  std::uint64_t lost = 0;
  const auto entries = read_all(folder, 0, 101, &lost);
  REQUIRE(entries.size() == 2);
  CHECK(entries[1].first == 100);
  CHECK(lost == 99);
}

TEST_CASE("without a prepared segment append says so and takes the same message later") {
  const TempFolder folder;
  auto writer = open(folder);
  const std::string payload(200'000, 'x');
  std::uint64_t taken = 0;
  while (writer->append({Timestamp{}, "t", payload})) ++taken;
  CHECK(taken == 5);  // 5 x 200,021 bytes fit into 1 MiB, 6 do not
  REQUIRE(writer->prepare().has_value());
  CHECK(writer->append({Timestamp{}, "t", payload}) == taken);
}

TEST_CASE("trimming keeps what is not yet done with, and as much as it is told to") {
  const TempFolder folder;
  auto writer = open(folder);
  for (int i = 0; i < 60; ++i) append(*writer, {"t", std::string(100'000, 'x'), false, false, {}});
  REQUIRE(segments_of(folder).size() == 6);  // ten of 100,021 bytes fit into 1 MiB
  writer->trim(19, 0);
  CHECK(writer->first() == 10);
  writer->trim(60, small_segments().limit);
  CHECK(writer->size_bytes() <= small_segments().limit);
  CHECK(writer->first() == 30);
  CHECK(read_all(folder, 0, 60).front().first == 30);
  writer->trim(60);
  CHECK(writer->first() == 50);  // the newest stays
}

TEST_CASE("a newest segment that is larger than they are now is followed by another, so that it can go") {
  const TempFolder folder;
  JournalConfig config = small_segments();
  config.segment *= 3;
  auto writer = open(folder, config);
  for (int i = 0; i < 20; ++i) append(*writer, {"t", std::string(100'000, 'x'), false, false, {}});
  writer.reset();
  REQUIRE(segments_of(folder).size() == 1);

  writer = open(folder);
  CHECK(writer->end() == 20);
  // What was reserved behind its records is given back.
  CHECK(std::filesystem::file_size(journal::segment_path(folder.path(), 0)) < small_segments().segment * 2);
  CHECK(writer->size_bytes() < small_segments().segment * 2);
  writer->trim(20);
  CHECK(writer->size_bytes() < small_segments().segment);
  CHECK(append(*writer, {"t", "x", false, false, {}}) == 20);
  CHECK(read_all(folder, 20, 21).size() == 1);
}

TEST_CASE("bytes from a position count what lies behind it") {
  const TempFolder folder;
  auto writer = open(folder);
  append(*writer, {"t", "0123456789", false, false, {}});
  const std::uint64_t record = 8 + 20 + 1 + 10;
  CHECK(writer->size_bytes() == 24 + record);
  CHECK(writer->bytes_from(0, 24) == record);
  CHECK(writer->bytes_from(0, 24 + record) == 0);
}

TEST_CASE("damage in the newest segment is kept aside, a torn tail is not") {
  const TempFolder folder;
  const auto aside = [&] {
    return std::ranges::count_if(std::filesystem::directory_iterator(folder.path()), [](const auto& entry) {
      return entry.path().string().find(".corrupt.") != std::string::npos;
    });
  };
  {
    auto writer = open(folder);
    for (int i = 0; i < 8; ++i) append(*writer, {"t", "payload", false, false, {}});
  }
  std::string content = slurp(newest_segment(folder));
  const std::size_t record = 8 + 20 + 1 + 7;
  const CapturedLog log;
  SECTION("the third record") {
    content[24 + 2 * record + 28] ^= 1;
    spit(newest_segment(folder), content);
    CHECK(open(folder)->end() == 8);
    std::uint64_t lost = 0;
    const auto entries = read_all(folder, 0, 8, &lost);
    CHECK(lost == 1);
    CHECK(entries.size() == 7);
    CHECK(aside() == 1);
    CHECK(log.count("journal: offsets 2 to 2 are damaged in '") == 1);
    CHECK(log.count("the last write was interrupted") == 0);
  }
  SECTION("the last record") {
    content[24 + 7 * record + 28] ^= 1;
    spit(newest_segment(folder), content);
    CHECK(open(folder)->end() == 8);
    CHECK(aside() == 1);
  }
  SECTION("the beginning of the last record") {
    std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(24 + 8 * record - 10), 10, '\0');
    spit(newest_segment(folder), content);
    CHECK(open(folder)->end() == 7);
    CHECK(aside() == 0);
    CHECK(log.count("the last write was interrupted") == 1);
    CHECK(log.count("bytes after offset 7 of '") == 1);
  }
}
