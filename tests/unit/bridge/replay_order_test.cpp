// What a replay takes from the archive, and in which order.
#include <map>
#include <random>

#include "bridge/replay/replay_source.h"
#include "tests/unit/bridge/archive_days.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

const TimeRange kAll{at("2000-01-01T00:00:00Z"), at("2100-01-01T00:00:00Z")};

struct Asked {
  ReplayOrder order = ReplayOrder::event;
  TimeRange range = kAll;
  std::string topics{};
  ReplaySource::Limits limits{};
};

/// Everything the source gives, a chunk a time.
std::vector<std::vector<ReplayMessage>> chunks(const ArchiveFixture& box, const Asked& asked = {}) {
  const auto files = ReplayFiles::open(box.path());
  REQUIRE(files);
  ReplaySource source(*files, asked.order, asked.range, TopicFilter(box.config.inputs, asked.topics),
                      box.config, asked.limits);
  std::vector<std::vector<ReplayMessage>> all;
  while (true) {
    auto chunk = source.next();
    REQUIRE(chunk);
    if (chunk->empty()) return all;
    all.push_back(std::move(*chunk));
  }
}

std::string offsets(const ArchiveFixture& box, const Asked& asked = {}) {
  std::string text;
  for (const auto& chunk : chunks(box, asked)) {
    for (const ReplayMessage& message : chunk)
      text += (text.empty() ? "" : " ") + std::to_string(message.offset);
  }
  return text;
}

std::string offsets_of(ReplaySource& source) {
  std::string text;
  for (auto chunk = source.next();; chunk = source.next()) {
    REQUIRE(chunk);
    if (chunk->empty()) return text;
    for (const ReplayMessage& message : *chunk)
      text += (text.empty() ? "" : " ") + std::to_string(message.offset);
  }
}

TimeRange between(const char* from, const char* to) { return {at(from), at(to)}; }

}  // namespace

TEST_CASE("by event a replay goes by the time of the readings, whichever file they came in") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:05Z", kDay1), reading("2026-11-22T11:00:01Z", kDay1),
             reading("2026-11-22T11:00:03Z", kDay1)});
  box.store({reading("2026-11-22T11:00:02Z", kDay2), reading("2026-11-22T11:00:01Z", kDay2, 7)});
  box.store({reading("2026-11-22T11:00:04Z", kDay3), reading("2026-11-23T11:00:00Z", kDay3)});
  if (GENERATE(false, true)) box.maintain();
  CHECK(offsets(box) == "1 4 3 2 5 0 6");  // 1 and 4 measured at the same time: by offset
  CHECK(offsets(box, {.range = between("2026-11-22T11:00:02Z", "2026-11-22T11:00:04Z")}) == "3 2");
  CHECK(offsets(box, {.order = ReplayOrder::arrival}) == "0 1 2 3 4 5 6");
  CHECK(offsets(box, {.order = ReplayOrder::arrival, .range = {at(kDay2), at(kDay3)}}) == "3 4");
}

TEST_CASE("by event a message that cannot be decoded stands at its arrival, one without news is left out") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T12:00:03Z", "2026-11-22T12:00:00Z"),
             {.payload = "oops", .arrival = "2026-11-22T12:00:01Z"},
             reading("2026-11-22T12:00:03Z", "2026-11-22T12:00:02Z"),  // a repeat
             reading("2026-11-22T12:00:00Z", "2026-11-22T12:00:04Z"),
             {.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate},
             {.topic = "plain/wild/north/s1/temperature", .payload = "20", .arrival = "2026-11-22T12:00:02Z"},
             {.topic = "nobodys/topic", .payload = "20", .arrival = "2026-11-22T12:00:02Z"}});
  if (GENERATE(false, true)) {
    box.store({reading("2026-11-23T12:00:00Z", kDay3)});
    box.maintain();
  }
  const Asked day{.range = between("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z")};
  CHECK(offsets(box, day) == "3 1 5 0");
  CHECK(offsets(box, {.order = ReplayOrder::arrival, .range = day.range}) == "0 1 2 3 5");
  const auto files = ReplayFiles::open(box.path());
  ReplaySource source(*files, ReplayOrder::event, day.range, TopicFilter(box.config.inputs, ""), box.config,
                      {});
  while (!source.next()->empty()) {
  }
  CHECK(source.left_out() == 1);
}

TEST_CASE("a replay takes the topics that it is asked for") {
  ArchiveFixture box;
  box.store(
      {{.topic = "flat/wild/north/s1", .payload = R"({"event_time":1795346402,"t":7,"s":8})"},
       {.topic = "sensors/wild/north/s1/temperature", .payload = R"({"event_time":1795346401,"value":1})"},
       {.topic = "sensors/wild/south/s2/temperature", .payload = R"({"event_time":1795346400,"value":1})"},
       {.topic = "sensors/wild/north/s1/temperature", .payload = "oops"}});
  if (GENERATE(false, true)) {
    box.store({reading("2026-11-23T12:00:00Z", kDay3)});
    box.maintain();
  }
  const TimeRange day = between("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
  CHECK(offsets(box, {.range = day, .topics = "sensors/wild/north/#"}) == "1 3");
  CHECK(offsets(box, {.range = day, .topics = "+/wild/north/s1"}) == "0");  // once, for its two readings
  CHECK(offsets(box, {.order = ReplayOrder::arrival, .range = day, .topics = "sensors/wild/+/+/+"}) ==
        "1 2 3");
  CHECK(offsets(box, {.range = day, .topics = "aggregates/#"}).empty());
}

TEST_CASE("a message whose readings have several times comes once, at the first of them in the range") {
  ArchiveFixture box;
  box.store({{.topic = "flat/wild/north/s1", .payload = R"({"event_time":1795346400,"t":7,"s":8})"},
             {.payload = R"({"event_time":1795346460,"value":1})"}});
  {
    SQLite::Database writer(box.file().string(), SQLite::OPEN_READWRITE);
    writer.exec("UPDATE readings SET event_us = event_us + 3600000000 WHERE id = 1");
  }
  CHECK(offsets(box) == "0 1");
  CHECK(offsets(box, {.limits = {.readings = 1}}) == "0 1");
  CHECK(offsets(box, {.range = between("2026-11-22T11:20:30Z", "2026-11-22T13:00:00Z")}) == "1 0");
}

TEST_CASE("a message of a replay is what came, to the byte") {
  ArchiveFixture box;
  const std::string bytes("\xff\0x", 3);
  box.store({{.payload = bytes, .arrival = "2026-11-22T12:00:00.000001Z", .retain = true},
             {.payload = R"({"event_time":1795346400,"value":1})"}});
  const auto found = chunks(box).front();
  REQUIRE(found.size() == 2);
  CHECK(found[0].offset == 1);
  CHECK(found[0].at == Timestamp{1795346400s});
  CHECK(found[1].payload == bytes);
  CHECK(found[1].topic == "sensors/wild/north/s1/temperature");
  CHECK(found[1].at == at("2026-11-22T12:00:00.000001Z"));
  CHECK(found[1].arrival == found[1].at);
  CHECK(found[1].retain);
  CHECK_FALSE(found[0].retain);
}

TEST_CASE("a replay holds what was there when it began, though files are closed and go meanwhile") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1), reading("2026-11-22T12:30:01Z", kDay1)});
  const ReplayOrder order = GENERATE(ReplayOrder::event, ReplayOrder::arrival);
  const auto files = ReplayFiles::open(box.path());
  const TimeRange day = between("2026-11-22T11:00:00Z", "2026-11-23T11:00:00Z");
  ReplaySource source(*files, order, day, TopicFilter(box.config.inputs, ""), box.config, {.messages = 1});
  CHECK(source.next()->front().offset == 0);
  box.store({reading("2026-11-22T12:30:02Z", kDay1)});
  box.store({reading("2026-11-22T12:30:00Z", kDay2)});
  box.maintain();
  CHECK(box.listing().find("22.db") != std::string::npos);
  CHECK(source.next()->front().offset == 1);
  CHECK(source.next()->empty());
  for (const auto& file : box.files()) std::filesystem::remove(file);
  ReplaySource again(*files, order, day, TopicFilter(box.config.inputs, ""), box.config, {});
  CHECK(again.next()->empty());
}

TEST_CASE("a chunk holds no more than it may, whatever lies in which file") {
  ArchiveFixture box;
  box.store(
      {large(), reading("2026-11-22T11:00:00Z", kDay1), large(), reading("2026-11-22T11:00:02Z", kDay1)});
  box.store({large(kDay2), reading("2026-11-22T11:00:01Z", kDay2), large(kDay2)});
  const ReplayOrder order = GENERATE(ReplayOrder::event, ReplayOrder::arrival);
  for (const auto& chunk : chunks(box, {.order = order, .limits = {.bytes = 1}})) {
    std::map<char, int> of_file;
    for (const ReplayMessage& message : chunk) CHECK(++of_file[message.offset < 4 ? '1' : '2'] == 1);
  }
  CHECK(offsets(box, {.order = order, .limits = {.bytes = 1}}) == offsets(box, {.order = order}));
  for (const auto& chunk : chunks(box, {.order = order, .limits = {.messages = 2}})) CHECK(chunk.size() <= 2);
}

// The oracle is a sort of all that was sent.
TEST_CASE("whatever came when, by event every message comes once, in order, with any limits") {
  std::mt19937 random(GENERATE(range(1u, 9u)));
  const auto below = [&](int end) { return std::uniform_int_distribution<int>(0, end - 1)(random); };
  ArchiveFixture box;
  std::vector<ReplayPlace> expected;
  std::uint64_t offset = 0;
  const Timestamp begin = at(kDay1);
  for (int batch = 0; batch < 30; ++batch) {
    const Timestamp arrival = begin + std::chrono::hours{batch};
    for (int i = 0; i < 20; ++i, ++offset) {
      const Timestamp event =
          arrival - (below(4) == 0 ? std::chrono::seconds{below(90'000)} : std::chrono::seconds{below(20)});
      const bool good = below(8) > 0;
      box.store(
          {{.topic = fmt::format("sensors/wild/north/s{}/temperature", below(5)),
            .payload =
                good ? fmt::format(R"({{"event_time":"{}","value":{}}})", to_rfc3339(event), offset) : "oops",
            .arrival = to_rfc3339(arrival)}});
      expected.push_back({good ? event : arrival, offset});
    }
  }
  if (below(2) == 0) box.maintain();
  const TimeRange wanted{begin + std::chrono::hours{below(10)}, begin + std::chrono::hours{12 + below(20)}};
  std::erase_if(expected, [&](const ReplayPlace& place) { return !wanted.holds(place.at); });
  std::ranges::sort(expected);
  std::vector<ReplayPlace> found;
  const ReplaySource::Limits limits{.readings = static_cast<std::size_t>(1 + below(50)),
                                    .messages = static_cast<std::size_t>(1 + below(20)),
                                    .bytes = static_cast<std::size_t>(1 + below(5000))};
  for (const auto& chunk : chunks(box, {.range = wanted, .limits = limits})) {
    for (const ReplayMessage& message : chunk) found.push_back({message.at, message.offset});
  }
  CHECK(found == expected);
}

TEST_CASE("while a replay pauses nothing of a file that is still written is held") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:00:00Z", kDay1), reading("2026-11-22T11:00:01Z", kDay1)});
  const auto files = ReplayFiles::open(box.path());
  ReplaySource source(*files, GENERATE(ReplayOrder::event, ReplayOrder::arrival), kAll,
                      TopicFilter(box.config.inputs, ""), box.config, {.messages = 1});
  CHECK(source.next()->size() == 1);
  SQLite::Database writer(box.file().string(), SQLite::OPEN_READWRITE);
  CHECK(writer.execAndGet("PRAGMA wal_checkpoint(TRUNCATE)").getInt() == 0);  // 1: a reader is in the way
  CHECK(std::filesystem::file_size(box.file().string() + "-wal") == 0);
  CHECK(source.next()->size() == 1);
}

TEST_CASE("where there is no archive a replay says so") {
  const ArchiveFixture box;
  CHECK_THAT(ReplayFiles::open(box.folder / "none").error(), Catch::Contains("there is no archive"));
}

TEST_CASE("a damaged file is passed over and named, and the others are replayed") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  const auto order = GENERATE(ReplayOrder::event, ReplayOrder::arrival);
  const auto damaged = box.files()[0];
  const bool at_once = GENERATE(true, false);
  if (at_once) spit(damaged, "no database at all");
  const auto files = ReplayFiles::open(box.path());
  REQUIRE(files);
  CHECK(files->passed_over().size() == (at_once ? 1 : 0));
  if (!at_once) spit(damaged, "no database at all");
  ReplaySource source(*files, order, kAll, TopicFilter(box.config.inputs, ""), box.config, {});
  CHECK(offsets_of(source) == "2 3");
  REQUIRE(files->passed_over().size() == 1);
  CHECK_THAT(files->passed_over()[0],
             Catch::Contains(damaged.filename().string()) && Catch::Contains("passed over"));
}

TEST_CASE("a file that retention takes while a replay runs is named: its messages are missing") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  const auto order = GENERATE(ReplayOrder::event, ReplayOrder::arrival);
  const auto files = ReplayFiles::open(box.path());
  REQUIRE(files);
  const auto taken = box.files()[0];
  REQUIRE(*box.archive->make_room());
  ReplaySource source(*files, order, kAll, TopicFilter(box.config.inputs, ""), box.config, {});
  CHECK(offsets_of(source) == "2 3");
  REQUIRE(files->passed_over().size() == 1);
  CHECK_THAT(files->passed_over()[0],
             Catch::Contains(taken.filename().string()) && Catch::Contains("went with retention"));
}
