// The journal at every operation of the disk behind it: ended there, found again in each way that a disk can
// be found, and compared with a plain list of what was appended.
#include <spdlog/spdlog.h>

#include <catch2/catch.hpp>
#include <functional>

#include "common/file.h"
#include "common/journal_reader.h"
#include "common/journal_writer.h"
#include "tests/support/crash_file_system.h"

using namespace lookout;
using namespace lookout::test;
using Found = CrashFileSystem::Found;

namespace {

const std::filesystem::path kFolder = "/state/journal";

JournalConfig tiny_segments() {
  JournalConfig config;
  config.segment = 400;
  config.limit = 1 << 20;
  return config;
}

/// Nothing is logged while it lives: most of what is tried here is worth an error.
class Silence {
 public:
  Silence() { spdlog::set_level(spdlog::level::off); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() { spdlog::set_level(before_); }

 private:
  spdlog::level::level_enum before_ = spdlog::get_level();
};

/// What must be found and what may be, and what does it to a journal.
struct Model {
  std::map<std::uint64_t, std::string> appended;  ///< by offset: append() returned
  std::optional<std::string> under_way;           ///< its append() has not
  std::uint64_t end = 0, synced = 0, trimmed = 0;
};

constexpr int kSteps = 60;

/// A run of the program: opens the journal and appends, prepares, syncs and trims until the disk ends.
void run(CrashFileSystem& disk, Model& model, std::uint64_t at_least, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto opened = JournalWriter::open(kFolder, tiny_segments(), at_least, disk);
  if (!opened) return;
  JournalWriter& journal = **opened;
  model.end = journal.end();
  for (int step = 0; step < kSteps; ++step) {
    switch (random() % 8) {
      case 0:
        if (const std::uint64_t end = journal.end(); journal.sync()) model.synced = end;
        break;
      case 1:
        if (random() % 4 > 0) break;
        model.trimmed = std::max(model.trimmed, model.synced - std::min<std::uint64_t>(model.synced, 20));
        journal.trim(model.trimmed);
        break;
      default:
        static_cast<void>(journal.prepare());
        model.under_way = std::to_string(seed) + "/" + std::to_string(step) + std::string(random() % 90, 'x');
        if (const auto offset = journal.append({Timestamp{}, "t", *model.under_way})) {
          model.appended[*offset] = *model.under_way;
          model.end = *offset + 1;
          model.under_way.reset();
        }
    }
  }
}

struct Read {
  std::map<std::uint64_t, std::string> records;
  std::uint64_t lost = 0;
};

Read read_all(CrashFileSystem& disk, std::uint64_t from, std::uint64_t end) {
  Read read;
  JournalReader reader(kFolder, from, disk);
  while (true) {
    const auto record = reader.next(end);
    REQUIRE(record.has_value());
    if (!*record) break;
    REQUIRE(read.records.emplace((*record)->offset, (*record)->message.payload).second);
  }
  REQUIRE(reader.position() == end);
  read.lost = reader.lost();
  return read;
}

/// Everything found is what was appended at that offset; everything from `trimmed` to `whole` is found, and
/// what is missing is said to be.
void check_found(CrashFileSystem& disk, const Model& model, std::uint64_t whole, std::uint64_t end) {
  const auto first = list_segments(kFolder, disk)->begin()->first;
  const auto [records, lost] = read_all(disk, first, end);
  for (const auto& [offset, payload] : records) {
    const auto known = model.appended.find(offset);
    const bool right = known != model.appended.end() ? known->second == payload
                                                     : offset == model.end && model.under_way == payload;
    INFO("offset " << offset << " is " << payload);
    REQUIRE(right);
  }
  for (const auto& [offset, payload] : model.appended) {
    INFO("offset " << offset << " of " << end << ", whole to " << whole << ", first " << first);
    REQUIRE((offset < model.trimmed || offset >= whole || records.contains(offset)));
  }
  REQUIRE(records.size() + lost == end - first);
}

/// Opens what was found, compares, and goes on with it: to the end of a second run where that ends early as
/// well.
struct Trial {
  Found how;
  std::uint64_t seed;
  std::uint64_t second_stop;
};

std::uint64_t whole_of(const Model& model, Found how) {
  return how == Found::kept ? model.end : model.synced;
}

void check_after(const CrashFileSystem& ended, Model model, const Trial& trial) {
  const auto disk = ended.found(trial.how, trial.seed);
  // A cursor names what was read, and nothing is read that was not appended.
  const std::uint64_t cursor = model.end - std::min(model.end, trial.seed % 3);
  {
    auto journal = JournalWriter::open(kFolder, tiny_segments(), cursor, *disk);
    REQUIRE(journal.has_value());
    const std::uint64_t end = (*journal)->end();
    REQUIRE(end >= cursor);
    REQUIRE(end >= std::max(model.synced, whole_of(model, trial.how)));
    check_found(*disk, model, whole_of(model, trial.how), end);
    // What was under way may be there, and counts from now on.
    if (model.under_way && end == model.end + 1) model.appended[model.end] = *model.under_way;
    // What a power cut has taken is gone for good and must not come back as something else.
    const auto there = read_all(*disk, list_segments(kFolder, *disk)->begin()->first, end).records;
    std::erase_if(model.appended, [&](const auto& entry) { return !there.contains(entry.first); });
    model.under_way.reset();
    model.end = end;
    if (trial.how != Found::kept) model.synced = end;
  }
  disk->stop_at(disk->operations() + trial.second_stop);
  run(*disk, model, cursor, trial.seed + 1000);
  const Found again_how = std::array{Found::kept, Found::dropped, Found::torn}.at(trial.seed % 3);
  const auto again = disk->found(again_how, trial.seed + 1);
  auto journal = JournalWriter::open(kFolder, tiny_segments(), model.end, *again);
  REQUIRE(journal.has_value());
  check_found(*again, model, whole_of(model, again_how), (*journal)->end());
}

std::uint64_t operations_of_a_run(std::uint64_t seed) {
  CrashFileSystem disk;
  Model model;
  run(disk, model, 0, seed);
  REQUIRE(model.appended.size() > 30);
  REQUIRE(list_segments(kFolder, disk)->size() > 3);
  return disk.operations();
}

void crash_everywhere(Found how) {
  const Silence silence;
  constexpr std::uint64_t kNever = 1 << 20;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const std::uint64_t operations = operations_of_a_run(seed);
    for (std::uint64_t stop = 0; stop <= operations; ++stop) {
      CrashFileSystem disk;
      disk.stop_at(stop);
      Model model;
      run(disk, model, 0, seed);
      INFO("seed " << seed << ", ended at operation " << stop << " of " << operations);
      check_after(disk, model, {how, seed * 1000 + stop, stop % 2 == 0 ? kNever : stop % 37});
    }
  }
}

}  // namespace

TEST_CASE("killed at any operation: every record whose append returned is there, and nothing else") {
  crash_everywhere(Found::kept);
}

TEST_CASE("power cut at any operation, nothing there that was not synced: what was synced is") {
  crash_everywhere(Found::dropped);
}

TEST_CASE("power cut at any operation, anything of what was not synced there: what was synced is whole") {
  crash_everywhere(Found::torn);
}

// The other way to the first synced state: no segment has ever been followed by another.
TEST_CASE("what is synced in a journal's first segment survives a power cut") {
  CrashFileSystem disk;
  {
    auto journal = JournalWriter::open(kFolder, tiny_segments(), 0, disk);
    REQUIRE((*journal)->append({Timestamp{}, "t", "first"}));
    REQUIRE((*journal)->sync());
  }
  const auto found = disk.found(Found::dropped, 0);
  CHECK((*JournalWriter::open(kFolder, tiny_segments(), 0, *found))->end() == 1);
  CHECK(read_all(*found, 0, 1).records.at(0) == "first");
}

TEST_CASE("what a killed process had not synced is synced by the first sync after it, in all segments") {
  CrashFileSystem disk;
  const std::string payload(100, 'x');
  const auto append_three = [&](CrashFileSystem& on) {
    auto journal = JournalWriter::open(kFolder, tiny_segments(), 0, on);
    for (int i = 0; i < 3; ++i) {
      REQUIRE((*journal)->prepare());
      REQUIRE((*journal)->append({Timestamp{}, "t", payload}));
    }
    return std::move(*journal);
  };
  append_three(disk);  // into two segments
  const auto killed = disk.found(Found::kept, 0);
  REQUIRE(append_three(*killed)->sync());
  const auto cut = killed->found(Found::dropped, 0);
  const auto [records, lost] = read_all(*cut, 0, 6);
  CHECK(records.size() == 6);
  CHECK(lost == 0);
}

TEST_CASE("a small file that is replaced durably has the old or the new content, whenever the disk ends") {
  const std::filesystem::path file = "/state/cursor";
  for (const Found how : {Found::kept, Found::dropped, Found::torn}) {
    for (std::uint64_t stop = 0; stop <= 5; ++stop) {
      CrashFileSystem disk;
      REQUIRE(replace_file(file, "the old content", true, disk));
      disk.stop_at(disk.operations() + stop);
      const bool replaced = replace_file(file, "the new one, which is longer", true, disk).has_value();
      CHECK(replaced == (stop == 5));
      for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const auto found = disk.found(how, seed);
        const auto content = read_file(file, *found);
        REQUIRE(content.has_value());
        const bool is_new = *content == "the new one, which is longer";
        REQUIRE((is_new || (!replaced && *content == "the old content")));
      }
    }
  }
}

TEST_CASE("a full disk fails appends that need a segment, loses nothing, and goes on once there is room") {
  const Silence silence;
  CrashFileSystem disk;
  disk.set_capacity(3 * tiny_segments().segment);
  auto journal = std::move(*JournalWriter::open(kFolder, tiny_segments(), 0, disk));
  Model model;
  const auto append_until_full = [&] {
    while (true) {
      const bool prepared = journal->prepare().has_value();
      const std::string payload = std::to_string(model.end);
      const auto offset = journal->append({Timestamp{}, "t", payload});
      if (!offset) {
        CHECK_FALSE(prepared);
        return;
      }
      model.appended[*offset] = payload;
      model.end = *offset + 1;
    }
  };
  append_until_full();
  CHECK(list_segments(kFolder, disk)->size() >= 3);
  check_found(disk, model, model.end, model.end);
  const std::uint64_t full_at = model.end;
  model.trimmed = std::next(list_segments(kFolder, disk)->begin())->first;
  journal->trim(model.trimmed);
  append_until_full();
  CHECK(model.end > full_at);
  check_found(disk, model, model.end, model.end);
}

TEST_CASE("a failing write or sync is reported, and a failed append leaves no trace") {
  const Silence silence;
  CrashFileSystem disk;
  auto journal = std::move(*JournalWriter::open(kFolder, tiny_segments(), 0, disk));
  REQUIRE(journal->append({Timestamp{}, "t", "first"}));
  disk.fail_writes(true);
  CHECK_THAT(journal->append({Timestamp{}, "t", "refused"}).error(), Catch::Contains("Input/output error"));
  disk.fail_writes(false);
  CHECK(journal->append({Timestamp{}, "t", "second"}) == 1);
  CHECK(read_all(disk, 0, 2).records == std::map<std::uint64_t, std::string>{{0, "first"}, {1, "second"}});
  disk.fail_syncs(true);
  CHECK_THAT(journal->sync().error(), Catch::Contains("cannot sync the journal in '/state/journal'") &&
                                          Catch::Contains("Input/output error"));
}

// The kernel takes for written what it could not write: whoever opens the file then reads it all the same.
TEST_CASE("what a sync could not write is on the disk after the next start has synced") {
  const Silence silence;
  CrashFileSystem disk;
  Model model;
  const auto append = [&](JournalWriter& journal) {
    REQUIRE(journal.prepare());
    const std::string payload = std::to_string(model.end) + std::string(100, 'x');
    const auto offset = journal.append({Timestamp{}, "t", payload});
    REQUIRE(offset == model.end);
    model.appended[model.end++] = payload;
  };
  {
    auto journal = std::move(*JournalWriter::open(kFolder, tiny_segments(), 0, disk));
    append(*journal);
    REQUIRE(journal->sync());
    while (list_segments(kFolder, disk)->size() < 3) append(*journal);
    disk.fail_syncs(true);
    REQUIRE_FALSE(journal->sync());
    REQUIRE_FALSE(journal->sync());  // an orderly end tries once more
  }
  const auto still_failing = disk.found(Found::kept, 0);
  still_failing->fail_syncs(true);
  REQUIRE_FALSE(JournalWriter::open(kFolder, tiny_segments(), 0, *still_failing));
  // Whenever a start is killed, the next one does it.
  for (std::uint64_t stop = 0;; ++stop) {
    const auto killed = still_failing->found(Found::kept, 0);
    killed->stop_at(killed->operations() + stop);
    bool synced = false;
    if (const auto journal = JournalWriter::open(kFolder, tiny_segments(), 0, *killed))
      synced = (*journal)->sync().has_value();
    const auto next = killed->found(Found::kept, 0);
    {
      auto journal = std::move(*JournalWriter::open(kFolder, tiny_segments(), 0, *next));
      REQUIRE(journal->end() == model.end);
      REQUIRE(journal->sync());
    }
    const auto cut = next->found(Found::dropped, 0);
    REQUIRE((*JournalWriter::open(kFolder, tiny_segments(), 0, *cut))->end() == model.end);
    check_found(*cut, model, model.end, model.end);
    CHECK_FALSE(cut->content(kFolder / "unsynced"));
    if (synced) break;
  }
}

TEST_CASE("a start on a disk without any room reads what there is, and appends once there is some") {
  const Silence silence;
  CrashFileSystem disk;
  Model model;
  const auto append = [&](JournalWriter& journal) {
    const std::string payload = std::to_string(model.end);
    const auto offset = journal.append({Timestamp{}, "t", payload});
    if (!offset) return false;
    model.appended[*offset] = payload;
    model.end = *offset + 1;
    return true;
  };
  const auto open = [&](std::uint64_t at_least) {
    auto journal = std::move(*JournalWriter::open(kFolder, tiny_segments(), at_least, disk));
    disk.set_capacity(std::min<std::uint64_t>(disk.used(), 5 * tiny_segments().segment));
    return journal;
  };
  {
    const auto journal = open(0);
    for (int i = 0; i < 3; ++i) REQUIRE(append(*journal));
  }
  const std::uint64_t used = disk.used();
  SECTION("the room of the newest segment is still its own") {
    const auto journal = open(0);
    CHECK(disk.used() == used);
    CHECK(journal->room() > 200);
    while (append(*journal)) continue;
    CHECK(journal->room() < 40);
    CHECK(disk.used() == used);
    check_found(disk, model, model.end, model.end);
    CHECK(open(0)->end() == model.end);
  }
  SECTION("an offset above what is there is kept, also without a segment for it") {
    const auto journal = open(10);
    CHECK(journal->end() == 10);
    CHECK(journal->room() == 0);
    CHECK_FALSE(append(*journal));
    REQUIRE(journal->sync());
    disk.set_capacity(5 * tiny_segments().segment);
    REQUIRE(journal->prepare());
    REQUIRE(append(*journal));
    CHECK(model.appended.contains(10));
    check_found(disk, model, model.end, model.end);
  }
  SECTION("no segment at all") {
    REQUIRE(disk.remove(journal::segment_path(kFolder, 0)));
    disk.set_capacity(0);
    const auto journal = open(10);
    CHECK(journal->first() == 10);
    CHECK(read_all(disk, 3, 10).lost == 7);
    disk.set_capacity(tiny_segments().segment);
    REQUIRE(journal->prepare());
    REQUIRE(journal->append({Timestamp{}, "t", "first"}) == 10);
  }
}

TEST_CASE("an offset that is left out is told to readers, also after another start") {
  CrashFileSystem disk;
  const auto open = [&] { return std::move(*JournalWriter::open(kFolder, tiny_segments(), 0, disk)); };
  REQUIRE(open()->append({Timestamp{}, "t", "before"}) == 0);
  {
    const Silence silence;
    const auto journal = open();
    REQUIRE(journal->leave_gap());
    REQUIRE(journal->append({Timestamp{}, "t", "behind"}) == 2);
  }
  CHECK(open()->end() == 3);
  const Silence silence;
  const auto [records, lost] = read_all(disk, 0, 3);
  CHECK(records == std::map<std::uint64_t, std::string>{{0, "before"}, {2, "behind"}});
  CHECK(lost == 1);
}
