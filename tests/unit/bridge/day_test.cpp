#include "bridge/days/day.h"

#include <catch2/catch.hpp>

using namespace lookout;

namespace {

const Timestamp kNow = *parse_rfc3339("2026-11-23T18:00:00Z");

std::string range(const std::string& date, const std::string& zone, Timestamp now = kNow) {
  const auto day = find_day(date, zone, now);
  REQUIRE(day);
  return to_rfc3339(day->from) + " " + to_rfc3339(day->to);
}

std::string refusal(const std::string& date, const std::string& zone = "UTC") {
  const auto day = find_day(date, zone, kNow);
  REQUIRE_FALSE(day);
  return day.error();
}

}  // namespace

// What date(1) says of these midnights.
TEST_CASE("a day goes from midnight to midnight of its zone, however long that is") {
  CHECK(range("2026-11-22", "UTC") == "2026-11-22T00:00:00Z 2026-11-23T00:00:00Z");
  CHECK(range("2026-11-22", "Europe/Berlin") == "2026-11-21T23:00:00Z 2026-11-22T23:00:00Z");
  CHECK(range("2026-03-29", "Europe/Berlin") == "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
  CHECK(range("2026-10-25", "Europe/Berlin") == "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
  CHECK(range("2026-11-01", "America/New_York") == "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z");
  CHECK(range("2026-10-04", "Australia/Lord_Howe") == "2026-10-03T13:30:00Z 2026-10-04T13:00:00Z");
  CHECK(range("2026-11-22", "Asia/Kathmandu") == "2026-11-21T18:15:00Z 2026-11-22T18:15:00Z");
  // On this day midnight itself is skipped.
  CHECK(range("2026-03-08", "America/Havana") == "2026-03-08T05:00:00Z 2026-03-09T04:00:00Z");
}

TEST_CASE("days follow each other without a hole, through every change of the clocks") {
  for (const char* zone :
       {"Europe/Berlin", "America/Havana", "Africa/Cairo", "Asia/Beirut", "America/Sao_Paulo"}) {
    Timestamp end{};
    for (std::chrono::sys_days day = std::chrono::sys_days{std::chrono::year{2015} / 1 / 1};
         day < std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}; day += std::chrono::days{1}) {
      const auto found = find_day(utc_day(day).date, zone, kNow);
      REQUIRE(found);
      if (end != Timestamp{} && end != found->from) FAIL(zone << " " << found->date);
      end = found->to;
    }
  }
}

TEST_CASE("today and yesterday are those of the zone") {
  const Timestamp late = *parse_rfc3339("2026-11-22T23:30:00Z");
  CHECK(range("today", "UTC", late) == "2026-11-22T00:00:00Z 2026-11-23T00:00:00Z");
  CHECK(range("today", "Europe/Berlin", late) == "2026-11-22T23:00:00Z 2026-11-23T23:00:00Z");
  CHECK(range("yesterday", "Europe/Berlin", late) == "2026-11-21T23:00:00Z 2026-11-22T23:00:00Z");
}

TEST_CASE(
    "what is no day, an unknown zone, a day to come and one that never was are refused with a sentence") {
  for (const char* text :
       {"", "22.11.2026", "2026-02-30", "2026-11-22T00:00:00Z", "11:20", "-2h", "2026-1-022", "1889-01-01"})
    CHECK_THAT(refusal(text), Catch::Contains("is not a day: accepted are 2026-11-22, today"));
  for (const char* zone : {"", "Mars/Olympus", "../../etc/passwd", "CEST"})
    CHECK_THAT(refusal("2026-11-22", zone), Catch::Contains("is no time zone that this machine knows"));
  CHECK_THAT(refusal("2026-11-24"),
             Catch::Contains("2026-11-24 has not begun yet in the zone UTC: it is 2026-11-23"));
  CHECK_THAT(refusal("2011-12-30", "Pacific/Apia"), Catch::Contains("there was no 2011-12-30"));
}
