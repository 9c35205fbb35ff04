#include "bridge/query.h"

#include <catch2/catch.hpp>

using namespace lookout;

namespace {

Timestamp at(const char* text) { return *parse_rfc3339(text); }
const Timestamp kNow = at("2026-11-22T12:00:00Z");

}  // namespace

TEST_CASE("without arguments a query means everything, by event time") {
  const auto selection = make_selection({}, kNow);
  REQUIRE(selection);
  CHECK(selection->kind == RowKind::readings);
  CHECK(selection->axis == TimeAxis::event);
  CHECK_FALSE(selection->from);
  CHECK_FALSE(selection->to);
  CHECK(selection->topics.empty());
  CHECK_FALSE(selection->limit);
}

TEST_CASE("messages are asked for by arrival") {
  const auto selection = make_selection({.kind = RowKind::messages}, kNow);
  REQUIRE(selection);
  CHECK(selection->axis == TimeAxis::arrival);
}

TEST_CASE("times of a query are read as people type them") {
  const auto selection = make_selection({.from = "-2h", .to = "11:20"}, kNow);
  REQUIRE(selection);
  CHECK(selection->from == at("2026-11-22T10:00:00Z"));
  CHECK(selection->to == at("2026-11-22T11:20:00Z"));
}

TEST_CASE("what is wrong with a query is said") {
  CHECK_THAT(make_selection({.from = "yesterday"}, kNow).error(),
             Catch::StartsWith("--from: 'yesterday' is not a time"));
  CHECK_THAT(make_selection({.to = "25:00"}, kNow).error(), Catch::StartsWith("--to: '25:00' is not a time"));
  CHECK_THAT(make_selection({.from = "11:20", .to = "11:20"}, kNow).error(),
             Catch::StartsWith("--to 2026-11-22T11:20:00Z is not after --from 2026-11-22T11:20:00Z"));
  CHECK_THAT(make_selection({.topics = "a/#/b"}, kNow).error(),
             Catch::StartsWith("--topics: 'a/#/b' is no MQTT filter"));
  CHECK_THAT(make_selection({.kind = RowKind::messages, .axis = TimeAxis::event}, kNow).error(),
             Catch::StartsWith("--time: messages have no event time"));
}
