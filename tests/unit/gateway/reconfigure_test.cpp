// A configuration that changes in mid-stream: what goes on, what begins anew, and that no id is given twice.
#include <catch2/catch.hpp>
#include <map>

#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace lookout::test;

namespace {

Config config(const std::string& text) {
  const auto loaded = parse_config(
      {{{"lookout.toml",
         "[[input]]\ntopic = \"sensors/{network}/{region}/{sensor}/{metric}\"\ncodec = \"lookout\"\n" +
             text}}});
  for (const Problem& problem : loaded.problems) FAIL(problem.text());
  return loaded.config;
}

std::string window(const std::string& name, const std::string& size, const std::string& more = "") {
  return "[[window]]\nname = \"" + name + "\"\nsize = \"" + size + "\"\nby = [\"region\"]\n" + more + "\n";
}

std::string rule(const std::string& name, const std::string& when) {
  return "[[rule]]\nname = \"" + name + "\"\nwindow = \"w\"\nby = \"region\"\nwhen = \"" + when + "\"\n";
}

// (id, revision) -> payload; fails where one has two.
std::map<std::pair<std::string, int>, std::string> by_id(const std::vector<Outgoing>& messages) {
  std::map<std::pair<std::string, int>, std::string> found;
  for (const Outgoing& message : messages) {
    const auto json = nlohmann::json::parse(message.payload);
    if (!json.contains("id")) continue;
    const auto [known, is_new] = found.try_emplace({json["id"], json["revision"]}, message.payload);
    INFO(message.payload);
    CHECK((is_new || known->second == message.payload));
  }
  return found;
}

std::vector<std::string> of_window(const std::vector<Outgoing>& messages, const std::string& name) {
  std::vector<std::string> payloads;
  for (const Outgoing& message : messages) {
    if (message.topic.find('/' + name + '/') != std::string::npos) payloads.push_back(message.payload);
  }
  return payloads;
}

}  // namespace

TEST_CASE("a window that stays the same does not notice that others change") {
  const std::string kept = window("kept", "1m"), before = window("w", "5m"), after = window("w", "2m");
  MachineRig changed(config(before + kept)), unchanged(config(before + kept));
  for (int i = 0; i < 1500; ++i) {
    changed.live("north/a", i, i % 50);
    unchanged.live("north/a", i, i % 50);
    if (i == 700) changed.configure(config(kept + after));
  }
  changed.read("north/a", 1400, 7);  // corrects
  unchanged.read("north/a", 1400, 7);
  changed.finish();
  unchanged.finish();
  CHECK(of_window(changed.published, "kept").size() > 20);
  CHECK(of_window(changed.published, "kept") == of_window(unchanged.published, "kept"));
  by_id(changed.published);
}

TEST_CASE("a window of another shape puts out what it holds and begins anew behind it") {
  MachineRig rig(config(window("w", "5m")));
  for (int i = 0; i < 700; i += 10) rig.live("north/a", i, 1);
  const auto held = in_short(rig.configure(config(window("w", "2m"))));
  CHECK(held == std::vector<std::string>{"north 600-900 end_of_input r0 n10 sum10"});
  rig.published.clear();
  for (int i = 700; i < 1300; i += 10) rig.live("north/a", i, 1);
  CHECK(in_short(rig.published) == std::vector<std::string>{"north 960-1080 watermark r0 n12 sum12",
                                                            "north 1080-1200 watermark r0 n12 sum12"});
}

TEST_CASE("no id is given twice, whatever the order of shapes") {
  const auto shape =
      GENERATE(std::string("size = \"2m\""), std::string("kind = \"sliding\"\nsize = \"6m\"\nstep = \"1m\""),
               std::string("kind = \"session\"\ngap = \"15s\""), std::string("size = \"5m\"\nover = 3"),
               std::string("size = \"5m\"\noffset = \"30s\""));
  const std::string other = "[[window]]\nname = \"w\"\nby = [\"region\"]\n" + shape + "\n";
  const int every = GENERATE(500, 100);  // the windows that are cut are over before the next change, or not
  INFO(other);
  MachineRig rig(config(window("w", "5m")));
  for (int i = 0; i < 3000; i += 10) {
    rig.live("north/a", i, i % 7);
    if (i % 40 == 0 && i > 100) rig.read("north/a", i - 100, 1);
    if (i % every == every / 2) rig.configure(config(i / every % 2 == 0 ? other : window("w", "5m")));
  }
  rig.finish();
  CHECK(by_id(rig.published).size() > 5);
}

TEST_CASE("no id is given twice when a window or one of its groups is gone for a while") {
  const std::string other = window("other", "7m");
  const auto gone =
      GENERATE(std::string(), std::string("[[window]]\nname = \"w\"\nsize = \"5m\"\nby = [\"sensor\"]\n"));
  MachineRig rig(config(other + window("w", "5m")));
  for (int i = 0; i < 6000; i += 10) {
    rig.live("north/a", i, i % 7);
    if (i % 40 == 0 && i > 100) rig.read("north/a", i - 100, 1);
    // Back before the window that was cut is over.
    if (i % 100 == 50) rig.configure(config(i % 200 == 50 ? other + gone : other + window("w", "5m")));
  }
  rig.finish();
  by_id(rig.published);
  CHECK(of_window(rig.published, "w").size() > 10);
}

TEST_CASE("a window that is new says that it is incomplete where it begins before what was heard") {
  MachineRig rig(config(window("w", "5m")));
  for (int i = 0; i < 700; i += 10) rig.live("north/a", i, 1);
  rig.configure(config(window("w", "5m") + window("new", "10m")));
  for (int i = 700; i < 1900; i += 10) rig.live("north/a", i, 1);
  const auto results = of_window(rig.published, "new");
  REQUIRE(results.size() == 2);
  CHECK(nlohmann::json::parse(results[0])["start"] == "2026-09-21T14:10:00Z");
  CHECK(nlohmann::json::parse(results[0])["incomplete"] == true);
  CHECK_FALSE(nlohmann::json::parse(results[1]).contains("incomplete"));
  for (const std::string& result : of_window(rig.published, "w"))
    CHECK_FALSE(nlohmann::json::parse(result).contains("incomplete"));
}

TEST_CASE("a rule that comes back gives none of its alerts' revisions a second time") {
  const std::string windows = window("w", "1m");
  const auto with = config(windows + rule("Hot", "t.mean > 10")), without = config(windows);
  MachineRig rig(with);
  // The last window that has closed is the one that raised the alert.
  int i = 0;
  for (; rig.machine.alerts().firing() == 0; i += 5) rig.live("north/a", i, i < 120 ? 1 : 20);
  rig.configure(without);
  rig.configure(with);
  CHECK(rig.machine.alerts().firing() == 0);
  // Its correction raises it again, before another closes.
  rig.read("north/a", 121, 30);
  for (const int end = i + 30; i < end; i += 5) rig.live("north/a", i, 20);
  CHECK(rig.machine.alerts().firing() == 1);
  std::vector<std::pair<std::string, int>> told;
  for (const auto& [id, payload] : by_id(rig.published)) {
    if (payload.find("alertname") != std::string::npos) told.push_back(id);
  }
  REQUIRE(told.size() == 3);
  CHECK(told.front().first == told.back().first);
}

TEST_CASE(
    "a loss on a box that does not know the time leaves windows incomplete until sensors have told it") {
  MachineRig rig(config(window("w", "1m")));
  rig.trusted = false;
  rig.wall = GENERATE(std::int64_t{100}, std::int64_t{2'500'000'000});  // 1970, 2049
  rig.link_up(true);  // the broker knows the box, whose state is new
  for (int i = 5; i <= 300; ++i) {
    rig.pass(1);
    for (const char* sensor : {"north/a", "north/b", "north/c"}) rig.read(sensor, i, 1);
  }
  const auto results = of_window(rig.published, "w");
  REQUIRE(results.size() == 4);
  CHECK(nlohmann::json::parse(results[0])["incomplete"] == true);
  for (std::size_t i = 1; i < results.size(); ++i)
    CHECK_FALSE(nlohmann::json::parse(results[i]).contains("incomplete"));
}

TEST_CASE("another lag counts at once, for windows that are open already") {
  MachineRig rig(config(window("w", "5m")));
  for (int i = 0; i <= 340; i += 10) rig.live("north/a", i, 1);
  rig.configure(config(window("w", "5m", "lag = \"30s\"")));
  CHECK(in_short(rig.live("north/a", 341, 1)) ==
        std::vector<std::string>{"north 0-300 watermark r0 n30 sum30"});
}

TEST_CASE("a rule that goes away resolves its alerts, one that stays keeps them") {
  const std::string windows = window("w", "1m");
  MachineRig rig(config(windows + rule("Gone", "t.mean > 10") + rule("Stays", "t.mean > 10") +
                        rule("Other", "t.mean > 10")));
  for (int i = 0; i <= 180; i += 10) rig.live("north/a", i, 20);
  CHECK(rig.machine.alerts().firing() == 3);
  const auto changes =
      rig.configure(config(windows + rule("Stays", "t.mean > 10") + rule("Other", "t.mean > 30")));
  REQUIRE(changes.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto json = nlohmann::json::parse(changes[i].payload);
    CHECK(json["labels"]["alertname"] == (i == 0 ? "Gone" : "Other"));
    CHECK(json["status"] == "resolved");
    CHECK(json["revision"] == 1);
    CHECK(json.contains("endsAt"));
  }
  CHECK(rig.machine.alerts().firing() == 1);
  rig.published.clear();
  for (int i = 190; i <= 300; i += 10) rig.live("north/a", i, 20);
  for (const Outgoing& message : rig.published) CHECK_FALSE(message.topic.starts_with("alerts/"));
}

TEST_CASE("inputs change, series and identities stay") {
  MachineRig rig(config(window("w", "5m")));
  rig.read("north/a", 0, 1);
  Config scaled = config("scale = 2\n" + window("w", "5m"));
  rig.configure(scaled);
  rig.read("north/a", 1, 1);
  rig.read("north/a", 0, 1);  // a repeat of the first
  CHECK(rig.machine.series().size() == 1);
  CHECK(in_short(rig.finish()) == std::vector<std::string>{"north 0-300 end_of_input r0 n2 sum3"});
}
