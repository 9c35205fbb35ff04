#include "bridge/aggregate_row.h"

#include "tests/unit/bridge/archive_fixture.h"

using namespace lookout;
using namespace lookout::test;

namespace {

std::string with(const std::string& old_text, const std::string& new_text) {
  std::string changed = kAggregate;
  return changed.replace(changed.find(old_text), old_text.size(), new_text);
}

}  // namespace

TEST_CASE("an aggregate is read field by field") {
  const auto row = parse_aggregate(kAggregate);
  REQUIRE(row);
  CHECK(row->id == "wild/5m/north/temperature/2026-11-22T11:20:00Z");
  CHECK(row->revision == 0);
  CHECK(row->group == "north");
  CHECK(row->unit == "Cel");
  CHECK(row->start == at("2026-11-22T11:20:00Z"));
  CHECK(row->end == at("2026-11-22T11:25:00Z"));
  CHECK(row->closed_by == "watermark");
  CHECK(row->count == 100);
  CHECK(row->sensors == 10);
  CHECK(row->sum == 2262.0);
  CHECK(row->stddev == 1.98);
  CHECK(row->last == 22.1);
  CHECK(row->seq_gaps == 3);
}

TEST_CASE("an aggregate may be without a unit and with fields of a later version") {
  CHECK(parse_aggregate(with(R"("unit":"Cel",)", "")));
  CHECK(parse_aggregate(with(R"("unit":"Cel",)", R"("unit":"Cel","over":7,"incomplete":true,)")));
}

TEST_CASE("an aggregate with a field missing or of the wrong type is refused by its name") {
  CHECK_THAT(parse_aggregate(with(R"("mean":22.62,)", "")).error(), Catch::Contains("\"mean\""));
  CHECK_THAT(parse_aggregate(with("22.62", "\"22.62\"")).error(), Catch::Contains("\"mean\""));
  CHECK_THAT(parse_aggregate(with("\"revision\":0", "\"revision\":0.5")).error(),
             Catch::Contains("\"revision\""));
  CHECK_THAT(parse_aggregate(with("\"start\":\"2026", "\"start\":\"x")).error(), Catch::Contains("RFC 3339"));
  CHECK_THAT(parse_aggregate("[1]").error(), Catch::Contains("not a JSON object"));
  CHECK_THAT(parse_aggregate("{").error(), Catch::Contains("not a JSON object"));
}
