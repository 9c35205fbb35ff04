#include "common/config.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/child_process.h"
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
  const auto [config, problems] = load_config(test::source_path("systemd/lookout.toml"));
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
  CHECK(config.journal.high == 0.9);
  CHECK(config.journal.low == 0.7);
  CHECK(config.archive.retention_age == std::chrono::days{90});
  CHECK(config.archive.retention_size == std::uint64_t{16} << 30);
  CHECK_FALSE(config.archive.evict_unforwarded);
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
  CHECK(has("lookout.toml:3: time.lagg: is not a key here: accepted are lag idle"));
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
  CHECK(load_config("/nonexistent/lookout.toml").problems.size() == 1);
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

TEST_CASE("no window may be called as the daily summary is") {
  CHECK(problems_of(kInput + "[[window]]\nname = \"day\"\nsize = \"1d\"\n")
            .at(0)
            .find("window.name: 'day' is the name of the bridge's daily summary") != std::string::npos);
  CHECK(problems_of(kInput + "[[window]]\nname = \"days\"\nsize = \"1d\"\n").empty());
}

TEST_CASE("the archive keeps what it is told to, but at least an hour and 16 MiB") {
  const TempFolder folder;
  spit(folder / "lookout.toml",
       kInput + "[archive]\nretention_age = \"7d\"\nretention_size = \"1 GiB\"\nevict_unforwarded = true\n");
  const auto loaded = load_config(folder / "lookout.toml");
  REQUIRE(loaded.problems.empty());
  CHECK(loaded.config.archive.retention_age == std::chrono::days{7});
  CHECK(loaded.config.archive.retention_size == std::uint64_t{1} << 30);
  CHECK(loaded.config.archive.evict_unforwarded);
  CHECK(problems_of(kInput + "[archive]\nretention_age = \"59m\"\n").at(0).find("\"1h\" and more") !=
        std::string::npos);
  CHECK(problems_of(kInput + "[archive]\nretention_size = \"15 MiB\"\n").at(0).find("\"16 MiB\" and more") !=
        std::string::npos);
}

TEST_CASE("Kafka: brokers, key, prefix, and librdkafka's settings however they are written") {
  const TempFolder folder;
  spit(folder / "lookout.toml",
       kInput +
           "[kafka]\nbrokers = \"a:9092,b:9092\"\nkey = \"region\"\ntopics_prefix = \"fire-\"\n"
           "[kafka.options]\nlinger.ms = 5\n\"compression.codec\" = \"zstd\"\n"
           "socket = { keepalive.enable = false }\nsasl.password_file = \"/secret\"\n");
  std::filesystem::create_directory(folder / "conf.d");
  spit(folder / "conf.d" / "1.toml", "[kafka.options]\nlinger.ms = 50\n");
  const auto [config, problems] = load_config(folder / "lookout.toml");
  for (const Problem& problem : problems) UNSCOPED_INFO(problem.text());
  REQUIRE(problems.empty());
  CHECK(config.kafka.brokers == "a:9092,b:9092");
  CHECK(config.kafka.key == KafkaKey::region);
  CHECK(config.kafka.topics_prefix == "fire-");
  std::vector<std::string> options;
  for (const KafkaOption& option : config.kafka.options)
    options.push_back(option.name + '=' + option.value + (option.is_in_file ? " in a file" : ""));
  std::ranges::sort(options);
  CHECK(options == std::vector<std::string>{"compression.codec=zstd", "linger.ms=50",
                                            "sasl.password=/secret in a file",
                                            "socket.keepalive.enable=false"});
}

TEST_CASE("what Kafka may not be told is an error that says where it belongs") {
  const auto problems = problems_of(kInput +
                                    "[kafka]\n"
                                    "key = \"sensors\"\n"
                                    "topics_prefix = \"a/b\"\n"
                                    "[kafka.options]\n"
                                    "transactional.id = \"mine\"\n"
                                    "sasl.password = \"secret\"\n"
                                    "linger.ms = 0.5\n");
  for (const std::string& text : problems) UNSCOPED_INFO(text);
  REQUIRE(problems.size() == 5);
  const auto has = [&](const std::string& part) {
    return std::ranges::any_of(problems,
                               [&](const std::string& text) { return text.find(part) != std::string::npos; });
  };
  CHECK(has("lookout.toml:5: kafka.key: 'sensors' is not accepted: accepted are \"sensor\", \"region\""));
  CHECK(has("lookout.toml:6: kafka.topics_prefix: accepted are up to 200 of A-Z"));
  CHECK(has("lookout.toml:8: kafka.transactional.id: is set by the bridge itself"));
  CHECK(has("lookout.toml:9: kafka.sasl.password: is a secret: \"sasl.password_file\" names the file"));
  CHECK(has("lookout.toml:10: kafka.linger.ms: expected text in quotes, a whole number, true or false"));
}

TEST_CASE("the journal's water marks are shares of its limit that leave room for a segment") {
  const auto problems = [](const std::string& keys) { return problems_of(kInput + "[journal]\n" + keys); };
  CHECK(problems("high = 1\nlow = 0.5\n").empty());
  CHECK(problems("high = 1.1\n").at(0).find("must be above low and at most 1") != std::string::npos);
  CHECK(problems("high = 0.5\nlow = 0.5\n").at(0).find("must be above low and at most 1") !=
        std::string::npos);
  CHECK(problems("high = \"half\"\n").at(0).find("expected a number") != std::string::npos);
  CHECK(problems("low = 0.01\n").at(0).find("must leave room for a segment") != std::string::npos);
  CHECK(problems("limit = \"64 MiB\"\nsegment = \"32 MiB\"\nlow = 0.5\n").empty());
}

TEST_CASE("windows that cannot be are refused with the reason") {
  const auto first_problem = [](const std::string& keys, const std::string& time = "") {
    const auto problems =
        problems_of(kInput + "[time]\n" + time + "\n[[window]]\nname = \"w\"\n" + keys + "\n");
    return problems.size() == 1 ? problems[0] : fmt::format("{} problems", problems.size());
  };
  const auto says = [](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const std::string sliding = "kind = \"sliding\"\nsize = \"5m\"\n";
  const std::string session = "kind = \"session\"\n";
  says(first_problem(sliding), ":6: window.step: is missing");
  says(first_problem(sliding + "step = \"6m\""), ":10: window.step: must not be longer than size (5m)");
  for (const char* step : {"2m", "0"}) {
    says(first_problem(sliding + fmt::format("step = \"{}\"", step)),
         ":10: window.step: must divide size (5m) without remainder");
  }
  CHECK(first_problem(sliding + "step = \"1m\"") == "0 problems");
  says(first_problem("size = \"5m\"\nstep = \"5m\""), "window.step: goes with kind = \"sliding\" only");
  says(first_problem("size = \"5m\"\ngap = \"5m\""), "window.gap: goes with kind = \"session\" only");
  says(first_problem(session), ":6: window.gap: is missing");
  says(first_problem(session + "gap = 0"), "window.gap: must be at least 1ms");
  says(first_problem(session + "gap = \"1m\"\nsize = \"5m\""),
       "window.size: does not go with kind = \"session\"");
  CHECK(first_problem(session + "gap = \"1m\"") == "0 problems");
  says(first_problem("kind = \"hopping\"\nsize = \"1m\""),
       "'hopping' is not accepted: accepted are \"tumbling\", \"sliding\", \"session\"");
  says(first_problem("size = \"5m\"\nallowed_lateness = \"8d\""),
       "window.allowed_lateness: window 'w': 8d is beyond time.max_past (7d)");
  says(first_problem("size = \"5m\"", "allowed_lateness = \"2h\"\nmax_past = \"1h\""),
       "beyond time.max_past (1h)");
  says(first_problem(sliding + "step = \"20ms\""), "may keep 48002 panes for each group");
  says(first_problem(session + "gap = \"60ms\""),
       "window.gap: window 'w': a gap of 60ms may keep 11002 sessions");
  says(first_problem("size = \"5m\"\nover = \"hot\""), "window.over: expected a number");
  says(first_problem("size = \"5m\"\npublish = 1"), "window.publish: expected true or false");
  says(problems_of(kInput + "[time]\nidle = 0\n").at(0), "time.idle: must be at least \"1s\"");
  says(problems_of(kInput + "[time]\ncorrection_interval = \"61m\"\n").at(0),
       "time.correction_interval: accepted are 0 to \"1h\": so long a correction is withheld");
  CHECK(problems_of(kInput + "[time]\ncorrection_interval = \"1h\"\n").empty());
  says(problems_of(kInput + "[box]\nclock = \"gps\"\n").at(0),
       "box.clock: 'gps' is not accepted: accepted are \"auto\", \"trusted\", \"untrusted\"");
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

namespace {

const std::string kJsonInput =
    "[[input]]\n"
    "topic = \"v3/{network}/devices/{sensor}/up\"\n"
    "codec = \"json\"\n";
const std::string kValues = "values = { temperature = \"/uplink_message/decoded_payload/temperature\" }\n";

}  // namespace

TEST_CASE("codec json is told by pointers where to look") {
  const TempFolder folder;
  spit(folder / "lookout.toml",
       kJsonInput + kValues +
           "identity = [\"/uplink_message/f_cnt\", \"/uplink_message/frm_payload\"]\n"
           "time = \"/received_at\"\n"
           "time_format = \"ms\"\n"
           "seq = \"\"\n" +
           kJsonInput + kValues);
  const auto [config, problems] = load_config(folder / "lookout.toml");
  for (const Problem& problem : problems) UNSCOPED_INFO(problem.text());
  REQUIRE(problems.empty());
  const InputConfig& full = config.inputs.at(0);
  CHECK(full.codec == CodecKind::json);
  CHECK(full.values == std::vector<std::pair<std::string, std::string>>{
                           {"temperature", "/uplink_message/decoded_payload/temperature"}});
  CHECK(full.identity == std::vector<std::string>{"/uplink_message/f_cnt", "/uplink_message/frm_payload"});
  CHECK(full.time == "/received_at");
  CHECK(full.time_format == TimeFormat::milliseconds);
  CHECK(full.seq == "");
  const InputConfig& least = config.inputs.at(1);
  CHECK_FALSE(least.time.has_value());
  CHECK_FALSE(least.seq.has_value());
  CHECK(least.time_format == TimeFormat::rfc3339);
  CHECK(least.identity.empty());
}

TEST_CASE("what is wrong with pointers is named by key and line") {
  const auto only = [](const std::string& text) {
    const auto problems = problems_of(text);
    for (const std::string& problem : problems) UNSCOPED_INFO(problem);
    return problems.size() == 1 ? problems[0] : fmt::format("{} problems", problems.size());
  };
  CHECK_THAT(
      only(kJsonInput + "values = { t = \"a/b\" }\n"),
      Catch::StartsWith("lookout.toml:4: input.values: 'a/b' is not a JSON pointer: accepted are \"/name/0"));
  CHECK_THAT(only(kJsonInput + kValues + "time = \"/a~2\"\n"),
             Catch::StartsWith("lookout.toml:5: input.time: '/a~2' is not a JSON pointer"));
  CHECK_THAT(only(kJsonInput + kValues + "seq = \"a\"\n"),
             Catch::StartsWith("lookout.toml:5: input.seq: 'a' is not a JSON pointer"));
  CHECK_THAT(only(kJsonInput + kValues + "identity = [\"/a\", \"b\"]\n"),
             Catch::StartsWith("lookout.toml:5: input.identity: 'b' is not a JSON pointer"));
  CHECK_THAT(only(kJsonInput + kValues + "identity = []\n"),
             Catch::Contains("input.identity: expected a list of one"));
  CHECK_THAT(only(kJsonInput + kValues + "identity = [1]\n"),
             Catch::Contains("input.identity: expected a list of one"));
  CHECK_THAT(only(kJsonInput + kValues + "identity = \"/a\"\n"), Catch::Contains("expected a list of one"));
  CHECK_THAT(only(kJsonInput + kValues + "time = 5\n"),
             Catch::Contains("input.time: expected text in quotes"));
  CHECK_THAT(
      only(kJsonInput + kValues + "time = \"/t\"\ntime_format = \"ns\"\n"),
      Catch::Contains(
          ":6: input.time_format: 'ns' is not accepted: accepted are \"s\", \"ms\", \"us\", \"rfc3339\""));
  CHECK_THAT(only(kJsonInput + kValues + "time_format = \"s\"\n"),
             Catch::Contains(":5: input.time_format: needs a time"));
  CHECK_THAT(only(kJsonInput),
             Catch::Contains("input.values: codec json needs a table from metric to JSON pointer"));
  CHECK_THAT(only(kJsonInput + "values = { a = \"/a\", \"b c\" = \"/b\" }\n"),
             Catch::Contains(":4: input.values: expected a table from a name"));
}

TEST_CASE("the keys of one codec are errors with another, with the reason") {
  for (const char* key : {"values = { t = \"/t\" }", "time = \"/t\"", "time_format = \"s\"", "seq = \"/s\"",
                          "identity = [\"/i\"]"}) {
    const auto problems = problems_of(kInput + key + "\n");
    INFO(key);
    REQUIRE(problems.size() == 1);
    CHECK_THAT(problems[0],
               Catch::StartsWith("lookout.toml:4: input.") && Catch::Contains("codec json only"));
  }
  CHECK_THAT(
      problems_of(kJsonInput + kValues + "metrics = { t = \"t\" }\n").at(0),
      Catch::StartsWith("lookout.toml:5: input.metrics: goes with codec flat only: codec json has values"));
}

TEST_CASE("codec json takes the sensor from the topic, and the metric from one place only") {
  const std::string two = "codec = \"json\"\nvalues = { a = \"/a\", b = \"/b\" }\n";
  CHECK_THAT(problems_of("[[input]]\ntopic = \"x/{network}\"\n" + two).at(0),
             Catch::StartsWith("lookout.toml:2: input.topic: must hold {sensor}"));
  CHECK_THAT(problems_of("[[input]]\ntopic = \"x/{sensor}/{metric}\"\n" + two).at(0),
             Catch::StartsWith("lookout.toml:4: input.values: must be one where the topic names the metric"));
  CHECK(problems_of("[[input]]\ntopic = \"x/{sensor}/{metric}\"\ncodec = \"json\"\nvalues = { v = \"/v\" }\n")
            .empty());
}
