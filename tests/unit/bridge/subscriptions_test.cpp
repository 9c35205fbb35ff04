#include "bridge/subscriptions.h"

#include "tests/unit/bridge/archive_fixture.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("the bridge subscribes to every input and to the gateway's results, each filter once") {
  Config config;
  config.inputs = {input("a/{sensor}/{metric}", CodecKind::lookout),
                   input("a/{network}/{sensor}", CodecKind::number), input("b/{sensor}", CodecKind::number)};
  CHECK(subscriptions(config) ==
        std::vector<std::string>{"a/+/+", "b/+", "aggregates/#", "alerts/#", "late/#", "rejected/#"});
}

TEST_CASE("where a message comes from is told by the first level of its topic") {
  CHECK(origin_of("sensors/wild/north/s1") == Origin::sensor);
  CHECK(origin_of("aggregates/wild/5m/_all/smoke") == Origin::aggregate);
  CHECK(origin_of("alerts/wild/Fire/north") == Origin::result);
  CHECK(origin_of("late/sensors/x") == Origin::result);
  CHECK(origin_of("rejected/aggregates/x") == Origin::result);
  CHECK(origin_of("aggregates2/x") == Origin::sensor);
}
