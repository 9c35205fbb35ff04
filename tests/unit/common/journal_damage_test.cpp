// Journals with damage in them: what is not damaged is read, what is gone is named, and every start goes on.
#include <spdlog/spdlog.h>

#include <catch2/catch.hpp>
#include <random>

#include "common/journal_reader.h"
#include "common/journal_writer.h"
#include "tests/support/crash_file_system.h"

using namespace lookout;
using namespace lookout::test;

namespace {

const std::filesystem::path kFolder = "/state/journal";
constexpr std::size_t kHead = 28;  // of a record, before its topic

/// A journal of a few segments and what is in it, remembered here.
struct Rig {
  explicit Rig(std::uint64_t records = 60, std::size_t largest = 200, std::uint64_t segment = 2000) {
    spdlog::set_level(spdlog::level::off);
    config.segment = segment;
    auto journal = open();
    std::mt19937_64 random(3);
    for (std::uint64_t i = 0; i < records; ++i) {
      std::string payload(random() % largest, '\0');
      for (char& c : payload) c = static_cast<char>(random() % 5);  // much like lengths and kinds
      append(*journal, payload);
    }
    first = list_segments(kFolder, disk)->begin()->first;
    newest = list_segments(kFolder, disk)->rbegin()->first;
    REQUIRE(list_segments(kFolder, disk)->size() > 2);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() { spdlog::set_level(spdlog::level::info); }

  std::unique_ptr<JournalWriter> open(std::uint64_t at_least = 0) {
    auto journal = JournalWriter::open(kFolder, config, at_least, disk);
    REQUIRE(journal.has_value());
    return std::move(*journal);
  }
  void append(JournalWriter& journal, const std::string& payload) {
    REQUIRE(journal.prepare());
    REQUIRE(journal.append({Timestamp{}, "t", payload}) == payloads.size());
    payloads.push_back(payload);
  }
  std::string& segment(std::uint64_t first_offset) {
    return *disk.content(journal::segment_path(kFolder, first_offset));
  }
  /// Where a record begins in its segment.
  std::size_t place_of(std::uint64_t offset) {
    const auto segments = list_segments(kFolder, disk).value();
    std::size_t place = journal::kHeaderSize;
    for (auto i = std::prev(segments.upper_bound(offset))->first; i < offset; ++i) place += size_of(i);
    return place;
  }
  std::size_t size_of(std::uint64_t offset) { return kHead + 1 + payloads.at(offset).size(); }

  /// Reads everything; each record is right. The offsets that are gone.
  std::vector<std::uint64_t> gone() {
    std::vector<std::uint64_t> gone;
    JournalReader reader(kFolder, 0, disk);
    std::uint64_t expected = 0;
    while (true) {
      const auto record = reader.next(payloads.size());
      REQUIRE(record.has_value());
      const std::uint64_t to = *record ? (*record)->offset : payloads.size();
      for (; expected < to; ++expected) gone.push_back(expected);
      if (!*record) break;
      REQUIRE((*record)->message.payload == payloads.at(expected++));
    }
    CHECK(reader.lost() == gone.size());
    return gone;
  }
  std::size_t copies() {
    return static_cast<std::size_t>(std::ranges::count_if(disk.list(kFolder).value(), [](const auto& entry) {
      return entry.name.find(".corrupt.") != std::string::npos;
    }));
  }

  CrashFileSystem disk;
  JournalConfig config;
  std::vector<std::string> payloads;
  std::uint64_t first = 0, newest = 0;
};

using Offsets = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a flipped bit in any byte of a segment costs the one record it is in") {
  Rig rig;
  const bool in_newest = GENERATE(false, true);
  const std::uint64_t first = in_newest ? rig.newest : rig.first;
  const std::uint64_t end =
      in_newest ? rig.payloads.size() : std::next(list_segments(kFolder, rig.disk)->begin())->first;
  const std::string whole = rig.segment(first);
  std::uint64_t hit = first;
  for (std::size_t at = 0; at < rig.place_of(end - 1) + rig.size_of(end - 1); ++at) {
    while (hit + 1 < end && at >= rig.place_of(hit + 1)) ++hit;
    INFO("byte " << at << " of segment " << first << ", in record " << hit);
    rig.segment(first) = whole;
    rig.segment(first)[at] ^= static_cast<char>(1 << at % 8);
    const bool in_header = at < journal::kHeaderSize;
    REQUIRE(rig.gone() == (in_header ? Offsets{} : Offsets{hit}));
    // The last record there is may as well never have been written whole, if its length is damaged, and its
    // offset be given again, unless somebody remembers it; or may be several.
    const auto journal = rig.open(rig.payloads.size());
    const bool is_last = !in_header && hit + 1 == rig.payloads.size();
    REQUIRE((is_last ? journal->end() >= rig.payloads.size() : journal->end() == rig.payloads.size()));
    REQUIRE(rig.gone() == (in_header ? Offsets{} : Offsets{hit}));
    if (const auto begun = list_segments(kFolder, rig.disk)->rbegin()->first; begun >= rig.payloads.size())
      REQUIRE(rig.disk.remove(journal::segment_path(kFolder, begun)));
  }
  CHECK(rig.copies() == 1);
}

TEST_CASE("zeros over any stretch of a segment cost the records they touch") {
  Rig rig;
  const std::string whole = rig.segment(rig.first);
  const std::uint64_t end = std::next(list_segments(kFolder, rig.disk)->begin())->first;
  std::mt19937_64 random(4);
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t from = journal::kHeaderSize + random() % (whole.size() - journal::kHeaderSize);
    const std::size_t to = from + 1 + random() % (whole.size() - from);
    rig.segment(rig.first) = whole;
    std::fill_n(rig.segment(rig.first).begin() + static_cast<std::ptrdiff_t>(from), to - from, '\0');
    Offsets changed;
    for (std::uint64_t i = rig.first; i < end; ++i) {
      const std::string_view was = std::string_view(whole).substr(rig.place_of(i), rig.size_of(i));
      if (was != std::string_view(rig.segment(rig.first)).substr(rig.place_of(i), rig.size_of(i)))
        changed.push_back(i);
    }
    INFO("zeros from " << from << " to " << to);
    REQUIRE(rig.gone() == changed);
  }
}

TEST_CASE("a damaged last record of a segment costs that record, and a copy is kept") {
  Rig rig;
  const std::uint64_t last = std::next(list_segments(kFolder, rig.disk)->begin())->first - 1;
  rig.segment(rig.first)[rig.place_of(last) + kHead] ^= 1;
  CHECK(rig.gone() == Offsets{last});
  CHECK(rig.copies() == 1);
}

TEST_CASE("records behind damage in the newest segment are kept, and appending goes on behind them") {
  Rig rig;
  const std::uint64_t damaged = rig.newest + 2;
  rig.segment(rig.newest)[rig.place_of(damaged) + kHead + 1] ^= 4;
  auto journal = rig.open();
  REQUIRE(journal->end() == rig.payloads.size());
  for (int i = 0; i < 30; ++i) rig.append(*journal, "after the damage");
  CHECK(rig.gone() == Offsets{damaged});
  CHECK(rig.copies() == 1);
  rig.open();
  CHECK(rig.gone() == Offsets{damaged});
  CHECK(rig.copies() == 1);
}

TEST_CASE("the offset of a damaged last record is not given again") {
  Rig rig;
  const auto kind = GENERATE(journal::Kind::message, journal::Kind::tick, journal::Kind::link_up,
                             journal::Kind::configuration);
  const std::string payload =
      kind == journal::Kind::message || kind == journal::Kind::configuration ? "{}" : "";
  const std::string topic = kind == journal::Kind::message ? "t" : "";
  // Connected for no time at all, at a time as they are now: as many zeros at the end as there can be.
  const Timestamp now{std::chrono::seconds{1'790'000'000}};
  {
    auto journal = rig.open();
    REQUIRE(journal->prepare());
    REQUIRE(journal->append({now, topic, payload}, kind) == rig.payloads.size());
    rig.newest = list_segments(kFolder, rig.disk)->rbegin()->first;
  }
  const std::uint64_t last = rig.payloads.size();
  const std::string whole = rig.segment(rig.newest);
  const std::size_t begin =
      last == rig.newest ? journal::kHeaderSize : rig.place_of(last - 1) + rig.size_of(last - 1);
  for (std::size_t at = 4; at < kHead + topic.size() + payload.size(); ++at) {
    INFO("byte " << at << " of a record of kind " << static_cast<int>(kind));
    rig.segment(rig.newest) = whole;
    rig.segment(rig.newest)[begin + at] ^= 2;
    // Whenever that start is killed, the next one knows it too.
    const std::uint64_t before = rig.disk.operations();
    std::uint64_t stop = 0;
    for (bool opened = false; !opened; ++stop) {
      const auto killed = rig.disk.found(CrashFileSystem::Found::kept, 0);
      killed->stop_at(killed->operations() + stop);
      opened = JournalWriter::open(kFolder, rig.config, 0, *killed).has_value();
      const auto again = killed->found(CrashFileSystem::Found::kept, 0);
      const auto journal = JournalWriter::open(kFolder, rig.config, 0, *again);
      REQUIRE(journal.has_value());
      REQUIRE((*journal)->end() > last);
      JournalReader reader(kFolder, last, *again);
      REQUIRE((*journal)->prepare());
      const auto next = (*journal)->append({now, "t", "next"});
      REQUIRE(reader.next((*journal)->end()).value()->offset == *next);
      REQUIRE(reader.lost() == *next - last);
    }
    CHECK(stop > 5);
    CHECK(rig.disk.operations() == before);
  }
}

TEST_CASE("nothing of an interrupted write is left behind a start") {
  Rig rig;
  const std::size_t end = rig.place_of(rig.payloads.size() - 1) + rig.size_of(rig.payloads.size() - 1);
  rig.segment(rig.newest).replace(end, 5, "torn!");
  rig.open();
  CHECK(rig.segment(rig.newest).find_first_not_of('\0', end) == std::string::npos);
  CHECK(rig.segment(rig.newest).size() == rig.config.segment);
  CHECK(rig.copies() == 0);
}

TEST_CASE("more behind the last whole record than one interrupted write is kept aside before it is cut off") {
  Rig rig;
  const std::size_t end = rig.place_of(rig.payloads.size() - 1) + rig.size_of(rig.payloads.size() - 1);
  rig.segment(rig.newest).replace(end, 60, std::string("\x20\0\0\0", 4) + std::string(56, '?'));
  rig.open();
  CHECK(rig.copies() == 1);
  CHECK(rig.gone().empty());
}

TEST_CASE("what is found behind damage is not handed out before the journal has come so far") {
  Rig rig;
  rig.segment(rig.first)[rig.place_of(3) + kHead] ^= 1;
  JournalReader reader(kFolder, 3, rig.disk);
  CHECK(reader.next(4).value() == std::nullopt);
  CHECK(reader.position() == 4);
  CHECK(reader.lost() == 1);
  CHECK(reader.next(5).value()->offset == 4);
}

TEST_CASE("a missing segment in the middle costs what was in it") {
  Rig rig;
  const auto segments = list_segments(kFolder, rig.disk).value();
  const auto second = std::next(segments.begin());
  REQUIRE(rig.disk.remove(journal::segment_path(kFolder, second->first)));
  Offsets expected;
  for (auto i = second->first; i < std::next(second)->first; ++i) expected.push_back(i);
  CHECK(rig.gone() == expected);
  auto journal = rig.open();
  rig.append(*journal, "goes on");
  CHECK(rig.gone() == expected);
}

TEST_CASE("an empty segment file costs what was in it, and the start goes on") {
  Rig rig;
  SECTION("the oldest") {
    const auto next = std::next(list_segments(kFolder, rig.disk)->begin())->first;
    rig.segment(rig.first).clear();
    auto journal = rig.open();
    rig.append(*journal, "goes on");
    CHECK(rig.gone().size() == next - rig.first);
  }
  SECTION("the newest") {
    const std::uint64_t end = rig.payloads.size();
    rig.segment(rig.newest).clear();
    auto journal = rig.open(end);
    REQUIRE(journal->end() == end);
    rig.append(*journal, "goes on");
    CHECK(rig.gone().size() == end - rig.newest);
    CHECK(rig.copies() == 0);  // of nothing
  }
}

TEST_CASE("a segment with another's header is read by its name, and the newest gets its own back") {
  Rig rig;
  const std::string wrong = journal::encode_header(12345);
  SECTION("the oldest") {
    rig.segment(rig.first).replace(0, wrong.size(), wrong);
    rig.open();
    CHECK(rig.gone().empty());
    CHECK(rig.copies() == 1);
  }
  SECTION("the newest") {
    rig.segment(rig.newest).replace(0, wrong.size(), wrong);
    auto journal = rig.open();
    rig.append(*journal, "goes on");
    CHECK(rig.gone().empty());
    CHECK(rig.segment(rig.newest).starts_with(journal::encode_header(rig.newest)));
    CHECK(rig.copies() == 1);
  }
}

TEST_CASE("bytes that are a record of another place are not taken for one") {
  Rig rig;
  const std::string record = rig.segment(rig.first).substr(rig.place_of(2), rig.size_of(2));
  // Over a larger one: were its offset not in the hash, it would be found there.
  std::uint64_t target = 3;
  while (rig.size_of(target) < record.size() + kHead + 10) ++target;
  REQUIRE(target < std::next(list_segments(kFolder, rig.disk)->begin())->first);
  rig.segment(rig.first).replace(rig.place_of(target) + 30, record.size(), record);
  CHECK(rig.gone() == Offsets{target});
}

TEST_CASE("a record whose length begins with a zero is found behind zeros") {
  Rig rig;
  auto journal = rig.open();
  rig.append(*journal, "wiped");
  rig.append(*journal, std::string(256 - 21, 'x'));
  const std::uint64_t wiped = rig.payloads.size() - 2;
  const auto segment = list_segments(kFolder, rig.disk)->rbegin()->first;
  REQUIRE(segment <= wiped);
  rig.segment(segment).replace(rig.place_of(wiped), rig.size_of(wiped), rig.size_of(wiped), '\0');
  CHECK(rig.gone() == Offsets{wiped});
}

TEST_CASE("no more than eight damaged segments are kept, each once") {
  Rig rig(400);
  const auto segments = list_segments(kFolder, rig.disk).value();
  REQUIRE(segments.size() > 12);
  for (const auto& [first, bytes] : segments) rig.segment(first)[journal::kHeaderSize + kHead] ^= 1;
  const auto earlier = journal::segment_path(kFolder, rig.first).string() + ".corrupt.1790000000";
  REQUIRE(rig.disk.open(earlier, FileSystem::Open::anew));
  CHECK(rig.gone().size() == segments.size());
  CHECK(rig.copies() == 8);
  CHECK(rig.disk.content(earlier)->empty());
  const auto again = std::ranges::count_if(rig.disk.list(kFolder).value(), [&](const auto& entry) {
    return entry.name.starts_with(journal::segment_path("", rig.first).string() + ".corrupt.");
  });
  CHECK(again == 1);
}

TEST_CASE("damage is read over in a journal that is being written, and counted once") {
  Rig rig;
  auto journal = rig.open();
  JournalReader reader(kFolder, rig.payloads.size(), rig.disk);
  rig.append(*journal, "damaged");
  const std::uint64_t damaged = rig.payloads.size() - 1;
  rig.segment(list_segments(kFolder, rig.disk)->rbegin()->first)[rig.place_of(damaged) + kHead + 1] ^= 1;
  CHECK(reader.next(rig.payloads.size()).value() == std::nullopt);
  CHECK(reader.lost() == 1);
  for (int i = 0; i < 30; ++i) {
    rig.append(*journal, "whole");
    const auto record = reader.next(rig.payloads.size());
    REQUIRE(record.has_value());
    REQUIRE(*record);
    CHECK((*record)->offset == rig.payloads.size() - 1);
  }
  CHECK(reader.lost() == 1);
}

// Sectors of 4 KiB go, in segments that are larger.
TEST_CASE("what the disk cannot read of a segment costs the records that were there") {
  Rig rig(460, 200, 16'000);
  const bool in_newest = GENERATE(false, true);
  const std::uint64_t first = in_newest ? rig.newest : rig.first;
  const std::uint64_t end =
      in_newest ? rig.payloads.size() : std::next(list_segments(kFolder, rig.disk)->begin())->first;
  const std::string whole = rig.segment(first);
  const std::size_t content = rig.place_of(end - 1) + rig.size_of(end - 1);
  REQUIRE(content > 8192);
  for (std::size_t bad = 0; bad < content; bad += 4096) {
    Offsets expected;
    for (std::uint64_t i = first; i < end; ++i) {
      if (rig.place_of(i) < bad + 4096 && rig.place_of(i) + rig.size_of(i) > bad) expected.push_back(i);
    }
    INFO("sector at " << bad << " of segment " << first);
    rig.disk.fail_reads(journal::segment_path(kFolder, first), bad + 100, 1);
    REQUIRE(rig.gone() == expected);
    const auto journal = rig.open();
    const bool at_end = in_newest && expected.back() + 1 == end;
    REQUIRE((at_end ? journal->end() > end : journal->end() == rig.payloads.size()));
    REQUIRE(rig.segment(first) == whole);
    if (!in_newest) continue;
    // It goes on in a segment of its own, and what it appends there is found.
    const auto begun = list_segments(kFolder, rig.disk)->rbegin()->first;
    REQUIRE(begun == journal->end());
    REQUIRE(journal->append({Timestamp{}, "t", "goes on"}) == begun);
    JournalReader reader(kFolder, begun, rig.disk);
    REQUIRE(reader.next(begun + 1).value()->message.payload == "goes on");
    REQUIRE(rig.disk.remove(journal::segment_path(kFolder, begun)));
  }
  CHECK(rig.copies() == 1);
}

TEST_CASE("a segment that cannot be mended stays as it is, and the start fails") {
  Rig rig;
  const std::size_t end = rig.place_of(rig.payloads.size() - 1) + rig.size_of(rig.payloads.size() - 1);
  rig.segment(rig.newest).replace(end, 5, "torn!");
  const std::string torn = rig.segment(rig.newest);
  rig.disk.fail_writes(true);
  const auto failed = JournalWriter::open(kFolder, rig.config, 0, rig.disk);
  REQUIRE_FALSE(failed.has_value());
  CHECK_THAT(failed.error(), Catch::Contains("cannot mend") && Catch::Contains("Input/output error"));
  CHECK(rig.segment(rig.newest) == torn);
  CHECK(rig.copies() == 0);
  rig.disk.fail_writes(false);
  CHECK(rig.open()->end() == rig.payloads.size());
  CHECK(rig.gone().empty());
}

TEST_CASE("a damaged end of which no copy can be kept is not cut off") {
  Rig rig;
  const std::size_t end = rig.place_of(rig.payloads.size() - 1) + rig.size_of(rig.payloads.size() - 1);
  const bool full = GENERATE(true, false);
  if (full) {
    rig.disk.set_capacity(rig.disk.used() - rig.config.segment / 2);  // the spare's are free for a start
  } else {
    for (int i = 0; i < 8; ++i)
      REQUIRE(rig.disk.open(kFolder / ("0.journal.corrupt." + std::to_string(i)), FileSystem::Open::anew));
  }
  rig.segment(rig.newest).replace(end, 60, std::string("\x20\0\0\0", 4) + std::string(56, '?'));
  const std::string damaged = rig.segment(rig.newest);
  const auto journal = rig.open();
  CHECK(journal->end() > rig.payloads.size());
  CHECK(rig.segment(rig.newest) == damaged);
  // The same start, once there is room.
  rig.disk.set_capacity(1 << 20);
  REQUIRE(journal->prepare());
  REQUIRE(journal->append({Timestamp{}, "t", "goes on"}));
  CHECK(rig.segment(rig.newest) == damaged);
  CHECK(rig.copies() == (full ? 0 : 8));
}
