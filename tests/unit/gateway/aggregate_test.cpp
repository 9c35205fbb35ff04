#include "gateway/aggregate.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <utility>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

const std::string kA = "a", kB = "b";
const std::vector<const std::string*> kMembers{&kB, &kA};  // member 0 is "b", member 1 is "a"

Sample at(double value, std::chrono::seconds time, std::uint32_t member = 0, std::int64_t seq = -1,
          std::uint32_t boot = 0) {
  Sample sample{value, Timestamp{time}, Timestamp{time + 1s}};
  sample.member = member;
  sample.seq = seq;
  sample.boot = boot;
  return sample;
}

Aggregate of(const std::vector<Sample>& samples) {
  Aggregate aggregate;
  for (const Sample& sample : samples) aggregate.add(sample, kMembers);
  return aggregate;
}

}  // namespace

TEST_CASE("the numbers of five readings, by hand") {
  const Aggregate a = of({at(2, 1s), at(4, 2s), at(4, 3s), at(5, 4s), at(10, 5s)});
  CHECK(a.count() == 5);
  CHECK(a.sum() == 25);
  CHECK(a.mean() == 5);
  CHECK(a.min() == 2);
  CHECK(a.max() == 10);
  CHECK(a.stddev() == Approx(std::sqrt(36.0 / 5)).epsilon(1e-15));  // (9+1+1+0+25)/5
  CHECK(of({at(3, 1s)}).stddev() == 0);
}

TEST_CASE("first and last go by event time, then sensor name, then value, whatever the order of arrival") {
  std::vector<Sample> samples{at(1, 5s, 0), at(2, 5s, 1), at(3, 5s, 1),
                              at(4, 9s, 1), at(5, 9s, 0), at(6, 9s, 0)};
  std::mt19937 random(3);
  for (int i = 0; i < 100; ++i) {
    std::ranges::shuffle(samples, random);
    const Aggregate a = of(samples);
    CHECK(a.first() == 2);  // sensor "a" before "b", 2 before 3
    CHECK(a.last() == 6);
  }
}

TEST_CASE("large offsets and tiny differences do not drown each other") {
  std::vector<Sample> samples;
  for (int i = 0; i < 1000; ++i) samples.push_back(at(1e9 + (i % 2 == 0 ? 1e-3 : -1e-3), 1s));
  CHECK(of(samples).stddev() == Approx(1e-3).epsilon(1e-4));
  CHECK(of({at(1e100, 1s), at(1, 2s), at(-1e100, 3s)}).sum() == 1);
}

TEST_CASE("sums agree with long double over any order") {
  std::mt19937_64 random(4);
  std::uniform_real_distribution<double> exponent(-8, 8);
  std::vector<Sample> samples;
  long double sum = 0;
  for (int i = 0; i < 10'000; ++i) samples.push_back(at(std::pow(10.0, exponent(random)), 1s));
  for (const Sample& sample : samples) sum += sample.value;
  long double squares = 0;
  const long double mean = sum / samples.size();
  for (const Sample& sample : samples) squares += (sample.value - mean) * (sample.value - mean);
  for (int i = 0; i < 5; ++i) {
    std::ranges::shuffle(samples, random);
    const Aggregate a = of(samples);
    CHECK(a.sum() == Approx(static_cast<double>(sum)).epsilon(1e-15));
    CHECK(a.stddev() == Approx(static_cast<double>(std::sqrt(squares / samples.size()))).epsilon(1e-12));
  }
}

TEST_CASE("gaps in seq are counted per sensor and boot") {
  CHECK(of({at(1, 1s, 0, 10), at(1, 2s, 0, 11), at(1, 3s, 0, 12)}).seqs().gaps() == 0);
  CHECK(of({at(1, 1s, 0, 10), at(1, 2s, 0, 15)}).seqs().gaps() == 4);
  CHECK(of({at(1, 2s, 0, 15), at(1, 1s, 0, 10)}).seqs().gaps() == 4);
  CHECK(of({at(1, 1s, 0, 10), at(1, 2s, 1, 15)}).seqs().gaps() == 0);
  CHECK(of({at(1, 1s, 0, 1000, 1), at(1, 2s, 0, 1, 2), at(1, 3s, 0, 3, 2)}).seqs().gaps() == 1);
  CHECK(of({at(1, 1s), at(1, 2s)}).seqs().gaps() == 0);
  CHECK(of({at(1, 1s, 0, 7), at(2, 1s, 0, 7)}).seqs().gaps() == 0);
}

TEST_CASE("seqs of many sensors that are packed now and then are those that were heard") {
  std::mt19937_64 random(5);
  SeqRanges whole, part;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::set<std::int64_t>> heard;
  std::set<std::uint32_t> members;
  for (int i = 0; i < 20'000; ++i) {
    const auto member = static_cast<std::uint32_t>(random() % 50) * 70'000'000;
    const auto boot = static_cast<std::uint32_t>(random() % 3) * 0x7fffffff;
    const bool counts = random() % 10 != 0;
    // No more than 60 back, beyond which one that comes again is not known; and not in both parts.
    const bool apart = i % 3 == 0;
    const std::int64_t base = boot == 0 ? 0 : std::numeric_limits<std::int64_t>::max() - 40'100;
    const auto jitter = static_cast<std::int64_t>(random() % 30);
    const std::int64_t seq = counts ? base + 2 * (i + jitter) + (apart ? 1 : 0) : -1;
    (apart ? part : whole).add(member, boot, seq);
    members.insert(member);
    if (counts) heard[{member, boot}].insert(seq);
    if (random() % 100 == 0) whole.pack();
    if (random() % 100 == 0) part.pack();
    if (random() % 1000 == 0) whole.merge(std::exchange(part, {}));
  }
  whole.merge(part);
  std::uint64_t missing = 0;
  for (const auto& [of, seqs] : heard)
    missing += static_cast<std::uint64_t>(*seqs.rbegin() - *seqs.begin()) + 1 - seqs.size();
  for (int packed = 0; packed < 2; ++packed, whole.pack()) {
    CHECK(whole.gaps() == missing);
    CHECK(whole.members() == members.size());
    CHECK(whole.list_members() == std::vector<std::uint32_t>(members.begin(), members.end()));
  }
}

TEST_CASE("sensors are counted once, over boots and readings") {
  const Aggregate a =
      of({at(1, 1s, 1, 1, 5), at(1, 2s, 1, 1, 6), at(1, 3s, 0), at(1, 4s, 1, 2, 5), at(1, 5s, 1, 9, 4)});
  CHECK(a.seqs().members() == 2);
  CHECK(a.seqs().list_members() == std::vector<std::uint32_t>{0, 1});
}
