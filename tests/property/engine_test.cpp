#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <set>

#include "tests/property/comparison.h"
#include "tests/property/stream.h"

using namespace lookout;
using namespace lookout::test;

namespace {

// Tries a property on so many cases, or on a `share`-th of them. A failing case prints the RC_PARAMS that
// reproduce it, and the smallest stream found that still fails.
template <typename Property>
bool holds(const std::string& description, int share, Property&& property) {
  const char* const cases = std::getenv("LOOKOUT_PROPERTY_CASES");
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  params.maxSuccess = (cases == nullptr ? LOOKOUT_PROPERTY_CASES : std::atoi(cases)) / share;
  rc::detail::TestMetadata metadata{description, description};
  const auto result = rc::detail::checkTestable(std::forward<Property>(property), metadata, params);
  std::cerr << "\n- " << description << '\n';
  rc::detail::printResultMessage(result, std::cerr);
  std::cerr << '\n';
  return result.template is<rc::detail::SuccessResult>();
}

rc::Gen<Case> cases(const Trouble& trouble) {
  return [trouble](const rc::Random& random, int size) {
    rc::Random own = random;
    return rc::shrinkable::shrinkRecur(make_case(own.next(), size, trouble), [](const Case& original) {
      return rc::seq::fromContainer(shrink_case(original));
    });
  };
}

// The stream with ticks at some of the places between its records.
Case with_ticks(const Case& original, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Case ticked{original.config, {}};
  for (std::size_t i = 0; i < original.steps.size(); ++i) {
    const Step& step = original.steps[i];
    ticked.steps.push_back(step);
    if (random() % 2 == 0 || i + 1 == original.steps.size()) continue;
    const Step& next = original.steps[i + 1];
    const auto part = [&](Microseconds whole) {
      return whole.count() <= 0 ? Microseconds{0}
                                : Microseconds{static_cast<std::int64_t>(
                                      random() % static_cast<std::uint64_t>(whole.count() + 1))};
    };
    Step tick;
    tick.kind = journal::Kind::tick;
    tick.arrival = step.arrival + part(next.arrival - step.arrival);
    tick.connected = step.connected + part(next.connected - step.connected);
    tick.trusted = step.trusted;
    ticked.steps.push_back(tick);
  }
  return ticked;
}

// With a tick at the last record's instant: what is due then comes out before the end of input does.
Case with_last_tick(Case original) {
  if (original.steps.empty()) return original;
  original.steps.push_back(original.steps.back());
  original.steps.back().kind = journal::Kind::tick;
  return original;
}

// Groups that have nothing to do with each other: networks, or regions where no window is of a whole network.
std::vector<std::string> levels_of(const Step& step, bool of_regions) {
  return of_regions ? std::vector{step.network(), step.region()} : std::vector{step.network()};
}

Case without_network_windows(Case original) {
  for (WindowConfig& window : original.config.windows) {
    std::erase(window.by, GroupBy::network);
    if (window.by.empty()) window.by.push_back(GroupBy::region);
  }
  return original;
}

// Another order of records that came at the same instant from unrelated groups.
Case interleaved(const Case& original, bool of_regions, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Case other = original;
  for (std::size_t round = 0; round < 3; ++round) {
    for (std::size_t i = 1; i < other.steps.size(); ++i) {
      Step &one = other.steps[i - 1], &two = other.steps[i];
      const bool same_time = one.arrival == two.arrival && one.connected == two.connected;
      const bool messages = one.kind == journal::Kind::message && two.kind == journal::Kind::message;
      const bool unrelated = levels_of(one, of_regions) != levels_of(two, of_regions);
      if (same_time && messages && unrelated && random() % 2 == 0) std::swap(one, two);
    }
  }
  return other;
}

// Of all other groups only the time that their records tell.
Case alone(const Case& original, const std::vector<std::string>& levels) {
  Case other = original;
  for (Step& step : other.steps) {
    if (step.kind == journal::Kind::message && levels_of(step, levels.size() > 1) != levels)
      step.kind = journal::Kind::tick;
  }
  return other;
}

}  // namespace

TEST_CASE("the last revision of each id is what a batch computes, and everything on the way is in order") {
  REQUIRE(holds("batch", 1, [] {
    const std::string wrong = compare_with_oracle(*cases({}));
    if (!wrong.empty()) RC_FAIL(wrong);
  }));
}

TEST_CASE("two networks in one stream come to what a batch computes") {
  REQUIRE(holds("networks", 2, [] {
    const std::string wrong = compare_with_oracle(*cases({.networks = 2}));
    if (!wrong.empty()) RC_FAIL(wrong);
  }));
}

TEST_CASE("unrelated groups, however interleaved, change nothing for each other") {
  REQUIRE(holds("interleaving", 5, [] {
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    const bool of_regions = seed % 2 == 0;
    Case original = with_last_tick(*cases({.clock = false, .restarts = false, .networks = 2}));
    if (of_regions) original = without_network_windows(original);
    const Case other = interleaved(original, of_regions, seed);
    std::set<std::vector<std::string>> groups;
    for (const Step& step : original.steps) groups.insert(levels_of(step, of_regions));
    for (const auto& levels : groups) {
      const std::string expected = published(original, levels);
      RC_ASSERT(published(other, levels) == expected);
      RC_ASSERT(published(alone(original, levels), levels) == expected);
    }
  }));
}

TEST_CASE("ticks change nothing of what comes out") {
  REQUIRE(holds("ticks", 2, [] {
    const Case original = *cases({});
    RC_ASSERT(published(with_ticks(original, *rc::gen::arbitrary<std::uint64_t>())) == published(original));
  }));
}

TEST_CASE("a machine that goes through a snapshot goes on the same") {
  REQUIRE(holds("snapshots", 5, [] {
    const Case original = *cases({.networks = 2});
    RC_ASSERT(published_with_restarts(original, *rc::gen::arbitrary<std::uint64_t>()) ==
              published_with_books(original));
  }));
}

TEST_CASE("the same stream gives the same bytes") {
  REQUIRE(holds("determinism", 5, [] {
    const Case original = *cases({.networks = 2});
    RC_ASSERT(published(original) == published(original));
  }));
}
