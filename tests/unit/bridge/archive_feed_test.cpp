#include "bridge/archive/archive_feed.h"

#include <atomic>
#include <thread>

#include "bridge/kafka/forward_plan.h"
#include "tests/unit/bridge/archive_fixture.h"
#include "tests/unit/bridge/fed.h"
#include "tests/unit/bridge/own_vfs.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kDay2 = "2026-11-23T00:00:00Z";

Sent numbered(int number, const char* arrival = "2026-11-22T12:00:00Z") {
  return {.payload = fmt::format(R"({{"event_time":{},"value":{}}})", 1795346400 - number, number),
          .arrival = arrival};
}

/// All batches to the end, in words: offsets with the values of their readings, and gaps.
std::string feed(ArchiveFeed& feed, std::uint64_t from, const ArchiveFeed::Limits& limits = {}) {
  std::string text;
  while (true) {
    Fed fed;
    const auto batch = feed.read(from, limits, fed);
    if (!batch) return text + batch.error().text;
    if (fed.messages.empty()) return text;
    std::vector<std::pair<std::uint64_t, std::string>> items;
    for (const Gap& gap : fed.gaps)
      items.emplace_back(gap.first_offset,
                         fmt::format("{} {}-{}", gap.why, gap.first_offset, gap.end_offset));
    for (const ArchivedMessage& message : fed.messages) {
      std::string item = std::to_string(message.offset);
      for (const ArchivedReading& reading : message.readings)
        item += fmt::format(":{}={}", reading.metric.substr(0, 1), reading.value);
      if (message.aggregate) item += fmt::format(":r{}", message.aggregate->revision);
      items.emplace_back(message.offset, item);
    }
    std::ranges::sort(items);
    for (const auto& [offset, item] : items) text += item + ' ';
    text += "| ";
    from = batch->next;
  }
}

/// While it is there, the first file that is written still and is to be opened is closed right before.
class ClosedMeanwhile : public OwnVfs {
 public:
  ClosedMeanwhile() : OwnVfs([](sqlite3_vfs& vfs) { vfs.xOpen = open; }) { done_ = false; }

 private:
  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    const std::string path = name ? name : "";
    if (!done_ && path.ends_with(".open.db")) {
      done_ = true;
      std::filesystem::rename(path, path.substr(0, path.size() - 8) + ".db");
    }
    return usual().xOpen(&usual(), name, file, flags, out);
  }
  static inline bool done_ = false;
};

/// While it is there, the disk has no room for temporary files.
class NoTemporaryFiles : public OwnVfs {
 public:
  NoTemporaryFiles() : OwnVfs([](sqlite3_vfs& vfs) { vfs.xOpen = open; }) { refused_ = 0; }
  [[nodiscard]] int refused() const { return refused_; }

 private:
  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    if (name) return usual().xOpen(&usual(), name, file, flags, out);
    ++refused_;
    file->pMethods = nullptr;
    return SQLITE_FULL;
  }
  static inline int refused_ = 0;
};

}  // namespace

TEST_CASE("a file that is closed between its being listed and opened is read as the closed one") {
  ArchiveFixture box;
  box.store({numbered(0)});
  box.store({numbered(1, kDay2)});
  box.close();
  SECTION("messages") {
    ArchiveFeed all(box.path());
    const ClosedMeanwhile closed;
    CHECK(feed(all, 0) == "0:t=0 1:t=1 | ");
  }
  SECTION("gaps") {
    ArchiveFeed all(box.path());
    Fed fed;
    REQUIRE(all.read(0, {.messages = 1}, fed));
    all.pass_over(0);
    const ClosedMeanwhile closed;
    CHECK(feed(all, 0) == "corrupt 0-1 1:t=1 | ");
  }
  SECTION("a plan") {
    const ClosedMeanwhile closed;
    const auto plan = plan_forward(box.path(), {});
    REQUIRE(plan);
    CHECK(plan->stretches.size() == 2);
    CHECK(plan->damaged.empty());
  }
}

TEST_CASE(
    "a damaged file is passed over where that is wanted: a gap, also where another is asked for its gaps") {
  ArchiveFixture box;
  box.store({numbered(0)});
  box.store({numbered(1, kDay2), numbered(2, kDay2)});
  box.store({numbered(3, "2026-11-24T00:00:00Z")});
  box.skip(2);
  box.store({numbered(6, "2026-11-24T00:00:00Z")});
  box.maintain();
  const auto damaged = box.files()[1];
  std::filesystem::permissions(damaged, std::filesystem::perms::owner_all);
  spit(damaged, std::string(8192, 'x'));
  const auto plan = plan_forward(box.path(), {});
  REQUIRE(plan);
  CHECK(plan->epoch == box.archive->epoch());
  REQUIRE(plan->damaged.size() == 1);
  CHECK(plan->damaged[0].first_offset == 1);
  CHECK_THAT(plan->damaged[0].why, Catch::Contains(damaged.filename().string()));
  ArchiveFeed all(box.path());
  CHECK_THAT(feed(all, 0), Catch::StartsWith("0:t=0 | ") && Catch::Contains(damaged.filename().string()));
  CHECK(all.pass_over(all.failed_file()));
  CHECK(!all.pass_over(1));
  CHECK(feed(all, 0) == "0:t=0 corrupt 1-3 3:t=3 journal 4-6 6:t=6 | ");
}

TEST_CASE("a feed gives messages in order with what the archive made of them, whatever became of the files") {
  ArchiveFixture box;
  box.store({numbered(1),
             numbered(2),
             numbered(2),
             {.topic = "flat/wild/north/s1", .payload = R"({"event_time":1795346400,"t":7,"s":8})"},
             {.payload = "oops"}});
  box.store({numbered(5, kDay2),
             numbered(1, kDay2),
             {.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate, .arrival = kDay2},
             {.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate, .arrival = kDay2}});
  box.store({numbered(8, "2026-11-24T00:00:00Z")});
  if (GENERATE(false, true)) box.maintain();
  ArchiveFeed all(box.path());
  CHECK(feed(all, 0) == "0:t=1 1:t=2 2 3:t=7:s=8 4 5:t=5 6 7:r0 8 9:t=8 | ");
  CHECK(feed(all, 3) == "3:t=7:s=8 4 5:t=5 6 7:r0 8 9:t=8 | ");
  CHECK(feed(all, 0, {.messages = 4}) == "0:t=1 1:t=2 2 3:t=7:s=8 | 4 5:t=5 6 7:r0 | 8 9:t=8 | ");
  CHECK(feed(all, 3, {.bytes = 1}) == "3:t=7:s=8 | 4 | 5:t=5 | 6 | 7:r0 | 8 | 9:t=8 | ");
  CHECK(feed(all, 10).empty());
}

TEST_CASE("a closed file that is the newest is read on over several batches, and then what comes behind it") {
  ArchiveFixture box;
  box.store({numbered(0), numbered(1), numbered(2)});
  box.store({numbered(3, kDay2)});
  box.maintain();
  const auto files = box.files();
  REQUIRE(files.size() == 2);
  box.close();
  const TempFolder folder;
  const std::size_t most = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{4});
  const auto copy = [&](const std::filesystem::path& file) {
    std::filesystem::copy(file, folder / file.filename().string());
  };
  copy(files[0]);
  ArchiveFeed all(folder.path());
  std::vector<std::uint64_t> offsets;
  const auto read_to_end = [&] {
    while (true) {
      Fed fed;
      REQUIRE(all.read(offsets.size(), {.messages = most}, fed));
      if (fed.messages.empty()) return;
      for (const ArchivedMessage& message : fed.messages) offsets.push_back(message.offset);
    }
  };
  read_to_end();
  CHECK(offsets == std::vector<std::uint64_t>{0, 1, 2});
  read_to_end();
  CHECK(offsets == std::vector<std::uint64_t>{0, 1, 2});
  copy(files[1]);
  read_to_end();
  CHECK(offsets == std::vector<std::uint64_t>{0, 1, 2, 3});
}

TEST_CASE("a feed at the archive's end goes on with what comes") {
  ArchiveFixture box;
  box.store({numbered(0)});
  ArchiveFeed all(box.path());
  CHECK(feed(all, 0) == "0:t=0 | ");
  CHECK(feed(all, 1).empty());
  box.store({numbered(1)});
  box.begin();
  box.add({numbered(2)});
  CHECK(feed(all, 1) == "1:t=1 | ");
  box.commit();
  box.store({numbered(3, kDay2)});
  CHECK(feed(all, 2) == "2:t=2 3:t=3 | ");
}

TEST_CASE("a feed beside a writer that begins file after file passes nothing over") {
  ArchiveFixture box;
  box.store({numbered(0)});
  constexpr int kDays = 150, kOfDay = 6;
  std::atomic<std::uint64_t> end = 1;
  std::jthread writer([&] {
    int number = 1;
    for (int day = 0; day < kDays; ++day) {
      const std::string arrival = to_rfc3339(at("2026-11-23T12:00:00Z") + std::chrono::days{day});
      for (int i = 0; i < kOfDay; ++i) box.store({numbered(number++, arrival.c_str())});
      end = static_cast<std::uint64_t>(number);
    }
  });
  ArchiveFeed all(box.path());
  std::uint64_t next = 0;
  std::string gaps;
  while (next < 1 + kDays * kOfDay) {
    Fed fed;
    const auto batch = all.read(next, {}, fed);
    if (!batch) continue;  // a file that was just being begun
    for (const Gap& gap : fed.gaps) gaps += fmt::format("{}-{} ", gap.first_offset, gap.end_offset);
    next = batch->next;
    if (!gaps.empty()) break;  // checked when the writer, who checks too, is done
  }
  writer.join();
  CHECK(gaps.empty());
  CHECK(next == 1 + kDays * kOfDay);
}

TEST_CASE("a feed of an archive that is not there yet is empty") {
  const TempFolder folder;
  ArchiveFeed all(folder / "none");
  CHECK(feed(all, 0).empty());
}

TEST_CASE("a feed names what is missing: noted, or taken by retention") {
  ArchiveFixture box;
  box.store({numbered(0), numbered(1)});
  box.store({numbered(2, kDay2)});
  box.skip(3);
  box.store({numbered(6, kDay2)});
  CHECK(*box.archive->make_room());
  ArchiveFeed all(box.path());
  CHECK(feed(all, 0) == "evicted 0-2 2:t=2 journal 3-6 6:t=6 | ");
  CHECK(feed(all, 4) == "journal 4-6 6:t=6 | ");
}

TEST_CASE("a gap that nobody noted is told as of the message behind it") {
  ArchiveFixture box;
  box.store({numbered(0)});
  box.store({numbered(1, kDay2)});
  CHECK(*box.archive->make_room());
  ArchiveFeed all(box.path());
  Fed fed;
  REQUIRE(all.read(0, {}, fed));
  REQUIRE(fed.gaps.size() == 1);
  CHECK(fed.gaps[0].noted == at(kDay2));
}

TEST_CASE("a closed file is read on a disk without room to sort on, too: whole, in order, each once") {
  constexpr int kMany = 60'000;
  ArchiveFixture box;
  box.begin();
  for (int i = 0; i < kMany; i += 2)  // of two series each
    box.add({{.topic = "flat/wild/north/s1",
              .payload = fmt::format(R"({{"event_time":{},"t":{},"s":{}}})", 1795346400 - i, i, i + 1)}});
  box.commit();
  box.store({numbered(0, kDay2)});
  box.maintain();
  REQUIRE(box.files().front().filename() == "00000000000000000000-2026-11-22.db");
  const NoTemporaryFiles full;
  ArchiveFeed all(box.path());
  std::uint64_t next = 0;
  int value = 0;
  while (value < kMany) {
    Fed fed;
    const auto batch = all.read(next, {}, fed);
    INFO((batch ? "" : batch.error().text));
    REQUIRE(batch);
    REQUIRE(batch->messages > 0);
    next = batch->next;
    for (const ArchivedMessage& message : fed.messages) {
      if (message.topic != "flat/wild/north/s1") continue;
      REQUIRE(message.readings.size() == 2);
      for (const ArchivedReading& reading : message.readings) REQUIRE(reading.value == value++);
    }
  }
  CHECK(full.refused() == 1);
}

TEST_CASE("a reading and an aggregate of a feed are what the archive holds") {
  ArchiveFixture box;
  Sent result{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate};
  result.payload = replaced(kAggregate, R"("late":0)", R"("late":4,"over":7,"incomplete":true)");
  box.store(
      {{.payload = R"({"event_time":"2026-11-22T11:00:00Z","value":20.5,"unit":"Cel","seq":7,"boot":"a1"})"},
       {.topic = "plain/wild/north/s1/temperature", .payload = "21"},
       result,
       {.topic = "aggregates/wild/5m/north/temperature", .payload = kRetraction}});
  ArchiveFeed all(box.path());
  Fed fed;
  REQUIRE(all.read(0, {}, fed));
  const ArchivedMessage& first = fed.messages.at(0);
  CHECK(first.arrival == at("2026-11-22T12:00:00Z"));
  const ArchivedReading& reading = first.readings.at(0);
  CHECK(fmt::format("{}/{}/{}/{} {} {} {} {}", reading.network, reading.region, reading.sensor,
                    reading.metric, reading.unit, reading.boot, *reading.seq,
                    to_rfc3339(reading.event_time)) ==
        "wild/north/s1/temperature Cel a1 7 2026-11-22T11:00:00Z");
  const ArchivedReading& plain = fed.messages.at(1).readings.at(0);
  CHECK(plain.time_is_arrival);
  CHECK_FALSE(plain.seq);
  const AggregateRow& row = *fed.messages.at(2).aggregate;
  CHECK(fmt::format("{} {} {} {} {} {} {} {}", row.id, row.closed_by, row.count, *row.mean, *row.last,
                    row.late, *row.over, row.incomplete) ==
        "wild/5m/north/temperature/2026-11-22T11:20:00Z watermark 100 22.62 22.1 4 7 true");
  CHECK(row.start == at("2026-11-22T11:20:00Z"));
  const AggregateRow& gone = *fed.messages.at(3).aggregate;
  CHECK(gone.retracted);
  CHECK_FALSE(gone.mean);
  CHECK_FALSE(gone.over);
}
