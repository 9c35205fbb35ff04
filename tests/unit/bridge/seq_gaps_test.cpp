#include "bridge/days/seq_gaps.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

using namespace lookout;

namespace {

std::uint64_t missing_of_boots(const std::vector<std::pair<const char*, std::int64_t>>& readings) {
  SeqGaps gaps;
  for (const auto& [boot, seq] : readings) gaps.add(boot, seq);
  return gaps.missing();
}

std::uint64_t missing(const std::vector<std::int64_t>& seqs) {
  SeqGaps gaps;
  for (const std::int64_t seq : seqs) gaps.add("", seq);
  return gaps.missing();
}

}  // namespace

TEST_CASE("numbers are missing between the smallest and the largest that came") {
  CHECK(missing(std::vector<std::int64_t>{}) == 0);
  CHECK(missing({7}) == 0);
  CHECK(missing({7, 8, 9}) == 0);
  CHECK(missing({7, 10}) == 2);
  CHECK(missing({7, 10, 10, 10}) == 2);
  CHECK(missing({7, 10, 9}) == 1);
  CHECK(missing({7, 10, 9, 9}) == 1);
  CHECK(missing({10, 7}) == 2);
  CHECK(missing({0, 1'000'000}) == 999'999);
}

TEST_CASE("out of order by up to 64, it is the number of those that never came") {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> seqs;
    for (std::int64_t seq = 500; seq < 900; ++seq) {
      if (random() % 5 > 0) seqs.push_back(seq);
    }
    // Each moves by less than 32, so that two are never 64 out of order.
    std::vector<std::pair<std::int64_t, std::int64_t>> by_place;
    for (const std::int64_t seq : seqs)
      by_place.emplace_back(seq + static_cast<std::int64_t>(random() % 32), seq);
    std::ranges::sort(by_place);
    SeqGaps gaps;
    for (const auto& [place, seq] : by_place) gaps.add("a", seq);
    const std::set<std::int64_t> held(seqs.begin(), seqs.end());
    REQUIRE(gaps.missing() == static_cast<std::uint64_t>(*held.rbegin() - *held.begin() + 1) - held.size());
  }
}

TEST_CASE("each boot counts for itself, also where two overlap in time") {
  CHECK(missing_of_boots({{"a", 100}, {"b", 0}, {"a", 101}, {"b", 1}, {"a", 103}, {"b", 4}}) == 3);
  CHECK(missing_of_boots({{"a", 5000}, {"b", 0}, {"b", 1}}) == 0);
}

TEST_CASE("a counter that wraps goes on at 0, one that begins anew lacks nothing") {
  CHECK(missing({65534, 65535, 0, 1}) == 0);
  CHECK(missing({65530, 65534, 2, 3}) == 6);
  CHECK(missing({254, 255, 0}) == 0);
  CHECK(missing({250, 2}) == 7);
  CHECK(missing({(std::int64_t{1} << 32) - 1, 1}) == 1);
  std::vector<std::int64_t> five_times;
  for (std::int64_t i = 0; i < 1300; ++i) {
    if (i % 100 != 50) five_times.push_back(i % 256);
  }
  CHECK(missing(five_times) == 13);
  CHECK(missing({5000, 5001, 0, 1, 2}) == 0);
  CHECK(missing({5000, 0, 3}) == 2);
}
