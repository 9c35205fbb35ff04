#include "bridge/kafka/kafka_records.h"

#include <nlohmann/json.hpp>

#include "bridge/kafka/forward_source.h"
#include "tests/unit/bridge/archive_fixture.h"
#include "tests/unit/bridge/fed.h"

using namespace lookout;
using namespace lookout::test;

namespace {

/// What becomes of messages, through a real archive.
ForwardRecords records_of(std::initializer_list<Sent> messages, KafkaKey key = KafkaKey::sensor) {
  ArchiveFixture box;
  box.config.kafka.key = key;
  box.store(messages);
  ArchiveFeed feed(box.path());
  Fed fed;
  REQUIRE(feed.read(0, {}, fed));
  RecordMaker maker(box.config, "b1", 0xab);
  ForwardedAlerts alerts;
  ForwardRecords records;
  for (const ArchivedMessage& message : fed.messages) maker.add(message, alerts, records);
  return records;
}

Sent alert(int revision, const std::string& id = "Fire/wild/north/2026-11-22T11:25:00Z") {
  return {.topic = "alerts/wild/Fire/north",
          .payload = fmt::format(R"({{"id":"{}","revision":{},"status":"firing"}})", id, revision),
          .retain = false};
}

}  // namespace

TEST_CASE("a reading in Kafka: names, time, value and what else the sensor gave") {
  const auto records = records_of(
      {{.payload =
            R"({"event_time":"2026-11-22T11:00:00.5Z","value":20.5,"unit":"Cel","seq":7,"boot":"a1"})"},
       {.topic = "plain/wild/north/s1/smoke", .payload = "21"}});
  REQUIRE(records.list.size() == 2);
  CHECK(records.list[0].topic == KafkaTopic::readings);
  CHECK(records.list[0].key == "wild/north/s1");
  CHECK(records.list[0].value ==
        R"({"network":"wild","region":"north","sensor":"s1","metric":"temperature",)"
        R"("event_time":"2026-11-22T11:00:00.500000Z","value":20.5,"unit":"Cel","seq":7,"boot":"a1",)"
        R"("arrival":"2026-11-22T12:00:00Z"})");
  CHECK(records.list[0].id.size() == 32);
  CHECK(
      records.list[1].value ==
      R"({"network":"wild","region":"north","sensor":"s1","metric":"smoke",)"
      R"("event_time":"2026-11-22T12:00:00Z","time_is_arrival":true,"value":21.0,"arrival":"2026-11-22T12:00:00Z"})");
  CHECK(records.list[1].id == "00000000000000ab/1/0");
}

TEST_CASE("the headers of a record are those of a CloudEvent, and where it lies in the archive") {
  const auto records =
      records_of({{.topic = "flat/wild/north/s1", .payload = R"({"event_time":1795346400,"t":7,"s":8})"}});
  REQUIRE(records.list.size() == 2);
  RecordNames names = record_names({}, "b1");
  CHECK(names.topics[0] == "lookout.readings");
  const auto text = [&] {
    RecordHeaders headers;
    std::string all;
    for (const KafkaHeader& header : headers.of(records.list[1], names))
      all += fmt::format("{}={} ", header.name, header.value);
    return all;
  };
  const std::string live = fmt::format(
      "ce_specversion=1.0 ce_id={} ce_source=lookout/b1 ce_type=lookout.reading ce_time=2026-11-22T11:20:00Z "
      "content-type=application/json box=b1 epoch=00000000000000ab offset=0 part=1 ",
      records.list[1].id);
  CHECK(text() == live);
  names.job = "again";
  CHECK(text() == live + "job=again ");
}

TEST_CASE("a reading's id is its identity: the same of a repeat, another of another reading") {
  const auto id = [](const std::string& payload) {
    return std::string(records_of({{.payload = payload}}).list.at(0).id);
  };
  const std::string first = id(R"({"event_time":1795346400,"value":1,"seq":1})");
  CHECK(first == id(R"({"seq":1,"event_time":1795346400,"value":1.0,"unit":"Cel"})"));
  for (const char* other :
       {R"({"event_time":1795346401,"value":1,"seq":1})", R"({"event_time":1795346400,"value":2,"seq":1})",
        R"({"event_time":1795346400,"value":1,"seq":2})",
        R"({"event_time":1795346400,"value":1,"seq":1,"boot":"b"})"})
    CHECK(first != id(other));
}

TEST_CASE("where pointers name the identity it is the id, whatever else differs") {
  const auto id = [](const std::string& time, int count) {
    const auto records =
        records_of({{.topic = "lora/wild/s1",
                     .payload = fmt::format(R"({{"t":20,"at":"{}","fcnt":{},"frame":"aa"}})", time, count)}});
    return std::string(records.list.at(0).id);
  };
  CHECK(id("2026-11-22T11:00:00Z", 1) == id("2026-11-22T11:00:13Z", 1));
  CHECK(id("2026-11-22T11:00:00Z", 1) != id("2026-11-22T11:00:00Z", 2));
}

TEST_CASE("a key by region puts a region's sensors, groups and alerts into one order") {
  const auto records = records_of({{.payload = R"({"value":1})"},
                                   {.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate},
                                   {.topic = "aggregates/wild/5m/north/s1/temperature",
                                    .payload = replaced(replaced(kAggregate, "5m/north/", "5m/north/s1/"),
                                                        R"("group":"north")", R"("group":"north/s1")")},
                                   alert(0),
                                   {.topic = "late/sensors/wild/north/s1/temperature",
                                    .payload = R"({"reason":"late","metric":"temperature"})"}},
                                  KafkaKey::region);
  std::string keys;
  for (const ForwardRecord& record : records.list) keys += fmt::format("{} ", record.key);
  CHECK(keys == "wild/north wild/north wild/north wild/north wild/north ");
}

TEST_CASE("each of thousands of series has its own names in its records, in whatever order they come") {
  RecordMaker maker({}, "b1", 1);
  ForwardedAlerts alerts;
  ForwardRecords records;
  constexpr int kSeries = 10'000;
  const auto sensor = [](int i) { return fmt::format("s{}", i % kSeries * 7 % kSeries); };
  for (int i = 0; i < 2 * kSeries; ++i) {
    ArchivedReading reading;
    reading.network = "wild";
    reading.region = "north";
    reading.sensor = sensor(i);
    reading.metric = "smoke";
    ArchivedMessage message;
    message.readings.push_back(reading);
    maker.add(message, alerts, records);
  }
  REQUIRE(records.list.size() == 2 * kSeries);
  int wrong = 0;
  for (int i = 0; i < 2 * kSeries; ++i) {
    const ForwardRecord& record = records.list.at(static_cast<std::size_t>(i));
    const auto value = nlohmann::json::parse(record.value);
    wrong += record.key != "wild/north/" + sensor(i) || value.at("sensor") != sensor(i) ||
             value.at("metric") != "smoke" || value.at("region") != "north";
  }
  CHECK(wrong == 0);
}

TEST_CASE("an aggregate goes as it came, with id and revision, and a repeat does not go") {
  const auto records = records_of({{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate},
                                   {.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate},
                                   {.topic = "aggregates/wild/5m/north/temperature", .payload = kRetraction},
                                   {.topic = "aggregates/wild/5m/north/temperature", .payload = "oops"}});
  REQUIRE(records.list.size() == 2);
  CHECK(records.list[0].topic == KafkaTopic::aggregates);
  CHECK(records.list[0].key == "wild/north");
  CHECK(records.list[0].value == kAggregate);
  CHECK(records.list[0].id == "wild/5m/north/temperature/2026-11-22T11:20:00Z/0");
  CHECK(to_rfc3339(records.list[0].time) == "2026-11-22T11:25:00Z");
  CHECK(records.list[1].id == "wild/5m/north/temperature/2026-11-22T11:20:00Z/1");
}

TEST_CASE("an alert goes once for each revision, however often the gateway tells it again") {
  const auto records = records_of({alert(0),
                                   alert(0),
                                   alert(1),
                                   alert(1),
                                   alert(0),
                                   alert(0, "next"),
                                   alert(1),
                                   alert(0),
                                   alert(0, "next"),
                                   {.topic = "alerts/wild/Fire/north", .payload = ""},
                                   {.topic = "alerts/wild/Fire/north", .payload = "[1]"},
                                   {.topic = "alerts/wild/Fire/north", .payload = R"({"id":7})"},
                                   alert(1, "next")});
  std::string told;
  for (const ForwardRecord& record : records.list) told += fmt::format("{} ", record.id);
  CHECK(told ==
        "Fire/wild/north/2026-11-22T11:25:00Z/0 Fire/wild/north/2026-11-22T11:25:00Z/1 next/0 next/1 ");
}

TEST_CASE("a late reading says on which topic it came, and what is rejected is not forwarded") {
  const auto records = records_of(
      {{.topic = "late/sensors/wild/north/s1/temperature",
        .payload = R"({"reason":"late","metric":"temperature","refused_by":["5m/north"],"payload":"x"})"},
       {.topic = "late/sensors/wild/north/s1/temperature", .payload = "no JSON"},
       {.topic = "rejected/sensors/wild/north/s1/temperature", .payload = R"({"reason":"not_json"})"}});
  REQUIRE(records.list.size() == 1);
  CHECK(records.list[0].topic == KafkaTopic::late);
  CHECK(records.list[0].key == "wild/north/s1");
  CHECK(records.list[0].value ==
        R"({"topic":"sensors/wild/north/s1/temperature","reason":"late","metric":"temperature",)"
        R"("refused_by":["5m/north"],"payload":"x"})");
}

TEST_CASE(
    "of a range its gaps are told: by arrival those that came in it, by event time those behind it too") {
  ArchiveFixture box;
  box.store({{.payload = "1", .arrival = "2026-11-22T12:00:00Z"}});
  box.skip(1);
  box.store({{.payload = "2", .arrival = "2026-11-22T17:00:00Z"}});
  const auto gaps = [&](TimeAxis axis, const char* from, const char* to) {
    ForwardSource source(box.path(), RecordMaker(box.config, "b1", 0xab), {axis, at(from), at(to)});
    source.restart(0, {}, {});
    const auto batch = source.next();
    REQUIRE(batch);
    return std::ranges::count(batch->records.list, kGapType, &ForwardRecord::type) / 4;
  };
  CHECK(gaps(TimeAxis::arrival, "2026-11-22T16:00:00Z", "2026-11-22T18:00:00Z") == 1);
  CHECK(gaps(TimeAxis::arrival, "2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z") == 0);
  CHECK(gaps(TimeAxis::arrival, "2026-11-22T17:00:01Z", "2026-11-22T18:00:00Z") == 0);
  CHECK(gaps(TimeAxis::event, "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z") == 1);
  CHECK(gaps(TimeAxis::event, "2026-11-22T17:00:01Z", "2026-11-22T18:00:00Z") == 0);
}
