#include "bridge/archive/aggregate_row.h"

#include "tests/unit/bridge/archive_fixture.h"

using namespace lookout;
using namespace lookout::test;

namespace {

std::string with(const std::string& old_text, const std::string& new_text) {
  return replaced(kAggregate, old_text, new_text);
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
  CHECK(parse_aggregate(with(R"("unit":"Cel",)", R"("unit":"Cel","shape":[1],)")));
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

TEST_CASE("over, incomplete and historical are read where they are there") {
  const auto plain = parse_aggregate(kAggregate);
  REQUIRE(plain);
  CHECK_FALSE(plain->over.has_value());
  CHECK_FALSE(plain->incomplete);
  CHECK_FALSE(plain->retracted);
  CHECK_FALSE(plain->historical);
  const auto full =
      parse_aggregate(with(R"("late":0)", R"("late":4,"over":7,"incomplete":true,"historical":true)"));
  REQUIRE(full);
  CHECK(full->late == 4);
  CHECK(full->over == 7);
  CHECK(full->incomplete);
  CHECK(full->historical);
  CHECK(full->mean == 22.62);
  CHECK_THAT(parse_aggregate(with(R"("late":0)", R"("late":0,"over":null)")).error(),
             Catch::Contains("\"over\""));
  CHECK_THAT(parse_aggregate(with(R"("late":0)", R"("late":0,"incomplete":1)")).error(),
             Catch::Contains("\"incomplete\""));
}

TEST_CASE("a retraction has no figures, and only a retraction may be without") {
  const auto row = parse_aggregate(kRetraction);
  REQUIRE(row);
  CHECK(row->retracted);
  CHECK(row->revision == 1);
  CHECK(row->count == 0);
  CHECK(row->sum == 0);
  for (const auto& figure : {row->mean, row->min, row->max, row->stddev, row->first, row->last}) {
    CHECK_FALSE(figure.has_value());
  }
  CHECK_THAT(parse_aggregate(replaced(kRetraction, R"("retracted":true)", R"("retracted":false)")).error(),
             Catch::Contains("\"mean\""));
}
