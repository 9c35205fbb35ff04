// Replay into live with the real bridge and Mosquitto: what is promoted, and what keeps it from being.
#include "tests/integration/fake_gateway.h"

using namespace lookout::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

json result(const std::string& start, const std::string& end, int count) {
  return {{"id", "wild/5m/north/temperature/" + start},
          {"revision", 0},
          {"network", "wild"},
          {"window", "5m"},
          {"group", "north"},
          {"metric", "temperature"},
          {"unit", ""},
          {"start", start},
          {"end", end},
          {"closed_by", "end_of_input"},
          {"count", count},
          {"sensors", 1},
          {"sum", 20.0 * count},
          {"mean", 20.0},
          {"min", 20.0},
          {"max", 20.0},
          {"stddev", 0.0},
          {"first", 20.0},
          {"last", 20.0},
          {"watermark", end},
          {"late", 0},
          {"seq_gaps", 0}};
}

constexpr const char* kAggregates = "aggregates/wild/5m/north/temperature";

}  // namespace

TEST_CASE("into live goes what differs and live is done with, and a second time nothing") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  for (const char* time : {"11:54:59", "11:55:00", "12:00:10", "12:05:10", "12:10:10", "12:20:00"})
    send_reading(broker, fmt::format("2026-03-01T{}Z", time));
  const json partly = result("2026-03-01T11:55:00Z", "2026-03-01T12:00:00Z", 1);
  const json differs = result("2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z", 3);
  const json equal = result("2026-03-01T12:05:00Z", "2026-03-01T12:10:00Z", 1);
  const json fresh = result("2026-03-01T12:10:00Z", "2026-03-01T12:15:00Z", 1);
  const json open = result("2026-03-01T12:15:00Z", "2026-03-01T12:20:00Z", 1);
  json live = differs;
  live["count"] = 2;
  broker.publish(kAggregates, live.dump());
  broker.publish(kAggregates, equal.dump());
  FakeGateway gateway(broker);
  Subscriber aggregates(broker, {"aggregates/#"});
  const auto archived_results = [&] {
    return occurrences(run(command(box, "query", {"--kind", "aggregates", "--format", "ndjson"})).out, "\n");
  };
  REQUIRE(wait_until([&] { return archived_results() == 2 && count_archived(box) == 6; }));

  const auto promote = [&](const std::string& job) {
    ChildProcess child = replay(box, job, {"--into", "live", "--json"},
                                {"--from", "2026-03-01T12:00:00Z", "--to", "2026-03-01T12:20:00Z"});
    REQUIRE(gateway.await(job, "end"));
    for (json row : {partly, differs, equal, fresh, open}) {
      row["historical"] = true;
      broker.publish("replay/" + job + "/" + kAggregates, row.dump());
    }
    gateway.answer(job, "done", 5);
    REQUIRE(child.wait() == 0);
    return json::parse(slurp(box.folder() / (job + ".out")));
  };
  const auto first = promote("one");
  CHECK(gateway.start("one")["from"] == "2026-03-01T12:00:00Z");
  CHECK(gateway.envelopes("one").size() == 5);  // five minutes more on either side
  CHECK(first["promotion"]["promoted"] == 2);
  CHECK(first["promotion"]["equal"] == 1);
  CHECK(first["promotion"]["not_final"] == 1);
  CHECK(first["promotion"]["partly_outside"] == 1);
  REQUIRE(wait_until([&] { return archived_results() == 4; }));
  const auto promoted = aggregates.received("aggregates/");
  REQUIRE(promoted.size() == 2);
  json expected = differs;
  expected["revision"] = 1;
  expected["closed_by"] = "replay";
  CHECK(promoted[0].json() == expected);
  CHECK(promoted[0].topic == kAggregates);
  CHECK_FALSE(promoted[0].retain);
  expected = fresh;
  expected["closed_by"] = "replay";
  CHECK(promoted[1].json() == expected);

  const auto second = promote("two");
  CHECK(second["promotion"]["promoted"] == 0);
  CHECK(second["promotion"]["equal"] == 3);
  CHECK(aggregates.received("aggregates/").size() == 2);
  CHECK(archiver.stop() == 0);
}

TEST_CASE("nothing is promoted where results of the job are missing") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  send_reading(broker, "2026-03-01T12:00:10Z");
  send_reading(broker, "2026-03-01T12:30:00Z");
  REQUIRE(wait_until([&] { return count_archived(box) == 2; }));
  FakeGateway gateway(broker);
  Subscriber aggregates(broker, {"aggregates/#"});
  ChildProcess child = replay(box, "lost", {"--into", "live"});
  REQUIRE(gateway.await("lost", "end"));
  broker.publish(std::string("replay/lost/") + kAggregates,
                 result("2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z", 1).dump());
  gateway.answer("lost", "done", 2);
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "lost.err"), Catch::Contains("of 2 results 1 came"));
  CHECK(aggregates.received("aggregates/").empty());
  CHECK(archiver.stop() == 0);
}

TEST_CASE("nothing is promoted out of an archive whose bridge does not run") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  send_reading(broker, "2026-03-01T12:00:10Z");
  REQUIRE(wait_until([&] { return count_archived(box) == 1; }));
  REQUIRE(archiver.stop() == 0);
  FakeGateway gateway(broker);
  ChildProcess child = replay(box, "down", {"--into", "live"});
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "down.err"),
             Catch::Contains("the bridge does not run, or is stuck: nothing is promoted"));
  CHECK(gateway.actions("down").empty());
}

TEST_CASE("a damaged file is left out of a replay, named, and keeps results from being promoted") {
  Broker broker;
  Box box(broker.port(), std::string(kWindow) + "[archive]\nretention_size = \"16 MiB\"\n");
  ChildProcess archiver = box.start("bridge");
  for (int i = 0; i < 30; ++i) broker.publish("sensors/wild/north/s1/note", std::string(60'000, 'x'));
  send_reading(broker, "2026-03-01T12:00:00Z");
  const auto closed = [&]() -> std::filesystem::path {
    for (const auto& entry : std::filesystem::directory_iterator(box.state() / "bridge" / "archive")) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("00000000000000000000-") && !name.contains(".open.")) return entry.path();
    }
    return {};
  };
  REQUIRE(wait_until([&] { return count_archived(box) == 31 && !closed().empty(); }));
  spit(closed(), "no database at all");
  FakeGateway gateway(broker);
  ChildProcess child = replay(box, "damaged", {});
  REQUIRE(gateway.await("damaged", "end"));
  const auto sent = gateway.envelopes("damaged").size();
  CHECK(sent > 0);
  CHECK(sent < 31);
  gateway.answer("damaged", "done");
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "damaged.err"),
             Catch::Contains(closed().filename().string()) && Catch::Contains("passed over"));
  ChildProcess into_live = replay(box, "promoted", {"--into", "live"});
  CHECK(into_live.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "promoted.err"), Catch::Contains("nothing is promoted while files"));
  CHECK(gateway.actions("promoted").empty());
  CHECK(archiver.stop() == 0);
}

// 200,001 results at the most, through a broker: too long for a busy machine.
TEST_CASE("more results than can be promoted end a replay as soon as they are there", "[.][long-promotion]") {
  Broker broker;
  Box box(broker.port(), kWindow);
  ChildProcess archiver = box.start("bridge");
  send_reading(broker, "2026-03-01T12:00:10Z");
  send_reading(broker, "2026-03-01T18:00:00Z");
  REQUIRE(wait_until([&] { return count_archived(box) == 2; }));
  FakeGateway gateway(broker);
  ChildProcess child = replay(box, "many", {"--into", "live", "--speed", "1x"});
  REQUIRE(wait_until([&] { return gateway.envelopes("many").size() == 1; }));
  json row = result("2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z", 1);
  std::string lines;
  for (int i = 0; i <= 200'000; ++i) {
    row["id"] = fmt::format("wild/5m/north/m{}/2026-03-01T12:00:00Z", i);
    lines += row.dump() + '\n';
    // A mosquitto_pub that has more to send than this reads no PUBACK meanwhile, and Mosquitto ends it.
    if (i % 20'000 != 0) continue;
    spit(box.folder() / "lines", lines);
    lines.clear();
    REQUIRE(run({"sh", "-c", "exec mosquitto_pub -l -q 1 -p \"$0\" -t replay/many/aggregates/x < \"$1\"",
                 broker.port_text(), (box.folder() / "lines").string()},
                60s)
                .code == 0);
  }
  REQUIRE(gateway.await("many", "cancel"));  // not in six hours
  gateway.answer("many", "cancelled");
  CHECK(child.wait() == 1);
  CHECK_THAT(slurp(box.folder() / "many.err"),
             Catch::Contains("more than 200000 results: nothing was promoted"));
  CHECK(archiver.stop() == 0);
}
