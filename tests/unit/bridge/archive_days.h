#pragma once

#include "bridge/archive/archive_reader.h"
#include "tests/unit/bridge/archive_fixture.h"

/// An archive of several days, and what a reader finds in it.
namespace lookout::test {

inline constexpr const char* kDay1 = "2026-11-22T12:00:00Z";
inline constexpr const char* kDay2 = "2026-11-23T00:00:00Z";
inline constexpr const char* kDay3 = "2026-11-24T00:00:00Z";

inline Sent reading(const char* event_time, const char* arrival, double value = 20.5) {
  return {.payload = fmt::format(R"({{"event_time":"{}","value":{}}})", event_time, value),
          .arrival = arrival};
}

inline Sent large(const char* arrival = kDay1) {
  return {.payload = std::string(100 << 10, 'x'), .arrival = arrival};
}

struct Answer {
  std::string offsets;
  Missing missing;
};

inline Answer read(const std::filesystem::path& archive, const Selection& selection = {}) {
  Answer answer;
  auto missing = ArchiveReader(archive).read(selection, [&](std::span<const Cell> row) {
    answer.offsets += (answer.offsets.empty() ? "" : " ") + std::to_string(std::get<std::int64_t>(row[0]));
    return true;
  });
  REQUIRE(missing);
  answer.missing = std::move(*missing);
  return answer;
}

inline std::string gaps_of(const Answer& answer) {
  std::string text;
  for (const Gap& gap : answer.missing.gaps)
    text += fmt::format("{} {}-{}", gap.why, gap.first_offset, gap.end_offset);
  return text;
}

/// Offsets 0 and 1 on the first day, 2 on the second, 3 on the third; two files are not written any more.
inline void store_three_days(ArchiveFixture& box) {
  box.store({reading("2026-11-22T11:00:00Z", kDay1), reading("2026-11-22T11:00:01Z", kDay1)});
  box.store({reading("2026-11-22T23:59:59Z", kDay2)});
  box.store({reading("2026-11-23T23:59:59Z", kDay3)});
}

}  // namespace lookout::test
