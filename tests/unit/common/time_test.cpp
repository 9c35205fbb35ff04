#include <catch2/catch.hpp>

#include "common/byte_size.h"
#include "common/duration.h"
#include "common/timestamp.h"

using namespace lookout;
using namespace std::chrono_literals;

namespace {
// 2026-11-22T11:20:00Z, by `date -u -d ... +%s`.
constexpr Timestamp kEleven20{1795346400s};
}  // namespace

TEST_CASE("times are written without a fraction when whole seconds, else with six digits") {
  CHECK(to_rfc3339(kEleven20) == "2026-11-22T11:20:00Z");
  CHECK(to_rfc3339(kEleven20 + 123ms) == "2026-11-22T11:20:00.123000Z");
  CHECK(to_rfc3339(kEleven20 + 1us) == "2026-11-22T11:20:00.000001Z");
  CHECK(to_rfc3339(Timestamp{-1us}) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("RFC 3339 is read with Z, offsets and fractions") {
  CHECK(parse_rfc3339("2026-11-22T11:20:00Z") == kEleven20);
  CHECK(parse_rfc3339("2026-11-22t11:20:00z") == kEleven20);
  CHECK(parse_rfc3339("2026-11-22T12:20:00+01:00") == kEleven20);
  CHECK(parse_rfc3339("2026-11-22T11:20:00.5Z") == kEleven20 + 500ms);
  CHECK(parse_rfc3339("2026-11-22T11:20:00.123456789Z") == kEleven20 + 123456us);
  CHECK(parse_rfc3339("2026-11-22T11:20:00.1234569999999999+00:00") == kEleven20 + 123456us);
  CHECK(parse_rfc3339("3000-01-01T00:00:00Z") == Timestamp{32503680000s});
  CHECK(parse_rfc3339("3000-01-01T05:00:00.25+05:00") == Timestamp{32503680000s + 250ms});
}

TEST_CASE("what is not RFC 3339 is refused") {
  for (const char* text : {"",
                           "2026-11-22",
                           "2026-11-22T11:20:00",
                           "2026-13-01T00:00:00Z",
                           "2026-02-30T00:00:00Z",
                           "2026-11-22T11:20:00Zx",
                           "yesterday",
                           "2026-11-22T25:00:00Z",
                           "99999-01-01T00:00:00Z",
                           "3000-01-01T00:00:00Zx",
                           "3000-01-01T00:00:00",
                           "2026-11-22T11:20:00-",
                           "2026-11-22T11:20:00+1:00",
                           "9999-12-31T00:00:00Z",
                           "1899-12-31T00:00:00Z",
                           "+226-01-01T00:00:00Z",
                           "2026-11-22T11:20:0-.500000Z",
                           "2026-11-22T11:20:-1Z",
                           "2026-11-22T-1:20:00Z",
                           "2026-+1-22T11:20:00Z",
                           "2026-11- 2T11:20:00Z",
                           "2026-11-22T11:20: 1Z"}) {
    INFO(text);
    CHECK_FALSE(parse_rfc3339(text).has_value());
  }
}

TEST_CASE("what is written is read back") {
  for (const Timestamp time : {kEleven20, kEleven20 + 999999us, Timestamp{0us}, Timestamp{-86400s + 1us}}) {
    CHECK(parse_rfc3339(to_rfc3339(time)) == time);
  }
}

TEST_CASE("epoch seconds keep microseconds and are bounded") {
  CHECK(from_epoch_seconds(1795346400.123456) == kEleven20 + 123456us);
  CHECK(from_epoch_seconds(0) == Timestamp{0us});
  CHECK_FALSE(from_epoch_seconds(1795346400123.0).has_value());  // milliseconds by mistake
  CHECK_FALSE(from_epoch_seconds(std::numeric_limits<double>::quiet_NaN()).has_value());
  CHECK_FALSE(from_epoch_seconds(1e300).has_value());
}

TEST_CASE("times on the command line") {
  const Timestamp now = kEleven20 + 40min;
  CHECK(parse_time_argument("2026-11-22T11:20:00Z", now) == kEleven20);
  CHECK(parse_time_argument("2026-11-22", now) == kEleven20 - 11h - 20min);
  CHECK(parse_time_argument("11:20", now) == kEleven20);
  CHECK(parse_time_argument("11:20:30", now) == kEleven20 + 30s);
  CHECK(parse_time_argument("-2h", now) == now - 2h);
  CHECK(parse_time_argument("now", now) == now);
  const auto bad = parse_time_argument("noon", now);
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().find("11:20 (today, UTC)") != std::string::npos);
}

TEST_CASE("durations") {
  CHECK(parse_duration("200ms") == 200ms);
  CHECK(parse_duration("1.5h") == 90min);
  CHECK(parse_duration("7d") == 168h);
  CHECK(parse_duration("0") == 0us);
  for (const char* text : {"", "5", "-5s", "5 s", "5x", "ms", "1e9d", "20000d", "nan s", "inf"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
  CHECK(format_duration(90s) == "90s");
  CHECK(format_duration(5min) == "5m");
  CHECK(format_duration(1500ms) == "1500ms");
  CHECK(format_duration(0s) == "0");
}

TEST_CASE("byte sizes") {
  CHECK(parse_byte_size("64 KiB") == 65536u);
  CHECK(parse_byte_size("16MiB") == 16777216u);
  CHECK(parse_byte_size("1 GiB") == 1073741824u);
  CHECK(parse_byte_size("100") == 100u);
  for (const char* text : {"", "1 KB", "-1", "1.5 GiB", "99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_byte_size(text).has_value());
  }
}
