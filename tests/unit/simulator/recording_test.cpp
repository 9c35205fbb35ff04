#include "simulator/recording.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

struct Table {
  explicit Table(std::string_view text) { spit(folder / "table.csv", text); }
  [[nodiscard]] Result<std::unique_ptr<Recording>> open(RecordingOptions options = {}) const {
    options.file = folder / "table.csv";
    return Recording::open(options);
  }
  TempFolder folder;
};

// "time in ms:seq:region/sensor/metric=value" of each sample.
std::vector<std::string> texts(Recording& recording) {
  std::vector<std::string> list;
  const Catalogue& names = recording.catalogue();
  for (Sample sample; recording.next(sample);) {
    const auto& sensor = names.sensors[sample.sensor];
    const auto& value = sample.values.at(0);
    list.push_back(fmt::format("{}:{}:{}/{}/{}={}", sample.event_time.time_since_epoch() / 1ms, sample.seq,
                               sensor.region, sensor.name, names.metrics[value.metric].name, value.number));
  }
  return list;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("each cell becomes a reading, row by row, quotes, empty and short rows are understood") {
  const Table table(
      "Time,\"Room A, left\",\"Say \"\"B\"\"\"\r\n"
      "0,1.5,-2\r\n"
      "\r\n"
      "1.25,\"3\",\r\n"
      "2,4\r\n");
  const auto recording = table.open().value();
  CHECK(texts(*recording) == Texts{"0:1:default/room-a-left/value=1.5", "0:1:default/say-b-/value=-2",
                                   "1250:2:default/room-a-left/value=3",
                                   "2000:3:default/room-a-left/value=4"});
  CHECK(recording->skipped() == 0);
}

TEST_CASE("a cell that is no number is skipped and counted, and so is a row without a time") {
  const Table table("t,a,b\n0,x,1\nnever,1,2\n,5,6\n2,nan,1e400\n3,inf,7\n");
  const auto recording = table.open().value();
  CHECK(texts(*recording) == Texts{"0:1:default/b/value=1", "3000:5:default/b/value=7"});
  CHECK(recording->skipped() == 6);
}

TEST_CASE("a pattern names region, sensor and metric") {
  const Table table(
      "Time,Quadrant A Temperature 25 mm Below Ceiling,Quadrant A Oxygen 25 mm Below Ceiling\n"
      "0,27.1,20.9\n");
  RecordingOptions options;
  options.pattern = ColumnPattern::parse("Quadrant {region} {metric} {sensor}").value();
  const auto recording = table.open(options).value();
  CHECK(texts(*recording) ==
        Texts{"0:1:a/25-mm-below-ceiling/temperature=27.1", "0:1:a/25-mm-below-ceiling/oxygen=20.9"});
  CHECK(recording->catalogue().sensors.size() == 1);
}

TEST_CASE("what the pattern does not name comes from the options") {
  const Table table("t,T1\n0,5\n");
  RecordingOptions options;
  options.pattern = ColumnPattern::parse("T{sensor}").value();
  options.network = "lab";
  options.region = "attic";
  options.metric = "temperature";
  const auto recording = table.open(options).value();
  CHECK(texts(*recording) == Texts{"0:1:attic/1/temperature=5"});
  CHECK(recording->catalogue().network == "lab");
}

TEST_CASE("globs select columns, and never the time column") {
  const Table table("a1,clock,a2,b1\n1,0,2,3\n");
  RecordingOptions options;
  options.time_column = "clock";
  options.columns = {"a*"};
  CHECK(texts(*table.open(options).value()) == Texts{"0:1:default/a1/value=1", "0:1:default/a2/value=2"});
  options.columns = {"b?", "*"};
  CHECK(texts(*table.open(options).value()).size() == 3);
}

TEST_CASE("times in milliseconds and in RFC 3339 are read") {
  RecordingOptions options;
  options.time_format = CsvTimeFormat::milliseconds;
  CHECK(texts(*Table("t,a\n1500,1\n").open(options).value()) == Texts{"1500:1:default/a/value=1"});
  options.time_format = CsvTimeFormat::rfc3339;
  const auto recording =
      Table("t,a\n1970-01-01T00:01:00.5Z,1\n1970-01-01T02:00:00+01:00,2\n").open(options).value();
  CHECK(texts(*recording) == Texts{"60500:1:default/a/value=1", "3600000:2:default/a/value=2"});
}

TEST_CASE("the span is that of all rows, in whatever order") {
  const auto recording = Table("t,a\n5,1\n20,1\n-3,1\n").open().value();
  CHECK(recording->span().first == 5s);
  CHECK(recording->span().latest == 20s);
  CHECK(recording->span().rows == 3);
  recording->set_time_zero(Timestamp{100s});
  CHECK(texts(*recording) ==
        Texts{"105000:1:default/a/value=1", "120000:2:default/a/value=1", "97000:3:default/a/value=1"});
}

TEST_CASE("a byte order mark is not part of the first column's name") {
  RecordingOptions options;
  options.time_column = "t";
  CHECK(Table("\xEF\xBB\xBFt,a\n0,1\n").open(options).has_value());
}

TEST_CASE("a table longer than any buffer is read whole") {
  std::string text = "t,a,b\n";
  for (int row = 0; row < 20'000; ++row) text += fmt::format("{},{},{}\n", row, row * 2, row * 3);
  const auto recording = Table(text).open().value();
  std::uint64_t count = 0;
  for (Sample sample; recording->next(sample); ++count) {
    const double factor = count % 2 == 0 ? 2 : 3;
    REQUIRE(sample.seq == count / 2 + 1);
    REQUIRE(sample.values.at(0).number == static_cast<double>(count / 2) * factor);
  }
  CHECK(count == 40'000);
}

TEST_CASE("a table that cannot be played is an error that names what is missing") {
  const auto error = [](std::string_view text, auto change) {
    RecordingOptions options;
    change(options);
    return Table(text).open(options).error();
  };
  const auto nothing = [](RecordingOptions&) {};
  CHECK_THAT(error("", nothing), Catch::Contains("is empty"));
  CHECK_THAT(error("t\n1\n", nothing), Catch::Contains("no column beside the time column"));
  CHECK_THAT(error("t,a\n", nothing), Catch::Contains("no row has a time in column 't'"));
  CHECK_THAT(error("t,a\nx,1\n", nothing), Catch::Contains("no row has a time in column 't'"));
  CHECK_THAT(error("t,a\n0,1\n", [](auto& options) { options.time_column = "Time"; }),
             Catch::Contains("no time column 'Time'; the columns are t, a"));
  CHECK_THAT(error("t,a\n0,1\n", [](auto& options) { options.columns = {"b*"}; }),
             Catch::Contains("no column fits 'b*'; the columns are t, a"));
  CHECK_THAT(
      error("t,a\n0,1\n", [](auto& options) { options.pattern = ColumnPattern::parse("T{sensor}").value(); }),
      Catch::Contains("column 'a' does not fit 'T{sensor}'"));
  CHECK_THAT(error("t,a b,A-b\n0,1,2\n", nothing),
             Catch::Contains("'a b' and 'A-b' would both be default/a-b/value"));
  CHECK_THAT(error("t,\n0,1\n", nothing), Catch::Contains("'' is no name"));
  RecordingOptions missing;
  missing.file = "/nonexistent/table.csv";
  CHECK_THAT(Recording::open(missing).error(), Catch::Contains("cannot open '/nonexistent/table.csv'"));
  missing.file = "/";
  CHECK_THAT(Recording::open(missing).error(), Catch::Contains("cannot read '/'"));
}
