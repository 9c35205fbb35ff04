#include "simulator/options.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

RunOptions run_options(const std::string& line) {
  CLI::App app;
  RunOptions options;
  add_run_options(app, options);
  app.parse(line);
  return options;
}

PlayOptions play_options(const std::string& line) {
  CLI::App app;
  PlayOptions options;
  add_play_options(app, options);
  app.parse(line);
  return options;
}

std::string error_of(const std::string& line) {
  try {
    run_options(line);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the options of run reach the plan") {
  const RunOptions options = run_options(
      "--preset wildfire --network hills --sensors 7 --regions a,b --interval 5s --duration 1h --speed max "
      "--seed 9 "
      "--start 2026-02-03T04:05:06Z --follow --combined --duplicates 0.1 --reorder 0.2 --reorder-max 2m "
      "--lose 0.3 "
      "--fire region=a,temperature=3 --fire region=b,temperature=4 --fault kind=spike,share=0.5,amount=1 "
      "--fault kind=delay,max=1h "
      "--metric name=temperature --truth t.ndjson --dry-run --host box --port 1884 --username u "
      "--password-file /etc/hosts "
      "--ca-file /etc/passwd");
  CHECK(options.preset == "wildfire");
  CHECK(options.network == "hills");
  CHECK(options.sensors == 7);
  CHECK(options.regions == std::vector<std::string>{"a", "b"});
  CHECK(options.interval == 5s);
  CHECK(options.duration == 1h);
  CHECK(std::isinf(options.send.speed));
  CHECK(options.send.seed == 9);
  CHECK(options.start == Timestamp{1'770'091'506s});
  CHECK((options.follow && options.combined && options.send.dry_run));
  CHECK(options.send.faults.duplicates == 0.1);
  CHECK(options.send.faults.reorder == 0.2);
  CHECK(options.send.faults.reorder_max == 2min);
  CHECK(options.send.faults.lose == 0.3);
  CHECK(options.fires.size() == 2);
  CHECK(options.send.faults.faults.size() == 2);
  CHECK(options.metrics.size() == 1);
  CHECK(options.send.truth == "t.ndjson");
  CHECK(options.send.mqtt.host == "box");
  CHECK(options.send.mqtt.port == 1884);
  CHECK(options.send.mqtt.username == "u");
  CHECK(options.send.mqtt.password_file == "/etc/hosts");
  CHECK(options.send.mqtt.ca_file == "/etc/passwd");
}

TEST_CASE("a time before now is no option of its own") {
  CHECK(run_options("--start -2h").start < wall_clock_now());
}

TEST_CASE("the options of play reach the plan") {
  const PlayOptions options = play_options(
      "--columns 'Quad*' --columns 'Plume*' table.csv --time-column Time --time-format ms --time-zero "
      "2026-01-01T00:00:00Z --map '{region} {sensor}' --network lab --region attic --metric heat --speed "
      "10x");
  CHECK(options.recording.file == "table.csv");
  CHECK(options.recording.columns == std::vector<std::string>{"Quad*", "Plume*"});
  CHECK(options.recording.time_column == "Time");
  CHECK(options.recording.time_format == CsvTimeFormat::milliseconds);
  CHECK(options.time_zero == Timestamp{1'767'225'600s});
  CHECK(options.recording.pattern->text() == "{region} {sensor}");
  CHECK(options.recording.network == "lab");
  CHECK(options.recording.region == "attic");
  CHECK(options.recording.metric == "heat");
  CHECK(options.send.speed == 10);
}

TEST_CASE("a bad value is refused with what is accepted") {
  CHECK_THAT(error_of("--speed fast"), Catch::Contains("accepted are 1x, 60x"));
  CHECK_THAT(error_of("--interval 30"), Catch::Contains("accepted are \"200ms\""));
  CHECK_THAT(error_of("--lose 5"), Catch::Contains("numbers from 0 to 1"));
  CHECK_THAT(error_of("--preset big"), Catch::Contains("figure-6.1,wildfire"));
  CHECK_THAT(error_of("--port 70000"), Catch::Contains("1 to 65535"));
  CHECK_THAT(error_of("--sensors 0"), Catch::Contains("1 to 1000000"));
  CHECK_THAT(error_of("--network a/b"), Catch::Contains("accepted are 1 to 64 of"));
  CHECK_THAT(error_of("--fire temperature"), Catch::Contains("KEY=VALUE"));
  CHECK_THAT(error_of("--fault kind=x"), Catch::Contains("accepted are spike, offline"));
  CHECK_THAT(error_of("--seed -1"), Catch::Contains("whole numbers from 0 to 18446744073709551615"));
  CHECK_THAT(error_of("--seed 18446744073709551616"), Catch::Contains("is not a seed"));
  CHECK_THAT(error_of("--password-file /nonexistent"), Catch::Contains("/nonexistent"));
}
