#include "common/config.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

const std::string kInput = "[[input]]\ntopic = \"s/{sensor}/{metric}\"\ncodec = \"lookout\"\n";

std::vector<std::string> problems_of(const std::string& text) {
  const TempFolder folder;
  spit(folder / "lookout.toml", text);
  std::vector<std::string> texts;
  for (const Problem& problem : load_config(folder / "lookout.toml").problems) {
    texts.push_back(problem.text().substr(folder.path().string().size() + 1));
  }
  return texts;
}

}  // namespace

TEST_CASE("the shipped configuration is good and says the defaults of the interface") {
  const auto [config, problems] = load_config(std::string(LOOKOUT_SOURCE) + "/systemd/lookout.toml");
  REQUIRE(problems.empty());
  CHECK(config.time.lag == 60s);
  CHECK(config.time.max_future == 60s);
  CHECK(config.time.max_past == 168h);
  CHECK(config.time.identity_window == 24h);
  CHECK(config.limits.message_size == 65536);
  CHECK(config.limits.max_series == 200000);
  CHECK(config.journal.limit == 1073741824);
  CHECK(config.journal.segment == 16777216);
  CHECK(config.journal.sync_interval == 200ms);
  CHECK(config.mqtt.keepalive == 60s);
  CHECK(config.state == "/var/lib/lookout");
  CHECK(config.inputs.size() == 2);
  CHECK(config.windows.size() == 1);
  CHECK(config.rules.size() == 1);
}

TEST_CASE("every error is named at once, with file, line, key and what is accepted") {
  const auto problems = problems_of(
      "[time]\n"
      "lag = \"5 minutes\"\n"
      "lagg = \"1s\"\n"
      "[[input]]\n"
      "topic = \"s/{place}\"\n"
      "codec = \"xml\"\n"
      "[[window]]\n"
      "name = \"5 m\"\n"
      "by = [\"sensor\", \"country\"]\n"
      "[mqtt]\n"
      "port = 70000\n"
      "[colour]\n");
  const auto has = [&](const std::string& part) {
    return std::ranges::any_of(problems,
                               [&](const std::string& text) { return text.find(part) != std::string::npos; });
  };
  for (const std::string& text : problems) UNSCOPED_INFO(text);
  CHECK(has("lookout.toml:2: time.lag: '5 minutes' is not a duration: accepted are \"200ms\""));
  CHECK(has("lookout.toml:3: time.lagg: is not a key here: accepted are lag max_future"));
  CHECK(has("lookout.toml:5: input.topic: '{place}' is no topic level"));
  CHECK(has(
      "lookout.toml:6: input.codec: 'xml' is not accepted: accepted are \"lookout\", \"flat\", \"number\""));
  CHECK(has("lookout.toml:8: window.name: '5 m' is not a name"));
  CHECK(has("lookout.toml:7: window.size: is missing"));
  CHECK(
      has("lookout.toml:9: window.by: 'country' is not accepted: accepted are \"sensor\", \"region\", "
          "\"network\""));
  CHECK(has("lookout.toml:11: mqtt.port: expected a whole number from 1 to 65535"));
  CHECK(has("lookout.toml:12: colour: is not a section: accepted are box mqtt input"));
  CHECK(problems.size() == 9);
}

TEST_CASE("a file that is not TOML is named with the line") {
  const auto problems = problems_of("[box]\nid = \n");
  REQUIRE(problems.size() == 2);  // and no [[input]] was seen
  CHECK(problems[0].starts_with("lookout.toml:2: "));
}

TEST_CASE("a configuration without inputs, and a missing one, are errors") {
  CHECK(problems_of("").at(0).find("there is no [[input]]") != std::string::npos);
  CHECK(load_config("/nonexistent/lookout.toml").problems.size() == 2);
}

TEST_CASE("rules must name a window that is by what they are by") {
  const std::string window = "[[window]]\nname = \"5m\"\nsize = \"5m\"\nby = [\"sensor\"]\n";
  CHECK(problems_of(kInput + window + "[[rule]]\nname = \"R\"\nwindow = \"6m\"\nwhen = \"t.mean > 1\"\n")
            .at(0)
            .find("'6m' is not one of: 5m") != std::string::npos);
  CHECK(problems_of(kInput + window + "[[rule]]\nname = \"R\"\nwindow = \"5m\"\nwhen = \"t.mean > 1\"\n")
            .at(0)
            .find("by region, window '5m' is not") != std::string::npos);
}

TEST_CASE("values out of range say the range") {
  CHECK(problems_of(kInput + "[[window]]\nname = \"w\"\nsize = \"0\"\n").at(0).find("at least 1ms") !=
        std::string::npos);
  CHECK(problems_of(kInput + "[[window]]\nname = \"w\"\nsize = \"1m\"\noffset = \"1m\"\n")
            .at(0)
            .find("less than size") != std::string::npos);
  CHECK(problems_of(kInput + "[journal]\nsegment = \"1 KiB\"\n").at(0).find("\"1 MiB\" to \"1 GiB\"") !=
        std::string::npos);
  CHECK(problems_of("[[input]]\ntopic = \"s/{sensor}\"\ncodec = \"flat\"\n")
            .at(0)
            .find("needs a table from metric to field") != std::string::npos);
  CHECK(problems_of(kInput + "[mqtt]\npassword_file = \"x\"\n").at(0).find("needs a username") !=
        std::string::npos);
}

TEST_CASE("conf.d is read after the file: a later value wins, lists add up") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "conf.d");
  spit(folder / "lookout.toml", kInput + "[time]\nlag = \"1s\"\nmax_future = \"9s\"\n");
  spit(folder / "conf.d/20.toml", "[time]\nlag = \"3s\"\n[[window]]\nname = \"b\"\nsize = \"2m\"\n");
  spit(folder / "conf.d/10.toml", "[time]\nlag = \"2s\"\n[[window]]\nname = \"a\"\nsize = \"1m\"\n");
  spit(folder / "conf.d/ignored.txt", "nonsense");
  const auto [config, problems] = load_config(folder / "lookout.toml");
  REQUIRE(problems.empty());
  CHECK(config.time.lag == 3s);
  CHECK(config.time.max_future == 9s);
  REQUIRE(config.windows.size() == 2);
  CHECK(config.windows[0].name == "a");
  CHECK(config.windows[1].name == "b");
}

TEST_CASE("calibration is for all metrics or by metric") {
  const TempFolder folder;
  spit(folder / "lookout.toml",
       kInput + "scale = 0.1\noffset = { temperature = -1.5 }\nunits = { temperature = \"Cel\" }\n");
  const auto [config, problems] = load_config(folder / "lookout.toml");
  REQUIRE(problems.empty());
  CHECK(config.inputs[0].scale.of("temperature") == 0.1);
  CHECK(config.inputs[0].offset.of("temperature") == -1.5);
  CHECK(config.inputs[0].offset.of("smoke") == 0);
}
