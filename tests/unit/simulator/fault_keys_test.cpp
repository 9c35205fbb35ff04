#include "simulator/fault_keys.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

template <typename Kind>
Kind parsed(const std::string& text) {
  return std::get<Kind>(parse_fault(text).value());
}

std::string error(const std::string& text) { return parse_fault(text).error(); }

}  // namespace

TEST_CASE("a spike is read, and a bad one is refused with what is accepted") {
  const auto spike = parsed<Spike>("kind=spike,share=0.001,amount=-50,metric=temperature");
  CHECK(spike.share == 0.001);
  CHECK(spike.amount == -50);
  CHECK(spike.metric == "temperature");
  CHECK_THAT(error("kind=spike,share=2,amount=1"), Catch::Contains("numbers from 0 to 1"));
  CHECK_THAT(error("kind=spike,shar=1"), Catch::Contains("accepted are kind, share, amount and metric"));
  CHECK_THAT(error("kind=spike"), Catch::Contains("needed are"));
}

TEST_CASE("a kind that is missing or not known is refused with those that are") {
  for (const char* text : {"kind=spik,share=1,amount=1", "share=1,amount=1"}) {
    CHECK_THAT(error(text), Catch::Contains("accepted are spike, offline, clock, stuck, reboot and delay"));
  }
  CHECK_THAT(error("offline"), Catch::Contains("KEY=VALUE"));
  CHECK_THAT(error("kind=stuck,kind=clock"), Catch::Contains("kind: accepted is one value"));
}

TEST_CASE("an outage is read, and a bad one is refused with what is accepted") {
  const auto outage =
      parsed<Outage>("share=0.1,kind=offline,start=3600s,duration=1h,every=2h,order=newest,rate=2.5");
  CHECK(outage.scope.share == 0.1);
  CHECK(outage.scope.start == 1h);
  CHECK(outage.scope.duration == 1h);
  CHECK(outage.scope.every == 2h);
  CHECK(outage.order == UploadOrder::newest);
  CHECK(outage.rate == 2.5);
  const auto plain = parsed<Outage>("kind=offline,region=north,duration=1h,order=oldest");
  CHECK(plain.scope.region == "north");
  CHECK(plain.order == UploadOrder::oldest);
  CHECK(plain.rate == 20);
  CHECK_THAT(error("kind=offline"), Catch::Contains("needed is duration"));
  CHECK_THAT(error("kind=offline,duration=0"), Catch::Contains("above 0"));
  CHECK_THAT(error("kind=offline,duration=1h,every=1h"), Catch::Contains("longer than duration"));
  CHECK_THAT(error("kind=offline,duration=1h,order=any"), Catch::Contains("accepted are oldest and newest"));
  CHECK_THAT(error("kind=offline,duration=1h,rate=0"), Catch::Contains("0.001 to 1000000"));
  CHECK_THAT(error("kind=offline,duration=1h,share=0"), Catch::Contains("above 0, at most 1"));
  CHECK_THAT(error("kind=offline,duration=1h,offset=1h"),
             Catch::Contains("accepted are duration, every, kind"));
}

TEST_CASE("a fault hits sensors by one of name, region and share") {
  CHECK(parsed<StuckValue>("kind=stuck,sensor=sensor-003").scope.sensor == "sensor-003");
  for (const char* text : {"sensor=a,region=b", "sensor=a,share=0.1", "region=b,share=0.1"}) {
    for (const char* kind :
         {"kind=stuck,", "kind=offline,duration=1h,", "kind=clock,reset=true,", "kind=reboot,start=1h,"}) {
      CHECK_THAT(error(std::string(kind) + text), Catch::Contains("one of sensor, region and share"));
    }
  }
}

TEST_CASE("a clock is read, and a bad one is refused with what is accepted") {
  CHECK(parsed<WrongClock>("kind=clock,offset=1d").offset == 24h);
  CHECK(parsed<WrongClock>("kind=clock,offset=-2h,flap=60s,start=1h,duration=30m").offset == -2h);
  CHECK(parsed<WrongClock>("kind=clock,offset=-2h,flap=60s").flap == 60s);
  CHECK(parsed<WrongClock>("kind=clock,start=1h,duration=30m,reset=true").scope.duration == 30min);
  CHECK(parsed<WrongClock>("kind=clock,reset=true").reset);
  CHECK(parsed<WrongClock>("kind=clock,drift=-50").drift == -50);
  for (const char* text : {"kind=clock", "kind=clock,offset=1h,drift=2", "kind=clock,reset=true,drift=2"}) {
    CHECK_THAT(error(text), Catch::Contains("needed is one of offset=1d, reset=true and drift=50"));
  }
  CHECK_THAT(error("kind=clock,drift=1,flap=60s"), Catch::Contains("only with offset"));
  CHECK_THAT(error("kind=clock,offset=0"), Catch::Contains("accepted are 1d (ahead), -2h (behind)"));
  CHECK_THAT(error("kind=clock,offset=--1h"), Catch::Contains("accepted are 1d (ahead), -2h (behind)"));
  CHECK_THAT(error("kind=clock,reset=no"), Catch::Contains("accepted is true"));
  CHECK_THAT(error("kind=clock,drift=0"), Catch::Contains("-86400 to 86400"));
  CHECK_THAT(error("kind=clock,drift=86401"), Catch::Contains("-86400 to 86400"));
}

TEST_CASE("stuck values and reboots are read, and bad ones are refused with what is accepted") {
  const auto stuck = parsed<StuckValue>("kind=stuck,share=0.5,metric=smoke,start=1h,duration=2h");
  CHECK(stuck.metric == "smoke");
  CHECK(stuck.scope.start == 1h);
  CHECK(stuck.scope.duration == 2h);
  CHECK_THAT(error("kind=stuck,every=1h"), Catch::Contains("accepted are duration, kind, metric, region"));
  const auto both = parsed<Reboot>("kind=reboot,start=1h,every=2h").scope;
  CHECK(both.start == 1h);
  CHECK(both.every == 2h);
  CHECK(parsed<Reboot>("kind=reboot,every=2h").scope.start == 2h);
  CHECK(parsed<Reboot>("kind=reboot,start=1h").scope.every == 0h);
  CHECK_THAT(error("kind=reboot"), Catch::Contains("needed is start=1h, every=6h or both"));
  CHECK_THAT(error("kind=reboot,start=1h,duration=1h"), Catch::Contains("accepted are every, kind, region"));
}

TEST_CASE("delays are read in order of percentage, and bad ones are refused with what is accepted") {
  const auto quantiles = parsed<Delay>("kind=delay,p99.5=8m,max=6h,p80=10s").quantiles;
  REQUIRE(quantiles.size() == 3);
  CHECK(quantiles[0].share == Approx(0.8));
  CHECK(quantiles[0].within == 10s);
  CHECK(quantiles[1].share == Approx(0.995));
  CHECK(quantiles[1].within == 8min);
  CHECK(quantiles[2].share == 1);
  CHECK(quantiles[2].within == 6h);
  CHECK_THAT(error("kind=delay,p80=10s"), Catch::Contains("needed is max"));
  CHECK_THAT(error("kind=delay,p80=10s,p90=5s,max=1h"), Catch::Contains("grow with the percentage"));
  CHECK_THAT(error("kind=delay,p80=10s,max=10s"), Catch::Contains("grow with the percentage"));
  CHECK_THAT(error("kind=delay,p80=10s,p80.0=20s,max=1h"), Catch::Contains("one duration for each"));
  for (const char* key : {"p0", "p100", "p-5", "p", "px", "q80", "80"}) {
    CHECK_THAT(error(std::string("kind=delay,max=1h,") + key + "=5s"),
               Catch::Contains("any other percentage between 0 and 100"));
  }
  CHECK_THAT(error("kind=delay,p80=x,max=1h"), Catch::Contains("p80: 'x' is not a duration"));
}
