#include "gateway/machine.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "gateway/publish.h"
#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace std::chrono_literals;

namespace {

Config test_config() {
  Config config;
  InputConfig input;
  input.topic = *TopicPattern::parse("sensors/{network}/{region}/{sensor}/{metric}");
  config.inputs.push_back(input);
  WindowConfig window;
  window.name = "5m";
  window.size = 5min;
  window.by = {GroupBy::sensor, GroupBy::region, GroupBy::network};
  config.windows.push_back(window);
  RuleConfig rule;
  rule.name = "Fire";
  rule.window = "5m";
  rule.when = "t.mean > 35";
  config.rules.push_back(rule);
  return config;
}

constexpr std::int64_t kStart = 1790000100;  // a multiple of 300

struct Rig {
  explicit Rig(const Config& config = test_config()) : machine(*Machine::create(config, "box")) {}

  std::vector<Output> step(const std::string& topic, const std::string& payload, std::int64_t arrival) {
    std::vector<Output> outputs;
    journal::Record record{offset++, {Timestamp{std::chrono::seconds{arrival}}, topic, payload}};
    record.stamp.connected = connected;
    machine.step(record, outputs);
    for (const Output& output : outputs) render(output, record, published);
    return outputs;
  }
  std::vector<Output> reading(const std::string& sensor, std::int64_t time, double value,
                              std::int64_t delay = 1) {
    return step("sensors/net/north/" + sensor + "/t",
                fmt::format(R"({{"event_time":{},"value":{}}})", time, value), time + delay);
  }
  std::string bytes() const {
    std::string all;
    for (const Outgoing& message : published) all += message.topic + ' ' + message.payload + '\n';
    return all;
  }
  Machine machine;
  std::uint64_t offset = 0;
  Microseconds connected{};
  std::vector<Outgoing> published;
};

bool balances(const Books& books) {
  return books.received == books.accepted + books.duplicate + books.all_rejected() + books.late;
}

}  // namespace

TEST_CASE("from readings to an alert and back") {
  Rig rig;
  std::vector<std::string> states;
  for (std::int64_t t = 0; t < 3600; t += 30) {
    for (const Output& output : rig.reading("a", kStart + t, t >= 1200 && t < 1800 ? 50 : 20)) {
      if (const auto* alert = std::get_if<AlertChange>(&output)) {
        states.push_back(
            fmt::format("{} {}", alert->firing ? "firing" : "resolved",
                        (alert->ends_at.value_or(alert->starts_at).time_since_epoch() / 1s) - kStart));
      }
    }
  }
  CHECK(states == std::vector<std::string>{"firing 1500", "resolved 2100"});
  CHECK(rig.machine.books().accepted == 120);
  CHECK(balances(rig.machine.books()));
}

TEST_CASE("wrong clocks are refused and move no watermark") {
  Rig rig;
  rig.reading("a", kStart + 10, 20);
  const auto future = rig.step("sensors/net/north/b/t",
                               fmt::format(R"({{"event_time":{},"value":1}})", kStart + 86400), kStart + 11);
  REQUIRE(future.size() == 1);
  CHECK(std::get<Rejected>(future[0]).refusal.reason == Reason::future);
  const auto epoch = rig.step("sensors/net/north/b/t", R"({"event_time":0,"value":1})", kStart + 12);
  CHECK(std::get<Rejected>(epoch.at(0)).refusal.reason == Reason::past);
  const auto far =
      rig.step("sensors/net/north/b/t", R"({"event_time":"3000-01-01T00:00:00Z","value":1})", kStart + 12);
  CHECK(std::get<Rejected>(far.at(0)).refusal.reason == Reason::future);
  CHECK(rig.machine.windows().held() == 3);
  // The bounds themselves are accepted.
  rig.step("sensors/net/north/c/t", fmt::format(R"({{"event_time":{},"value":1}})", kStart + 73),
           kStart + 13);
  CHECK(rig.machine.books().accepted == 2);
  CHECK(balances(rig.machine.books()));
}

TEST_CASE("a repeat counts once, after its windows are final it is late") {
  Config config = test_config();
  config.time.allowed_lateness = Microseconds{0};
  Rig rig(config);
  rig.reading("a", kStart + 10, 20);
  CHECK(rig.reading("a", kStart + 10, 20).empty());
  CHECK(rig.machine.books().duplicate == 1);
  rig.reading("a", kStart + 10, 21);  // the same instant with another value is another reading
  CHECK(rig.machine.books().accepted == 2);
  rig.reading("a", kStart + 400, 20);
  const auto late = rig.reading("a", kStart + 10, 20, 500);
  REQUIRE(late.size() == 1);
  CHECK(std::get<Late>(late[0]).refused_by == std::vector<std::string>{"5m/north/a", "5m/north", "5m/_all"});
  CHECK(std::get<Late>(late[0]).late_by == 330s);
  CHECK(rig.machine.books().late == 1);
  CHECK(balances(rig.machine.books()));
}

TEST_CASE("a reading without identity is never taken for a repeat") {
  Rig rig;
  for (int i = 0; i < 3; ++i) rig.step("sensors/net/north/a/t", R"({"value":7})", kStart);
  CHECK(rig.machine.books().accepted == 3);
  CHECK(rig.machine.books().duplicate == 0);
}

TEST_CASE("windows over other metrics do not make a sensor's identities forgotten") {
  Config config = test_config();
  config.windows[0].size = 1min;
  config.windows[0].lag = Microseconds{0};
  config.windows[0].metrics = {"a"};
  WindowConfig slow;
  slow.name = "10m";
  slow.size = 10min;
  slow.lag = 30min;
  slow.by = {GroupBy::region};
  slow.metrics = {"b"};
  config.windows.push_back(slow);
  config.rules.clear();
  Rig rig(config);
  const auto send = [&](const std::string& metric, std::int64_t time) {
    rig.step("sensors/net/north/s/" + metric, fmt::format(R"({{"event_time":{},"value":2}})", kStart + time),
             kStart + time + 1);
  };
  send("b", 1);
  send("a", 1200);
  send("a", 1201);
  send("b", 1);
  CHECK(rig.machine.books().duplicate == 1);
  CHECK(rig.machine.books().accepted == 3);
}

TEST_CASE("what no window covers is remembered for the identity window of connected time") {
  Config config = test_config();
  config.windows.clear();
  config.rules.clear();
  config.time.identity_window = 1h;
  Rig rig(config);
  for (std::int64_t t = 0; t < 7200; t += 10) {
    rig.connected = std::chrono::seconds{t};
    rig.reading("a", kStart + t, 1);
    rig.reading("a", kStart + t, 1);
  }
  CHECK(rig.machine.books().accepted == 720);
  CHECK(rig.machine.books().duplicate == 720);
  CHECK(rig.machine.remembered() <= 360 + 45);  // an hour's, and one bucket of an eighth of it
}

TEST_CASE("bad messages have no effect on what others give") {
  Rig clean, dirty;
  std::mt19937_64 random(7);
  for (std::int64_t t = 0; t < 3600; t += 10) {
    const double value = static_cast<double>(random() % 100);
    const std::string sensor(1, static_cast<char>('a' + random() % 3));
    clean.reading(sensor, kStart + t, value);
    dirty.reading(sensor, kStart + t, value);
    std::string noise(random() % 300, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    dirty.step("sensors/net/north/" + sensor + "/t", noise, kStart + t + 1);
    dirty.step("sensors/net/north/bad name/t", R"({"value":1})", kStart + t + 1);
    dirty.step("sensors/net/north/z/t", R"({"event_time":0,"value":1})", kStart + t + 1);
  }
  std::erase_if(dirty.published, [](const Outgoing& m) { return m.topic.starts_with("rejected/"); });
  CHECK(clean.bytes() == dirty.bytes());
  CHECK_FALSE(clean.bytes().empty());
  CHECK(balances(dirty.machine.books()));
}

TEST_CASE("the same records give the same bytes") {
  const auto run = [] {
    Rig rig;
    std::mt19937_64 random(8);
    for (int i = 0; i < 2000; ++i) {
      rig.reading(std::string(1, static_cast<char>('a' + random() % 5)),
                  kStart + i + static_cast<std::int64_t>(random() % 100),
                  static_cast<double>(random() % 1000) / 7, static_cast<std::int64_t>(random() % 30));
    }
    return rig.bytes();
  };
  CHECK(run() == run());
}

TEST_CASE("units that one sensor makes up leave those of others alone") {
  Rig rig;
  const auto read = [&](const std::string& network, std::int64_t time, int value, const std::string& unit) {
    rig.step("sensors/" + network + "/north/a/t",
             fmt::format(R"({{"event_time":{},"value":{},"unit":"{}"}})", time, value, unit), time + 1);
  };
  for (int i = 0; i < 20'000; ++i) read("net", kStart, i, fmt::format("u{}", i));
  read("net", kStart + 300, 1, "u20001");
  read("net", kStart + 600, 1, "u99");
  read("net", kStart + 1000, 1, "");
  read("other", kStart, 1, "Cel");
  read("other", kStart + 400, 1, "");
  std::map<std::string, std::string> units;
  for (const Outgoing& message : rig.published) {
    const auto json = nlohmann::json::parse(message.payload);
    if (json.value("group", "") == "north") units[json["id"]] = json["unit"];
  }
  CHECK(units == std::map<std::string, std::string>{{"net/5m/north/t/2026-09-21T14:15:00Z", "u0"},
                                                    {"net/5m/north/t/2026-09-21T14:20:00Z", ""},
                                                    {"net/5m/north/t/2026-09-21T14:25:00Z", "u99"},
                                                    {"other/5m/north/t/2026-09-21T14:15:00Z", "Cel"}});
}

TEST_CASE("numbers missing of a sensor stay missing, however far back repeats begin") {
  using test::MachineRig;
  MachineRig rig(MachineRig::config({MachineRig::tumbling("w", 5min, {GroupBy::sensor})}));
  const auto send = [&](int from, int to) {
    for (int seq = from; seq < to; ++seq) {
      if (seq % 10 != 0) rig.read_numbered("north/a", seq, seq);
    }
  };
  rig.pass(600);
  send(1, 500);
  CHECK(rig.machine.seqs().gaps() == 49);
  send(1, 300);  // an older queue comes again
  CHECK(rig.machine.books().duplicate == 270);
  CHECK(rig.machine.seqs().gaps() == 49);
}

TEST_CASE("a seq that comes again with something else is a conflict, and counted as a reading") {
  using test::MachineRig;
  MachineRig rig(MachineRig::config({MachineRig::tumbling("w", 5min, {GroupBy::sensor})}));
  rig.pass(600);
  const auto send = [&](const char* series, int time, int value, const char* more) {
    rig.send(series,
             fmt::format(R"({{"event_time":{},"value":{}{}}})", MachineRig::kStart + time, value, more));
    return rig.machine.seqs().conflicts();
  };
  CHECK(send("north/a/t", 10, 1, R"(,"seq":7,"boot":"x")") == 0);
  CHECK(send("north/a/t", 10, 1, R"(,"seq":7,"boot":"x")") == 0);  // delivered again
  CHECK(send("north/a/h", 10, 5, R"(,"seq":7,"boot":"x")") == 0);  // another metric of the same message
  CHECK(send("north/b/t", 10, 2, R"(,"seq":7,"boot":"x")") == 0);
  CHECK(send("north/a/t", 10, 2, R"(,"seq":7,"boot":"x")") == 1);  // another value
  CHECK(send("north/a/t", 20, 2, R"(,"seq":7,"boot":"x")") == 2);  // another time
  CHECK(send("north/a/t", 30, 2, R"(,"seq":7,"boot":"y")") == 2);  // it has rebooted
  CHECK(send("north/a/t", 40, 2, R"(,"seq":8,"boot":"y")") == 2);
  CHECK(send("north/a/t", 40, 3, "") == 2);  // no seq
  // Refused, and each time looked at anew: the same is the same.
  for (int i = 0; i < 2; ++i) CHECK(send("north/a/t", 90'000, 3, R"(,"seq":9,"boot":"y")") == 2);
  CHECK(rig.machine.books().accepted == 8);
  CHECK(rig.machine.books().duplicate == 1);
  std::map<SeriesId, std::uint64_t> by_sensor;
  rig.machine.seqs().for_each_fault(
      [&](SeriesId series, std::uint64_t, std::uint64_t conflicts) { by_sensor[series] = conflicts; });
  CHECK(by_sensor[0] == 2);
}
