#include <catch2/catch.hpp>

#include "gateway/machine.h"
#include "tests/property/comparison.h"
#include "tests/property/stream.h"
#include "tests/support/text.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp kNoon{1790000100s};  // 2026-09-21T14:15:00Z

struct Stream {
  Stream(Microseconds size, Microseconds step) {
    InputConfig input;
    input.topic = *TopicPattern::parse("sensors/{network}/{region}/{sensor}/{metric}");
    made.config.inputs.push_back(input);
    made.config.time.lag = made.config.time.allowed_lateness = 0s;
    WindowConfig window;
    window.name = "w";
    window.kind = size == step ? WindowKind::tumbling : WindowKind::sliding;
    window.size = size;
    window.step = step;
    window.by = {GroupBy::network};
    made.config.windows.push_back(window);
  }
  // Times from noon; the link is up all the time.
  Step& add(Microseconds arrival, std::optional<Microseconds> event_time) {
    Step step;
    step.arrival = kNoon + arrival;
    step.connected = connected;
    if (event_time) step.event_time = kNoon + *event_time;
    connected += 1s;
    made.steps.push_back(step);
    return made.steps.back();
  }
  Books books() const {
    Machine machine = *Machine::create(made.config, "box");
    std::vector<Output> outputs;
    for (std::size_t i = 0; i < made.steps.size(); ++i)
      machine.step(Rendered(made.steps[i], i).record, outputs);
    return machine.books();
  }
  Case made;
  Microseconds connected{};
};

}  // namespace

TEST_CASE("a sliding window that was final while it was empty stays silent") {
  Stream stream(10s, 5s);
  stream.add(8s, 8s);  // [-5 s, 5 s) is past, and empty
  stream.add(9s, 3s);  // [0 s, 10 s) takes it
  CHECK(published(stream.made).find("14:14:55Z") == std::string::npos);
}

TEST_CASE("a reading without an event time shows that the watermark is ahead") {
  Stream stream(10s, 10s);
  stream.add(1h, std::nullopt);  // the wall clock was wrong
  stream.add(0s, std::nullopt);
  CHECK(stream.books().late == 0);
  CHECK(stream.books().watermarks_set_back == 1);
}

TEST_CASE("a repeat counts once also where no window covers the metric but one the sensor") {
  Stream stream(10s, 10s);
  stream.made.config.windows[0].metrics = {"t"};
  stream.add(0s, 0s).metric = 1;
  stream.add(1200s, 1200s);  // of the metric that is covered; more than a bucket of identities later
  stream.add(1201s, 1201s);
  stream.add(1202s, 0s).metric = 1;
  CHECK(stream.books().duplicate == 1);
}

TEST_CASE("a repeat counts once also when the clock has stepped back over max_past") {
  Stream stream(10s, 10s);
  stream.made.config.time.max_past = 10min;
  stream.made.config.time.allowed_lateness = 1h;
  stream.add(0s, 0s);
  stream.add(1200s, 1190s);  // what is older than 590 s would be refused now
  stream.add(500s, 0s);
  CHECK(stream.books().accepted == 2);
}

TEST_CASE("a window that is forgotten after it was published goes on counting revisions") {
  Stream stream(10s, 10s);
  stream.made.config.time.allowed_lateness = 1h;
  stream.add(1h, 1h);        // the wall clock is wrong
  stream.add(1h, 1h + 10s);  // publishes the window at 1 h
  stream.add(0s, 0s);        // shows it
  stream.add(1h, 1h + 1s);   // an hour later it is time for the window
  stream.add(1h, 1h + 30s);
  const std::string all = published(stream.made);
  CHECK(occurrences(all, R"("id":"n/w/_all/t/2026-09-21T15:15:00Z","revision":0)") == 1);
}

TEST_CASE("what came for a closed window between two set backs comes out") {
  Stream stream(10s, 10s);
  stream.made.config.time.idle = 1s;
  stream.add(100s, 21s);
  stream.connected += 20s;        // the window at 20 s closes by idleness
  stream.add(-60s, 300s);         // the clock was wrong
  stream.add(22s, std::nullopt);  // is taken up when the window closes again
  stream.add(-45s, -45s);         // wrong again, but the window's start is plausible
  stream.made.config.time.max_future = 66s;
  CHECK(published(stream.made).find(R"("count":2)") != std::string::npos);
  CHECK(compare_with_oracle(stream.made).empty());
}

TEST_CASE("a seq that two readings share hides no gap") {
  Stream stream(10s, 10s);
  stream.add(1s, 1s).seq = 7;
  Step& other = stream.add(2s, 1s);
  other.seq = 7;
  other.value = 2;
  stream.add(3s, 2s).seq = 11;
  CHECK(published(stream.made).find(R"("seq_gaps":3)") != std::string::npos);
}

TEST_CASE("a session that begins where one was retracted and forgotten goes on counting") {
  Stream stream(10s, 10s);
  stream.made.config.time.allowed_lateness = 10min;
  stream.made.config.time.correction_interval = 0s;
  stream.made.config.windows[0].kind = WindowKind::session;
  stream.made.config.windows[0].gap = 1s;
  stream.add(1h, 1h + 1s);
  stream.add(1h, 1h + 4s);  // publishes the session at 1 s
  stream.add(1h, 1h);       // becomes its start: the old id is retracted with revision 1
  stream.add(0s, 0s);       // shows that the clock was wrong
  stream.add(1h, 1h + 1s).value = 2;
  CHECK(occurrences(published(stream.made), R"("id":"n/w/_all/t/2026-09-21T15:15:01Z","revision":0)") == 1);
}
