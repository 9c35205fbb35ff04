#include "simulator/key_values.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

TEST_CASE("a fire is read with all its keys") {
  const Fire fire = parse_fire(
                        "region=north,start=1h,duration=10m,every=2h,ramp=60s,spread=10s,temperature=25,"
                        "smoke=20.5")
                        .value();
  CHECK(fire.region == "north");
  CHECK(fire.sensor.empty());
  CHECK(fire.start == 1h);
  CHECK(fire.duration == 10min);
  CHECK(fire.every == 2h);
  CHECK(fire.ramp == 60s);
  CHECK(fire.spread == 10s);
  CHECK(fire.rise == std::map<std::string, double>{{"temperature", 25}, {"smoke", 20.5}});
}

TEST_CASE("a bad fire is refused with what is accepted") {
  const auto error = [](const char* text) { return parse_fire(text).error(); };
  CHECK_THAT(error("temperature"), Catch::Contains("'temperature' is not KEY=VALUE"));
  CHECK_THAT(error("start=5,temperature=1"), Catch::StartsWith("start: '5' is not a duration: accepted are"));
  CHECK_THAT(error("region=a b,temperature=1"), Catch::Contains("is not a name: accepted are"));
  CHECK_THAT(error("regin=north"), Catch::Contains("a key other than region, sensor, start"));
  CHECK_THAT(error("region=north"), Catch::Contains("at least one metric"));
  CHECK_THAT(error("temperature=nan"), Catch::Contains("is not a number"));
  CHECK_THAT(error("region=a,sensor=b,temperature=1"), Catch::Contains("not both"));
  CHECK_THAT(error(""), Catch::Contains("KEY=VALUE"));
  CHECK_THAT(error("temperature=1,"), Catch::Contains("KEY=VALUE"));
  CHECK_THAT(error("region=a,temperature=1,region=b"), Catch::Contains("region: accepted is one value"));
}

TEST_CASE("a metric starts from what is known about it") {
  const MetricModel smoke = parse_metric("name=smoke,baseline=7").value();
  CHECK(smoke.unit == "ug/m3");
  CHECK(smoke.baseline == 7);
  CHECK(smoke.noise == 1.5);
  CHECK(smoke.minimum == 0.0);
  const MetricModel humidity = parse_metric("baseline=40,name=humidity,noise=5,min=1,unit=%RH").value();
  CHECK(humidity.name == "humidity");
  CHECK(humidity.unit == "%RH");
  CHECK(humidity.minimum == 1.0);
}

TEST_CASE("a bad metric is refused with what is accepted") {
  const auto error = [](const char* text) { return parse_metric(text).error(); };
  CHECK_THAT(error("baseline=1"), Catch::Contains("needed is name="));
  CHECK_THAT(error("name=x,noise=-1"), Catch::Contains("0 and more"));
  CHECK_THAT(error("name=x,unit=\""), Catch::Contains("without quote"));
  CHECK_THAT(error("name=x,sigma=1"), Catch::Contains("accepted are name, baseline, noise, min and unit"));
  CHECK_THAT(error("name=a/b"), Catch::Contains("is not a name"));
}

TEST_CASE("a share is a number from 0 to 1") {
  CHECK(parse_share("0").value() == 0);
  CHECK(parse_share("0.25").value() == 0.25);
  CHECK(parse_share("1").value() == 1);
  for (const char* text : {"-0.1", "1.01", "2%", "", "nan", "x"}) {
    CHECK_THAT(parse_share(text).error(), Catch::Contains("accepted are numbers from 0 to 1"));
  }
}
