#include "bridge/archive/retention.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp kNow = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};

/// Files of ten offsets and 100 bytes, whose newest messages came so long ago.
std::vector<ClosedFile> files(const std::vector<std::chrono::hours>& ages) {
  std::vector<ClosedFile> made;
  for (const auto age : ages) {
    const std::uint64_t first = made.size() * 10;
    ClosedFile& file = made.emplace_back();
    file.name = {first, day_of(kNow - age), true};
    file.summary.end_offset = first + 10;
    file.summary.arrivals = Coverage::Stretch{kNow - age - 1h, kNow - age};
    file.bytes = 100;
  }
  return made;
}

constexpr ArchiveConfig kLimits{.retention_age = 48h, .retention_size = 1000, .evict_unforwarded = false};

}  // namespace

TEST_CASE("the oldest file is due when its newest message is too old") {
  CHECK_FALSE(is_due(files({48h, 1h}), 0, kLimits, kNow));
  CHECK(is_due(files({49h, 1h}), 0, kLimits, kNow));
  CHECK_FALSE(is_due(files({}), 0, kLimits, kNow));
}

TEST_CASE("without a clock that can be believed nothing is too old") {
  CHECK_FALSE(is_due(files({9000h, 1h}), 0, kLimits, std::nullopt));
}

TEST_CASE("a file from a future that never was is as old as what came after it") {
  CHECK(is_due(files({-100'000h, 49h, 1h}), 0, kLimits, kNow));
  CHECK_FALSE(is_due(files({-100'000h, 40h, 1h}), 0, kLimits, kNow));
}

TEST_CASE("the oldest file is due when all together are too large, the open one counted") {
  CHECK_FALSE(is_due(files({1h, 1h}), 800, kLimits, std::nullopt));
  CHECK(is_due(files({1h, 1h}), 801, kLimits, std::nullopt));
}

TEST_CASE("what was not forwarded goes only where that is the policy") {
  const ClosedFile file = files({49h}).front();
  CHECK(may_go(file.summary, 10, kLimits));
  CHECK_FALSE(may_go(file.summary, 9, kLimits));
  ArchiveConfig limits = kLimits;
  limits.evict_unforwarded = true;
  CHECK(may_go(file.summary, 9, limits));
}

TEST_CASE("a damaged file is set aside: neither its age nor its size makes another go") {
  auto some = files({100h, 40h, 1h});
  CHECK(oldest_of(some) == some.begin());
  some[0].damage = "broken";
  CHECK(oldest_of(some) == some.begin() + 1);
  CHECK_FALSE(is_due(some, 0, kLimits, kNow));
  CHECK_FALSE(is_due(some, 800, kLimits, kNow));
  CHECK(is_due(some, 801, kLimits, kNow));
  some[1].damage = some[2].damage = "broken";
  CHECK(oldest_of(some) == some.end());
  CHECK_FALSE(is_due(some, 10'000, kLimits, kNow));
}

TEST_CASE("a file's size is a small part of what may be kept, and of the disk") {
  constexpr std::uint64_t kTebibyte = std::uint64_t{1} << 40;
  ArchiveConfig limits;
  CHECK(file_size(limits, kTebibyte) == std::uint64_t{128} << 20);
  CHECK(file_size(limits, std::uint64_t{512} << 20) == std::uint64_t{4} << 20);
  limits.retention_size = std::uint64_t{1} << 30;
  CHECK(file_size(limits, kTebibyte) == std::uint64_t{8} << 20);
  limits.retention_size = std::uint64_t{16} << 20;
  CHECK(file_size(limits, kTebibyte) == std::uint64_t{1} << 20);
  limits.retention_size = std::uint64_t{1} << 50;
  CHECK(file_size(limits, kTebibyte) == std::uint64_t{128} << 20);
}
