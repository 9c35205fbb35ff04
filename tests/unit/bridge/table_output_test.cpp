#include "bridge/table_output.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <limits>

using namespace lookout;

namespace {

constexpr std::array kColumns{Column{"offset", CellType::integer}, Column{"event_time", CellType::time},
                              Column{"value", CellType::number}, Column{"unit", CellType::text}};

using Row = std::array<Cell, 4>;

Timestamp at(const char* text) { return *parse_rfc3339(text); }

std::string print(Format format, const std::vector<Row>& rows) {
  std::string printed;
  TableOutput output(format, kColumns, [&](std::string_view text) {
    printed += text;
    return true;
  });
  for (const Row& row : rows) REQUIRE(output.row(row));
  REQUIRE(output.finish());
  return printed;
}

const std::vector<Row> kRows{
    {std::int64_t{7}, at("2026-11-22T11:20:00Z"), 22.5, std::string_view("Cel")},
    {std::int64_t{1234}, at("2026-11-22T11:20:00.25Z"), -0.1, std::string_view("a \"b\",\nc")},
    {std::int64_t{8}, at("2026-11-22T11:20:01Z"), 20.0, std::monostate{}}};

}  // namespace

TEST_CASE("csv has a header and quotes what RFC 4180 says") {
  CHECK(print(Format::csv, kRows) ==
        "offset,event_time,value,unit\n"
        "7,2026-11-22T11:20:00Z,22.5,Cel\n"
        "1234,2026-11-22T11:20:00.250000Z,-0.1,\"a \"\"b\"\",\nc\"\n"
        "8,2026-11-22T11:20:01Z,20,\n");
  CHECK(print(Format::csv, {}) == "offset,event_time,value,unit\n");
}

TEST_CASE("ndjson is one object a line") {
  CHECK(print(Format::ndjson, kRows) ==
        R"({"offset":7,"event_time":"2026-11-22T11:20:00Z","value":22.5,"unit":"Cel"})"
        "\n"
        R"({"offset":1234,"event_time":"2026-11-22T11:20:00.250000Z","value":-0.1,"unit":"a \"b\",\nc"})"
        "\n"
        R"({"offset":8,"event_time":"2026-11-22T11:20:01Z","value":20,"unit":null})"
        "\n");
  CHECK(print(Format::ndjson, {}).empty());
}

TEST_CASE("a table aligns its columns, numbers to the right, and shows a dash where there is nothing") {
  CHECK(print(Format::table,
              {kRows[0],
               kRows[2],
               {std::int64_t{12345678}, at("2026-11-22T11:20:00Z"), 1.25, std::string_view("°C")}}) ==
        "  offset  event_time            value  unit\n"
        "       7  2026-11-22T11:20:00Z   22.5  Cel\n"
        "       8  2026-11-22T11:20:01Z     20  -\n"
        "12345678  2026-11-22T11:20:00Z   1.25  °C\n");
  CHECK(print(Format::table, {}) == "offset  event_time  value  unit\n");
}

TEST_CASE("a table shows what would break it, or move a terminal's cursor, as text") {
  CHECK(print(Format::table, {{std::int64_t{1}, at("2026-11-22T11:20:00Z"), 1.0,
                               std::string_view("a\r\nb\x1b[2J\x7f\xc2\x9b°ü\xc2")}}) ==
        "offset  event_time            value  unit\n"
        "     1  2026-11-22T11:20:00Z      1  a\\x0d\\nb\\x1b[2J\\x7f\\x9b°ü\xc2\n");
}

TEST_CASE("a flag is true or false in every format") {
  constexpr std::array kFlag{Column{"retracted", CellType::flag}};
  const auto format = GENERATE(Format::csv, Format::ndjson, Format::table);
  std::string printed;
  TableOutput output(format, kFlag, [&](std::string_view text) {
    printed += text;
    return true;
  });
  REQUIRE(output.row(std::array<Cell, 1>{true}));
  REQUIRE(output.row(std::array<Cell, 1>{false}));
  REQUIRE(output.finish());
  CHECK(printed == (format == Format::ndjson ? "{\"retracted\":true}\n{\"retracted\":false}\n"
                                             : "retracted\ntrue\nfalse\n"));
}

TEST_CASE("a table goes on when later rows are wider than the first ones") {
  const std::vector<Row> narrow(300,
                                Row{std::int64_t{1}, at("2026-11-22T11:20:00Z"), 1.0, std::string_view("K")});
  std::vector<Row> rows = narrow;
  rows.push_back({std::int64_t{1}, at("2026-11-22T11:20:00.5Z"), 1.0, std::string_view("K")});
  const std::string printed = print(Format::table, rows);
  CHECK(printed.ends_with(
      "     1  2026-11-22T11:20:00Z      1  K\n     1  2026-11-22T11:20:00.500000Z      1  K\n"));
}

TEST_CASE("numbers are printed with as many digits as it takes to read the same number back") {
  const auto value = GENERATE(0.1, 1.0 / 3.0, 1e300, 5e-324, -1234567.875, 9007199254740993.0,
                              std::numeric_limits<double>::max());
  const std::string printed =
      print(Format::csv, {{std::int64_t{0}, at("2026-11-22T11:20:00Z"), value, std::monostate{}}});
  const auto begin = printed.find("Z,") + 2;
  CHECK(std::strtod(printed.c_str() + begin, nullptr) == value);
}

TEST_CASE("a sink that takes no more ends the printing") {
  TableOutput output(Format::csv, kColumns, [](std::string_view) { return false; });
  bool more = true;
  int rows = 0;
  while (more && rows < 100'000) {
    more = output.row(kRows[0]);
    ++rows;
  }
  CHECK_FALSE(more);
  CHECK(rows < 5'000);
}

TEST_CASE("a column of which nothing is there is left out of NDJSON where it may be") {
  static constexpr std::array kOptional{Column{"offset", CellType::integer, Absent::left_out},
                                        Column{"payload", CellType::text, Absent::left_out},
                                        Column{"payload_base64", CellType::text, Absent::left_out}};
  std::string printed;
  TableOutput output(Format::ndjson, kOptional, [&](std::string_view text) {
    printed += text;
    return true;
  });
  using Cells = std::array<Cell, 3>;
  REQUIRE(output.row(Cells{std::int64_t{1}, std::string_view("a"), std::monostate{}}));
  REQUIRE(output.row(Cells{std::monostate{}, std::monostate{}, std::string_view("AA==")}));
  REQUIRE(output.finish());
  CHECK(printed == "{\"offset\":1,\"payload\":\"a\"}\n{\"payload_base64\":\"AA==\"}\n");
}
