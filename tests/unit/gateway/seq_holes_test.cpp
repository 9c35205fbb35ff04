#include "gateway/seq_holes.h"

#include <array>
#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <random>
#include <set>

using namespace lookout;

namespace {

/// Every number of every boot, kept.
struct Oracle {
  std::map<std::uint32_t, std::set<std::int64_t>> boots;
  [[nodiscard]] std::uint64_t missing() const {
    std::uint64_t sum = 0;
    for (const auto& [boot, seqs] : boots)
      sum += static_cast<std::uint64_t>(*seqs.rbegin() - *seqs.begin()) + 1 - seqs.size();
    return sum;
  }
};

}  // namespace

TEST_CASE("missing numbers are those between a boot's smallest and largest, in whatever order they come") {
  std::mt19937 random(GENERATE(range(1u, 21u)));
  const auto below = [&](int end) { return std::uniform_int_distribution<int>(0, end - 1)(random); };
  SeqHoles holes;
  Oracle oracle;
  // Backlogs newest first, repeats from far back, lost ones that come after all; two boots in turns.
  struct Range {
    std::int64_t first = 1000, next = 1000;
  };
  std::array<Range, 2> ranges;
  for (int i = 0; i < 3000; ++i) {
    const auto boot = static_cast<std::uint32_t>(below(2));
    Range& range = ranges.at(boot);
    if (below(100) == 0) range.next += 1 + below(5);
    const int kind = range.next == range.first ? 0 : below(4);
    const std::int64_t seq = kind == 0   ? range.next++
                             : kind == 1 ? --range.first
                                         : range.first + below(static_cast<int>(range.next - range.first));
    holes.note(boot, seq);
    oracle.boots[boot].insert(seq);
  }
  CHECK(holes.missing() == oracle.missing());
}

TEST_CASE("what comes late is not missing any more, and what comes again changes nothing") {
  SeqHoles holes;
  CHECK(holes.empty());
  for (const std::int64_t seq : {5, 6, 10, 11}) holes.note(1, seq);
  CHECK_FALSE(holes.empty());
  CHECK(holes.missing() == 3);
  for (std::int64_t seq = 100; seq < 1000; ++seq) holes.note(1, seq);
  CHECK(holes.missing() == 3 + 88);
  for (const std::int64_t seq : {5, 11, 100, 500}) holes.note(1, seq);
  CHECK(holes.missing() == 3 + 88);
  holes.note(1, 8);
  CHECK(holes.missing() == 2 + 88);
  for (std::int64_t seq = 12; seq < 100; ++seq) holes.note(1, seq);
  CHECK(holes.missing() == 2);
  for (const std::int64_t seq : {7, 9, 3}) holes.note(1, seq);
  CHECK(holes.missing() == 1);
}

TEST_CASE("a sensor that boots every night has its gaps counted after a year as well") {
  SeqHoles holes;
  for (std::uint32_t boot = 1; boot <= 365; ++boot) {
    for (const std::int64_t seq : {0, 1, 4, 5}) holes.note(boot * 2'654'435'761u, seq);
  }
  CHECK(holes.missing() == 2 * 365);
}

TEST_CASE("a backlog of the boot before fills its holes, not those of this one") {
  SeqHoles holes;
  for (const std::int64_t seq : {0, 9}) holes.note(1, seq);
  for (const std::int64_t seq : {0, 5}) holes.note(2, seq);
  CHECK(holes.missing() == 8 + 4);
  for (std::int64_t seq = 1; seq < 9; ++seq) holes.note(1, seq);
  CHECK(holes.missing() == 4);
}

TEST_CASE("numbers that make no sense cost neither memory nor time") {
  SeqHoles holes;
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  for (std::int64_t seq = 0; seq < 100'000; seq += 2) holes.note(1, seq);
  CHECK(holes.missing() == 49'999);
  holes.note(1, kLargest);
  holes.note(1, kLargest - 2);
  CHECK(holes.missing() == (std::uint64_t{1} << 32) - 1 + 49'999 - 62);
  for (std::uint32_t boot = 2; boot < 10'000; ++boot) holes.note(boot, boot);
  CHECK(holes.missing() == (std::uint64_t{1} << 32) - 1 + 49'999 - 62);
}
