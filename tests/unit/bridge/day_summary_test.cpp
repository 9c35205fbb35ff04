#include "bridge/days/day_summary.h"

#include <cmath>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "tests/unit/bridge/archive_days.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr Microseconds kLag = 60s;
constexpr Microseconds kInterval = 10min;
const Timestamp kFrom = at("2026-11-22T00:00:00Z");

/// A reading as a sensor sent it: what the summaries are compared with.
struct Told {
  std::string network, region, sensor, metric;
  Timestamp event_time{}, arrival{};
  double value = 0;
  std::uint64_t seq = 0;
  std::string boot{};
  [[nodiscard]] Sent message() const {
    return {.topic = fmt::format("sensors/{}/{}/{}/{}", network, region, sensor, metric),
            .payload = fmt::format(R"({{"event_time":"{}","value":{},"unit":"Cel","seq":{},"boot":"{}"}})",
                                   to_rfc3339(event_time), value, seq, boot),
            .arrival = to_rfc3339(arrival)};
  }
};

/// Two days of some sensors, each every ten minutes: some of it lost, some of it hours late, one sent twice
/// with another value; a reboot on the way.
std::vector<Told> two_days(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Told> all;
  for (const char* network : {"alps", "coast"}) {
    for (int sensor = 0; sensor < 6; ++sensor) {
      for (const char* metric : {"smoke", "temperature"}) {
        const auto phase = std::chrono::milliseconds{random() % 600'000};
        for (int i = 0; i < 288; ++i) {
          if (i % 144 != 0 && i % 144 != 143 && random() % 20 == 0) continue;
          Told told{network, sensor < 2 ? "north" : "south", fmt::format("s{}", sensor), metric};
          told.event_time = kFrom + i * kInterval + phase;
          const bool is_late = random() % 25 == 0;
          told.arrival =
              told.event_time + std::chrono::milliseconds{random() % (is_late ? 30'000'000 : 50'000)};
          told.value = 1e6 + static_cast<double>(random() % 10'000) / 100;
          told.seq = static_cast<std::uint64_t>(i < 100 ? i + 4000 : i - 100);
          told.boot = i < 100 ? "a1" : "b2";
          all.push_back(told);
          if (random() % 40 > 0) continue;
          told.value += 0.5;
          all.push_back(told);
        }
      }
    }
  }
  std::ranges::sort(all, {}, &Told::arrival);
  return all;
}

/// Into files by day of arrival: the first closed, the second not yet, the third open.
void store(ArchiveFixture& box, const std::vector<Told>& all) {
  for (std::size_t i = 0; i < all.size();) {
    const auto day = day_of(all[i].arrival);
    box.begin(to_rfc3339(all[i].arrival));
    for (int n = 0; n < 500 && i < all.size() && day_of(all[i].arrival) == day; ++n)
      box.add({all[i++].message()});
    box.commit();
    if (day == day_of(at("2026-11-23T12:00:00Z"))) box.maintain();
  }
}

using Key = std::tuple<std::string, std::string, std::string>;  // network, group, metric

std::map<Key, std::vector<Told>> groups_of(const std::vector<Told>& all, Timestamp from, Timestamp to) {
  std::map<Key, std::vector<Told>> groups;
  for (const Told& told : all) {
    if (told.event_time < from || told.event_time >= to) continue;
    for (const std::string& group : {told.region + "/" + told.sensor, told.region, std::string("_all")})
      groups[{told.network, group, told.metric}].push_back(told);
  }
  return groups;
}

/// The naive way, reading by reading.
void check_figures(const DayFigures& figures, std::vector<Told> told) {
  std::ranges::sort(told, {}, [](const Told& t) { return std::tuple(t.event_time, t.sensor, t.value); });
  long double sum = 0, squares = 0;
  std::set<std::string> sensors;
  std::map<std::string, std::set<std::uint64_t>> seqs;
  std::set<std::pair<std::string, Timestamp>> instants;
  std::uint64_t late = 0, gaps = 0;
  for (const Told& t : told) {
    sum += t.value;
    sensors.insert(t.region + t.sensor);
    seqs[t.region + t.sensor + t.boot].insert(t.seq);
    instants.emplace(t.region + t.sensor, t.event_time);
    late += t.arrival - t.event_time > kLag ? 1 : 0;
  }
  for (const auto& [boot, of] : seqs) gaps += *of.rbegin() - *of.begin() + 1 - of.size();
  const long double mean = sum / told.size();
  for (const Told& t : told) squares += (t.value - mean) * (t.value - mean);
  CHECK(figures.count == told.size());
  CHECK(figures.sensors == sensors.size());
  CHECK(figures.sum() == Approx(static_cast<double>(sum)).epsilon(1e-12));
  CHECK(figures.mean() == Approx(static_cast<double>(mean)).epsilon(1e-12));
  CHECK(figures.stddev() == Approx(std::sqrt(static_cast<double>(squares / told.size()))).epsilon(1e-9));
  CHECK(figures.min == std::ranges::min(told, {}, &Told::value).value);
  CHECK(figures.max == std::ranges::max(told, {}, &Told::value).value);
  CHECK(figures.first() == told.front().value);
  CHECK(figures.last() == told.back().value);
  CHECK(figures.unit == "Cel");
  CHECK(figures.late_arrivals == late);
  CHECK(figures.seq_gaps == gaps);
  CHECK(figures.expected == 144 * sensors.size());
  CHECK(figures.missing == 144 * sensors.size() - instants.size());
}

struct Summarized {
  std::map<Key, DaySummary> summaries;
  std::string order;
  DayContents contents;
};

Summarized summarize(const std::filesystem::path& archive, const std::string& topics = "",
                     Timestamp from = kFrom) {
  Summarized found;
  auto contents =
      summarize_day(archive, {from, from + 24h, kLag, topics}, from + 24h, [&](const auto& summary) {
        found.summaries.insert({{summary.network, summary.group, summary.metric}, summary});
        found.order += fmt::format("{}/{}/{} ", summary.network, summary.group, summary.metric);
        return true;
      });
  REQUIRE(contents);
  found.contents = std::move(*contents);
  return found;
}

}  // namespace

TEST_CASE("a day's summaries are what one gets reading by reading, whatever files the readings are in") {
  const auto all = two_days(GENERATE(1U, 2U, 3U));
  ArchiveFixture box;
  store(box, all);
  REQUIRE(box.listing().find("2026-11-22.db ") != std::string::npos);
  REQUIRE(box.listing().find("2026-11-23.open.db ") != std::string::npos);
  REQUIRE(box.listing().find("2026-11-24.open.db ") != std::string::npos);
  for (const Timestamp from : {kFrom, kFrom + 24h}) {
    const auto wanted = groups_of(all, from, from + 24h);
    const auto found = summarize(box.path(), "", from);
    CHECK(found.contents.end_offset == all.size());
    CHECK(found.summaries.size() == 2 * 2 * (6 + 2 + 1));
    REQUIRE(found.summaries.size() == wanted.size());
    for (const auto& [key, summary] : found.summaries) {
      CAPTURE(key, to_rfc3339(from));
      check_figures(summary.figures, wanted.at(key));
    }
  }
  // And once everything is closed, to the bit.
  const auto before = summarize(box.path());
  box.store({reading("2026-11-25T00:00:00Z", "2026-11-25T00:00:00Z")});
  box.maintain();
  const auto after = summarize(box.path());
  for (const auto& [key, summary] : before.summaries) {
    CHECK(after.summaries.at(key).figures.sum() == summary.figures.sum());
    CHECK(after.summaries.at(key).figures.stddev() == summary.figures.stddev());
  }
}

TEST_CASE("summaries come sensor by sensor, a region behind its sensors, a network behind its regions") {
  ArchiveFixture box;
  const auto send = [&](const char* topic) {
    box.store({{.topic = topic, .payload = R"({"event_time":"2026-11-22T11:00:00Z","value":1})"}});
  };
  for (const char* topic :
       {"sensors/b/y/s2/t", "sensors/b/x/s1/u", "sensors/a/x/s1/t", "sensors/b/x/s1/t", "sensors/b/x/s0/t"})
    send(topic);
  CHECK(summarize(box.path()).order ==
        "a/x/s1/t a/x/t a/_all/t b/x/s0/t b/x/s1/t b/x/s1/u b/x/t b/x/u b/y/s2/t b/y/t b/_all/t b/_all/u ");
}

TEST_CASE("a day takes its first moment and not its last, and of the topics asked for only") {
  ArchiveFixture box;
  box.store({reading("2026-11-21T23:59:59.999999Z", kDay1, 1), reading("2026-11-22T00:00:00Z", kDay1, 2),
             reading("2026-11-22T23:59:59.999999Z", kDay1, 4), reading("2026-11-23T00:00:00Z", kDay1, 8)});
  box.store({{.topic = "sensors/wild/south/s1/temperature",
              .payload = R"({"event_time":"2026-11-22T11:00:00Z","value":32})"}});
  if (GENERATE(false, true)) {
    box.store({reading("2026-11-24T00:00:00Z", kDay3)});
    box.maintain();
  }
  const auto all = summarize(box.path());
  CHECK(all.summaries.at({"wild", "north/s1", "temperature"}).figures.sum() == 6);
  CHECK(all.summaries.at({"wild", "_all", "temperature"}).figures.sum() == 38);
  const auto south = summarize(box.path(), "sensors/wild/south/#");
  CHECK(south.order == "wild/south/s1/temperature wild/south/temperature wild/_all/temperature ");
  CHECK(summarize(box.path(), "sensors/+/+/+/smoke").order.empty());
}

TEST_CASE("late is what arrived later than the lag after it was measured, not what has no time of its own") {
  ArchiveFixture box;
  box.store({reading("2026-11-22T11:59:00Z", "2026-11-22T12:00:00Z"),
             reading("2026-11-22T11:59:00Z", "2026-11-22T12:00:00.000001Z", 21),
             {.topic = "plain/wild/north/s1/temperature", .payload = "20.5"}});
  if (GENERATE(false, true)) {
    box.store({reading("2026-11-23T00:00:00Z", kDay2)});
    box.maintain();
  }
  CHECK(summarize(box.path()).summaries.at({"wild", "north/s1", "temperature"}).figures.late_arrivals == 1);
}

TEST_CASE("of messages that arrived close together each is judged for itself") {
  ArchiveFixture box;
  const Timestamp measured = at("2026-11-22T12:00:00Z");
  for (int i = 0; i < 400; ++i) {
    // Every third is late, in turn with those that are not; the clock is set back in between.
    const auto arrival = measured + (i % 3 == 0 ? 61s : 59s);
    box.store({reading("2026-11-22T12:00:00Z", to_rfc3339(arrival).c_str(), i)});
  }
  box.store({reading("2026-11-23T00:00:00Z", kDay2)});
  box.maintain();
  CHECK(summarize(box.path()).summaries.at({"wild", "north/s1", "temperature"}).figures.late_arrivals == 134);
}

TEST_CASE("while a day is read the writer goes on, and its -wal can be reset") {
  ArchiveFixture box;
  store(box, two_days(4));
  int summaries = 0;
  const Timestamp from = kFrom + 24h;  // of which the file that is written holds some
  const auto contents = summarize_day(box.path(), {from, from + 24h, kLag, {}}, from + 24h, [&](const auto&) {
    if (summaries++ == 0) {
      box.store({reading("2026-11-22T11:00:00Z", "2026-11-24T23:00:00Z")});
      SQLite::Database other(box.file().string(), SQLite::OPEN_READWRITE);
      CHECK(other.execAndGet("PRAGMA wal_checkpoint(TRUNCATE)").getInt() == 0);
    }
    return true;
  });
  REQUIRE(contents);
  CHECK(summaries == 36);
}

TEST_CASE("files that are closed or removed while a day is read are read to their end") {
  ArchiveFixture box;
  store(box, two_days(5));
  const Timestamp from = kFrom + 24h;
  const auto before = summarize(box.path(), "", from);
  std::map<Key, std::uint64_t> counts;
  const auto contents =
      summarize_day(box.path(), {from, from + 24h, kLag, {}}, from + 24h, [&](const auto& each) {
        if (counts.empty()) {
          box.store({reading("2026-11-25T00:00:00Z", "2026-11-25T00:00:00Z")});
          box.maintain();
          REQUIRE(box.listing().find("2026-11-24.open.db") == std::string::npos);
          std::filesystem::remove(box.files()[0]);
        }
        counts[{each.network, each.group, each.metric}] = each.figures.count;
        return true;
      });
  REQUIRE(contents);
  REQUIRE(counts.size() == before.summaries.size());
  for (const auto& [key, summary] : before.summaries) CHECK(counts.at(key) == summary.figures.count);
  for (const auto& file : box.files()) CHECK(ArchiveFixture::ask(file, "PRAGMA integrity_check") == "ok");
}

TEST_CASE("what is damaged or gone is told, and the rest is summarized") {
  ArchiveFixture box;
  store_three_days(box);
  box.maintain();
  CHECK_FALSE(summarize(box.path()).contents.begin_is_gone);
  SECTION("a file that is no archive's") {
    spit(box.files()[1], std::string(8192, 'x'));
    const auto found = summarize(box.path());
    REQUIRE(found.contents.missing.damaged.size() == 1);
    CHECK(found.summaries.at({"wild", "_all", "temperature"}).figures.count == 2);
  }
  SECTION("the file of the day's begin, which retention took") {
    std::filesystem::remove(box.files()[0]);
    CHECK(summarize(box.path()).contents.begin_is_gone);
    CHECK_FALSE(summarize(box.path(), "", kFrom + 48h).contents.begin_is_gone);
  }
  SECTION("offsets that never came") {
    box.skip(3);
    box.store({reading("2026-11-24T00:00:01Z", "2026-11-24T00:00:02Z")});
    CHECK(summarize(box.path(), "", kFrom + 48h).contents.missing.gaps.size() == 1);
    // What came then may have been measured before, not after.
    CHECK(summarize(box.path()).contents.missing.gaps.size() == 1);
    CHECK(summarize(box.path(), "", kFrom + 96h).contents.missing.gaps.empty());
  }
  SECTION("everything") {
    const auto none = summarize_day(box.folder / "none", {kFrom, kFrom + 24h, kLag, {}}, kFrom + 24h,
                                    [](const auto&) { return true; });
    REQUIRE_FALSE(none);
    CHECK_THAT(none.error(), Catch::Contains("there is no archive"));
  }
}
