#include "bridge/archive/archive_reader.h"

#include <algorithm>
#include <map>

#include "tests/unit/bridge/archive_fixture.h"

using namespace lookout;
using namespace lookout::test;

namespace {

/// The offsets of the rows that a selection gives, in order; what is missing goes to `missing`.
std::string offsets(const std::filesystem::path& archive, const Selection& selection,
                    Missing* missing = nullptr) {
  std::string found;
  auto read = ArchiveReader(archive).read(selection, [&](std::span<const Cell> row) {
    found += (found.empty() ? "" : " ") + std::to_string(std::get<std::int64_t>(row[0]));
    return true;
  });
  REQUIRE(read);
  if (missing) *missing = std::move(*read);
  return found;
}

std::string refusal(const std::filesystem::path& archive) {
  return ArchiveReader(archive).read({}, [](std::span<const Cell>) { return true; }).error();
}

// Offsets 0 to 3 measured at :02 :01 :00 :01, and arrived in that order from 12:00 on.
void store_four(ArchiveFixture& box) {
  box.store({{.topic = "sensors/wild/north/s1/temperature",
              .payload = R"({"event_time":"2026-11-22T11:20:02Z","value":1})",
              .arrival = "2026-11-22T12:00:00Z"},
             {.topic = "sensors/wild/south/s2/temperature",
              .payload = R"({"event_time":"2026-11-22T11:20:01Z","value":2})",
              .arrival = "2026-11-22T12:00:01Z"},
             {.topic = "sensors/wild/north/s3/smoke",
              .payload = R"({"event_time":"2026-11-22T11:20:00Z","value":3})",
              .arrival = "2026-11-22T12:00:02Z"},
             {.topic = "sensors/wild/north/s1/temperature",
              .payload = R"({"event_time":"2026-11-22T11:20:01Z","value":4})",
              .arrival = "2026-11-22T12:00:03Z"}});
}

}  // namespace

TEST_CASE("rows come ordered by time, then offset") {
  ArchiveFixture box;
  store_four(box);
  CHECK(offsets(box.path(), {}) == "2 1 3 0");
  CHECK(offsets(box.path(), {.axis = TimeAxis::arrival}) == "0 1 2 3");
  CHECK(offsets(box.path(), {.limit = 2}) == "2 1");
}

TEST_CASE("a range takes its first moment and not its last") {
  ArchiveFixture box;
  store_four(box);
  CHECK(offsets(box.path(), {.from = at("2026-11-22T11:20:01Z"), .to = at("2026-11-22T11:20:02Z")}) == "1 3");
  CHECK(offsets(box.path(), {.from = at("2026-11-22T11:20:01.000001Z")}) == "0");
  CHECK(offsets(box.path(), {.to = at("2026-11-22T11:20:01Z")}) == "2");
  CHECK(offsets(box.path(), {.axis = TimeAxis::arrival,
                             .from = at("2026-11-22T12:00:01Z"),
                             .to = at("2026-11-22T12:00:03Z")}) == "1 2");
}

TEST_CASE("a gap is mentioned where its messages may have been measured, or by arrival may have come") {
  ArchiveFixture box;
  box.store({{.payload = "1", .arrival = "2026-11-22T12:00:00Z"}});
  box.skip(1);
  box.store({{.payload = "2", .arrival = "2026-11-22T17:00:00Z"}});
  const auto gaps = [&](TimeAxis axis, const char* from, const char* to) {
    Missing missing;
    offsets(box.path(), {.axis = axis, .from = at(from), .to = at(to)}, &missing);
    return missing.gaps.size();
  };
  CHECK(gaps(TimeAxis::event, "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z") == 1);
  CHECK(gaps(TimeAxis::event, "2026-11-22T17:00:01Z", "2026-11-22T18:00:00Z") == 0);
  CHECK(gaps(TimeAxis::arrival, "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z") == 0);
  CHECK(gaps(TimeAxis::arrival, "2026-11-22T13:00:00Z", "2026-11-22T14:00:00Z") == 1);
}

TEST_CASE("topics are chosen by an MQTT filter") {
  ArchiveFixture box;
  store_four(box);
  CHECK(offsets(box.path(), {.topics = "sensors/wild/north/#"}) == "2 3 0");
  CHECK(offsets(box.path(), {.topics = "sensors/+/+/+/temperature"}) == "1 3 0");
  CHECK(offsets(box.path(), {.topics = "sensors/wild/+"}) == "");
  CHECK(offsets(box.path(),
                {.from = at("2026-11-22T11:20:02Z"), .topics = "sensors/wild/north/+/temperature"}) == "0");
}

TEST_CASE("the readings of one message come in its order") {
  ArchiveFixture box;
  box.store({{.topic = "flat/wild/north/s1", .payload = R"({"event_time":1795346400,"t":20.5,"s":4})"}});
  ArchiveReader reader(box.path());
  std::string metrics;
  REQUIRE(reader.read({}, [&](std::span<const Cell> row) {
    metrics += std::string(std::get<std::string_view>(row[5])) + ' ';
    return true;
  }));
  CHECK(metrics == "temperature smoke ");
}

TEST_CASE("aggregates are chosen by the start of their window or by arrival") {
  ArchiveFixture box;
  box.store({{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate}});
  const auto start = at("2026-11-22T11:20:00Z");
  CHECK(offsets(box.path(), {.kind = RowKind::aggregates, .from = start}) == "0");
  CHECK(offsets(box.path(), {.kind = RowKind::aggregates, .to = start}) == "");
  CHECK(offsets(box.path(),
                {.kind = RowKind::aggregates, .axis = TimeAxis::arrival, .to = at("2026-11-22T12:00:00Z")}) ==
        "");
  CHECK(offsets(box.path(), {.kind = RowKind::aggregates, .topics = "aggregates/+/5m/#"}) == "0");
}

TEST_CASE("an aggregate is handed out with what was lost, retracted or replayed") {
  ArchiveFixture box;
  Sent full{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate};
  full.payload =
      replaced(kAggregate, R"("late":0)", R"("late":4,"over":7,"incomplete":true,"historical":true)");
  box.store({full, {.topic = "aggregates/wild/5m/north/temperature", .payload = kRetraction}});
  const auto columns = columns_of(RowKind::aggregates);
  std::vector<std::map<std::string_view, Cell>> rows;
  ArchiveReader reader(box.path());
  REQUIRE(reader.read({.kind = RowKind::aggregates}, [&](std::span<const Cell> row) {
    auto& named = rows.emplace_back();
    for (const char* name :
         {"revision", "mean", "last", "late", "over", "incomplete", "retracted", "historical"}) {
      named[name] =
          row[static_cast<std::size_t>(std::ranges::find(columns, name, &Column::name) - columns.begin())];
    }
    return true;
  }));
  REQUIRE(rows.size() == 2);
  using Named = std::map<std::string_view, Cell>;
  CHECK(rows[0] == Named{{"revision", std::int64_t{0}},
                         {"mean", 22.62},
                         {"last", 22.1},
                         {"late", std::int64_t{4}},
                         {"over", std::int64_t{7}},
                         {"incomplete", true},
                         {"retracted", false},
                         {"historical", true}});
  CHECK(rows[1] == Named{{"revision", std::int64_t{1}},
                         {"mean", {}},
                         {"last", {}},
                         {"late", std::int64_t{0}},
                         {"over", {}},
                         {"incomplete", false},
                         {"retracted", true},
                         {"historical", false}});
}

TEST_CASE("a reader sees what is committed while the writer is in the middle of a batch") {
  ArchiveFixture box;
  store_four(box);
  box.begin();
  box.add({{.payload = R"({"event_time":"2026-11-22T11:20:05Z","value":5})"}});
  CHECK(offsets(box.path(), {}) == "2 1 3 0");
  REQUIRE(box.archive->commit());
  CHECK(offsets(box.path(), {}) == "2 1 3 0 4");
}

TEST_CASE(
    "a reader sees one state of the archive from its first row to its last, and does not hold up the "
    "writer") {
  ArchiveFixture box;
  store_four(box);
  ArchiveReader reader(box.path());
  int rows = 0;
  REQUIRE(reader.read({}, [&](std::span<const Cell>) {
    if (rows++ == 0) box.store({{.payload = R"({"event_time":"2026-11-22T11:20:05Z","value":5})"}});
    return true;
  }));
  CHECK(rows == 4);
  CHECK(box.count("readings") == "5");
}

TEST_CASE("an archive that nobody writes can be read, also where nothing may be written beside it") {
  ArchiveFixture box;
  store_four(box);
  box.close();
  REQUIRE_FALSE(std::filesystem::exists(box.file().string() + "-wal"));
  SECTION("in its folder") {}
  SECTION("where a -shm cannot be made") { std::filesystem::create_directory(box.file().string() + "-shm"); }
  CHECK(offsets(box.path(), {}) == "2 1 3 0");
}

TEST_CASE("reading leaves the archive as it is, also behind a writer that was killed") {
  ArchiveFixture box;
  store_four(box);
  // What a kill -9 leaves: the file and a WAL that nobody has checkpointed.
  const TempFolder left;
  const auto file = left.path() / box.file().filename();
  std::filesystem::copy(box.file(), file);
  std::filesystem::copy(box.file().string() + "-wal", file.string() + "-wal");
  const std::string before = slurp(file);
  const std::string wal_before = slurp(file.string() + "-wal");
  CHECK(offsets(left.path(), {}) == "2 1 3 0");
  CHECK(slurp(file) == before);
  CHECK(slurp(file.string() + "-wal") == wal_before);
}

TEST_CASE("a name with characters that mean something in a URI is a name like any other") {
  ArchiveFixture box;
  store_four(box);
  box.close();
  const auto odd = box.folder / "a?mode=rw#%41.db";
  std::filesystem::rename(box.file(), odd);
  CHECK(offsets(odd, {}) == "2 1 3 0");
}

TEST_CASE("no archive, one of an earlier version and a newer one are refused with a sentence") {
  ArchiveFixture box;
  box.store({{.payload = "1"}});
  box.close();
  CHECK_THAT(refusal(box.folder / "none"), Catch::Contains("there is no archive"));
  SQLite::Database(box.file().string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  CHECK_THAT(refusal(box.path()), Catch::Contains("has schema 99"));
  std::filesystem::remove_all(box.path());
  spit(box.folder / "bridge" / "archive.db", "");
  CHECK_THAT(refusal(box.path()), Catch::Contains("lookout-bridge run takes it over"));
}

TEST_CASE("an archive in which nothing is yet gives no rows") {
  ArchiveFixture box;
  CHECK(offsets(box.path(), {}) == "");
}

TEST_CASE("messages come as they came: text, or base64 of what is none, and a zero byte is text") {
  using namespace std::string_literals;
  ArchiveFixture box;
  box.store({{.payload = "22,5 °C", .retain = true},
             {.payload = "\xff\x00"s},
             {.payload = "a\0b"s},
             {.payload = ""}});
  std::vector<std::string> rows;
  const auto read =
      ArchiveReader(box.path())
          .read({.kind = RowKind::messages, .axis = TimeAxis::arrival}, [&](std::span<const Cell> row) {
            const auto text = [&](std::size_t i) {
              const auto* found = std::get_if<std::string_view>(&row[i]);
              return found ? std::string(*found) : "none";
            };
            CHECK(std::get<Timestamp>(row[1]) == at("2026-11-22T12:00:00Z"));
            rows.push_back(text(2) + ' ' + (std::get<bool>(row[3]) ? "retained " : "") + text(4) + ' ' +
                           text(5));
            return true;
          });
  REQUIRE(read);
  const std::string topic = "sensors/wild/north/s1/temperature ";
  CHECK(rows == std::vector<std::string>{topic + "retained 22,5 °C none",
                                         topic + "none /wA=", topic + "a\0b none"s, topic + " none"});
}
