#include "bridge/days/day_publisher.h"

#include <map>
#include <nlohmann/json.hpp>

#include "bridge/archive/aggregate_row.h"
#include "tests/unit/bridge/archive_days.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

/// A publisher, and a broker that keeps what it publishes until it is handed to the archive.
class Published {
 public:
  explicit Published(ArchiveFixture& archive) : box(archive) { restart(); }

  /// As after a kill -9: nothing but the files is left.
  void restart() {
    publisher.emplace(DayPublisher::Options{box.path(), box.folder.path(), box.archive->epoch(), 60s},
                      [this](Outgoing message, const std::stop_token&) {
                        all.push_back(message);
                        outbox.push_back(std::move(message));
                        return !stops_at || all.size() < *stops_at;
                      });
  }
  /// For most of a minute, so that nothing is sent again; what it publishes is not archived yet.
  void run(std::optional<Timestamp> now) {
    for (int i = 0; i < 8; ++i) {
      steady += 6s;
      publisher->step(now, steady, stop.get_token());
    }
  }
  void run(const std::string& now) { run(at(now)); }
  /// What was published comes back and is archived; then it goes on.
  void settle(const std::string& now) {
    run(now);
    archive_all(now);
    run(now);
  }
  void archive_all(const std::string& arrival) {
    for (const Outgoing& message : std::exchange(outbox, {}))
      box.store({{.topic = message.topic, .payload = message.payload, .arrival = arrival}});
  }
  /// id -> revisions with their counts, in order: "0:2 1:3"; fails where one has two contents.
  std::map<std::string, std::string> revisions() const {
    std::map<std::string, std::string> found;
    std::map<std::string, std::string> contents;
    for (const Outgoing& message : all) {
      const auto row = parse_aggregate(message.payload);
      REQUIRE(row);
      const auto revision = fmt::format("{}:{}", row->revision, row->count);
      const auto [content, is_new] =
          contents.try_emplace(fmt::format("{} {}", row->id, row->revision), message.payload);
      CHECK(content->second == message.payload);
      if (is_new) found[row->id] += (found[row->id].empty() ? "" : " ") + revision;
    }
    return found;
  }

  ArchiveFixture& box;
  std::vector<Outgoing> all, outbox;
  std::optional<std::size_t> stops_at;
  std::optional<DayPublisher> publisher;
  DayPublisher::Steady steady{};
  std::stop_source stop;
};

const std::string kSensor = "wild/day/north/s1/temperature/2026-11-22T00:00:00Z";
const std::string kRegion = "wild/day/north/temperature/2026-11-22T00:00:00Z";
const std::string kNetwork = "wild/day/_all/temperature/2026-11-22T00:00:00Z";
constexpr const char* kMorning = "2026-11-23T06:00:00Z";

using Revisions = std::map<std::string, std::string>;

/// Three readings in the hours before noon, one an hour late.
void store_a_day(ArchiveFixture& box) {
  box.store({reading("2026-11-22T10:00:00Z", "2026-11-22T10:00:01Z", 20),
             reading("2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z", 22),
             reading("2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z", 27)});
}

}  // namespace

TEST_CASE("a day is published once it and the lag are over, and when the clock can be believed") {
  ArchiveFixture box;
  store_a_day(box);
  Published published(box);
  published.run("2026-11-22T23:59:59Z");
  published.run("2026-11-23T00:00:59Z");
  published.run(std::nullopt);
  CHECK(published.all.empty());
  published.settle("2026-11-23T00:01:00Z");
  CHECK(published.revisions() == Revisions{{kSensor, "0:3"}, {kRegion, "0:3"}, {kNetwork, "0:3"}});
  CHECK(published.all.size() == 3);
  CHECK(published.all[0].topic == "aggregates/wild/day/north/s1/temperature");
  CHECK_FALSE(published.all[0].retain);
  CHECK(
      published.all[0].payload ==
      R"({"id":"wild/day/north/s1/temperature/2026-11-22T00:00:00Z","revision":0,"network":"wild","window":"day",)"
      R"("group":"north/s1","metric":"temperature","unit":"","start":"2026-11-22T00:00:00Z",)"
      R"("end":"2026-11-23T00:00:00Z","closed_by":"watermark","count":3,"sensors":1,"sum":69.0,"mean":23.0,)"
      R"("min":20.0,"max":27.0,"stddev":2.943920288775949,"first":20.0,"last":27.0,)"
      R"("watermark":"2026-11-23T00:00:00Z","late":0,"seq_gaps":0,"expected":24,"missing":21,"late_arrivals":1})");
  CHECK(box.count("aggregates") == "3");
}

TEST_CASE("a day without readings is not published, and none twice") {
  ArchiveFixture box;
  store_a_day(box);
  Published published(box);
  published.settle(kMorning);
  published.settle("2026-11-24T06:00:00Z");
  CHECK(published.all.size() == 3);
}

TEST_CASE("readings that come six hours late revise what they change, after ten minutes, and all at once") {
  ArchiveFixture box;
  store_a_day(box);
  box.store({{.topic = "sensors/wild/north/s2/smoke",
              .payload = R"({"event_time":"2026-11-22T10:00:00Z","value":1})"}});
  Published published(box);
  published.settle("2026-11-23T00:01:00Z");
  REQUIRE(published.all.size() == 6);
  box.store({reading("2026-11-22T23:00:00Z", "2026-11-23T05:00:00Z", 33)});
  published.settle("2026-11-23T05:00:05Z");
  box.store({reading("2026-11-22T23:10:00Z", "2026-11-23T05:05:00Z", 15)});
  published.settle("2026-11-23T05:10:04Z");
  CHECK(published.all.size() == 6);
  published.settle("2026-11-23T05:10:05Z");
  REQUIRE(published.all.size() == 9);
  CHECK(published.revisions()[kSensor] == "0:3 1:5");
  CHECK(published.revisions()[kNetwork] == "0:3 1:5");
  const auto payload = nlohmann::json::parse(published.all.back().payload);
  CHECK(payload["closed_by"] == "late");
  CHECK(payload["late"] == 2);
  CHECK(payload["late_arrivals"] == 3);
  CHECK(payload["max"] == 33.0);
  published.settle("2026-11-23T12:00:00Z");
  CHECK(published.all.size() == 9);
}

TEST_CASE("killed before, while and after it publishes: the same bytes come again, and then the correction") {
  ArchiveFixture box;
  store_a_day(box);
  Published published(box);
  const std::size_t sent = GENERATE(0U, 1U, 2U, 3U);
  const bool is_archived = GENERATE(false, true);
  published.stops_at = sent == 0 ? 1 : sent;
  if (sent > 0) {
    published.publisher->step(at(kMorning), published.steady, published.stop.get_token());
    published.publisher->step(at(kMorning), published.steady, published.stop.get_token());
  } else {
    published.publisher->step(at(kMorning), published.steady, published.stop.get_token());
  }
  REQUIRE(published.all.size() == sent);
  published.stops_at.reset();
  if (is_archived) published.archive_all(kMorning);
  // What comes while it is away must not slip into a revision that somebody has seen already.
  box.store({reading("2026-11-22T23:00:00Z", kMorning, 33)});
  published.restart();
  published.settle("2026-11-23T07:00:00Z");
  CHECK(published.all.size() == (is_archived ? 3 : 3 + sent));
  CHECK(published.revisions() == Revisions{{kSensor, "0:3"}, {kRegion, "0:3"}, {kNetwork, "0:3"}});
  published.settle("2026-11-23T08:00:00Z");
  CHECK(published.revisions() ==
        Revisions{{kSensor, "0:3 1:4"}, {kRegion, "0:3 1:4"}, {kNetwork, "0:3 1:4"}});
  CHECK(box.count("aggregates") == "6");
}

TEST_CASE("after a start nothing is published again, and what came before it corrects, state lost or not") {
  ArchiveFixture box;
  store_a_day(box);
  Published published(box);
  published.settle(kMorning);
  box.store({reading("2026-11-22T23:00:00Z", "2026-11-23T06:00:01Z", 33)});
  if (GENERATE(false, true)) {
    // Day two is closed meanwhile.
    box.store({reading("2026-11-24T01:00:00Z", "2026-11-24T01:00:00Z", 33)});
    box.maintain();
  }
  const bool state_lost = GENERATE(false, true);
  if (state_lost) std::filesystem::remove(box.folder / "days.json");
  published.restart();
  published.settle("2026-11-24T02:00:00Z");
  published.settle("2026-11-24T02:10:00Z");
  CHECK(published.revisions() ==
        Revisions{{kSensor, "0:3 1:4"}, {kRegion, "0:3 1:4"}, {kNetwork, "0:3 1:4"}});
  CHECK(published.all.size() == 6);
  published.restart();
  published.settle("2026-11-24T03:00:00Z");
  CHECK(published.all.size() == 6);
}

TEST_CASE("days that went by while the box was off come at the start, the last seven") {
  ArchiveFixture box;
  for (int day = 10; day <= 22; ++day) {
    const auto time = fmt::format("2026-11-{}T12:00:00Z", day);
    box.store({reading(time.c_str(), time.c_str())});
  }
  if (GENERATE(false, true)) box.maintain();
  Published published(box);
  for (int i = 0; i < 10; ++i) published.settle("2026-11-22T13:00:00Z");
  std::string days;
  for (const auto& [id, revisions] : published.revisions()) {
    if (id.starts_with("wild/day/_all")) days += id.substr(id.size() - 12, 2) + "=" + revisions + " ";
  }
  CHECK(days == "15=0:1 16=0:1 17=0:1 18=0:1 19=0:1 20=0:1 21=0:1 ");
}

TEST_CASE("what does not come back is sent again, less and less often") {
  ArchiveFixture box;
  store_a_day(box);
  Published published(box);
  const auto step = [&](std::chrono::minutes later) {
    published.steady += later;
    published.publisher->step(at(kMorning), published.steady, published.stop.get_token());
    return published.all.size();
  };
  step(1min);
  CHECK(step(0min) == 3);
  CHECK(step(0min) == 3);
  CHECK(step(1min) == 6);
  CHECK(step(1min) == 6);
  CHECK(step(1min) == 9);
  published.outbox.resize(1);
  published.archive_all(kMorning);
  CHECK(step(60min) == 11);
  CHECK(published.revisions()[kSensor] == "0:3");
}

TEST_CASE("a summary never shrinks: what retention took away revises nothing") {
  ArchiveFixture box;
  store_a_day(box);
  box.store({reading("2026-11-22T13:00:00Z", kDay2)});
  box.maintain();
  Published published(box);
  published.settle("2026-11-23T00:01:00Z");
  CHECK(published.revisions()[kSensor] == "0:4");
  std::filesystem::remove(box.files().front());
  box.store({reading("2026-11-22T14:00:00Z", "2026-11-23T05:00:00Z")});
  published.settle("2026-11-23T06:00:00Z");
  published.settle("2026-11-23T06:10:00Z");
  CHECK(published.all.size() == 3);
}

TEST_CASE("a summary of which readings are known to be lost says so") {
  ArchiveFixture box;
  store_a_day(box);
  box.skip(3);
  box.store({reading("2026-11-22T13:00:00Z", "2026-11-22T13:00:00Z")});
  Published published(box);
  published.settle("2026-11-23T00:01:00Z");
  REQUIRE(published.all.size() == 3);
  for (const Outgoing& message : published.all)
    CHECK(nlohmann::json::parse(message.payload)["incomplete"] == true);
}

TEST_CASE("a clock that ran years ahead for a while costs no day") {
  ArchiveFixture box;
  store_a_day(box);
  Published published(box);
  published.settle("2026-11-22T18:00:00Z");
  published.settle("2040-01-01T12:00:00Z");
  CHECK(published.all.empty());
  published.settle(kMorning);
  CHECK(published.all.size() == 3);
}

TEST_CASE("what is remembered of another archive, or cannot be read, counts for nothing") {
  ArchiveFixture box;
  store_a_day(box);
  spit(box.folder / "days.json",
       GENERATE("", "{", "[1]", R"({"epoch":1,"summarized":[[20779,99]],"pending":null})",
                R"({"epoch":"x"})"));
  Published published(box);
  published.settle(kMorning);
  CHECK(published.all.size() == 3);
}

TEST_CASE("pending summaries that cannot be read are made again") {
  ArchiveFixture box;
  store_a_day(box);
  Published published(box);
  published.publisher->step(at(kMorning), published.steady, published.stop.get_token());
  const bool gone = GENERATE(false, true);
  if (gone)
    std::filesystem::remove(box.folder / "days.ndjson");
  else
    spit(box.folder / "days.ndjson", "half a li");
  published.restart();
  published.settle(kMorning);
  CHECK(published.revisions() == Revisions{{kSensor, "0:3"}, {kRegion, "0:3"}, {kNetwork, "0:3"}});
}
