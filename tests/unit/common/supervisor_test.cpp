#include "common/supervisor.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "tests/support/wait.h"

using namespace lookout;
using namespace std::chrono_literals;

TEST_CASE("a task runs at the time it names and when woken") {
  std::atomic<int> timed = 0, woken = 0;
  Supervisor supervisor;
  supervisor.add([&](auto now) {
    ++timed;
    return now + 5ms;
  });
  supervisor.add([&](auto) {
    ++woken;
    return Supervisor::Clock::time_point::max();
  });
  supervisor.start();
  CHECK(test::wait_until([&] { return timed >= 5; }));
  supervisor.stop();
  const int before = timed;
  supervisor.wake();
  CHECK(timed == before);
  CHECK(woken >= 1);
}

TEST_CASE("every() keeps its interval however often it is asked") {
  int runs = 0;
  auto task = every(10s, [&] { ++runs; });
  const auto start = Supervisor::Clock::now();
  CHECK(task(start) == start + 10s);
  CHECK(task(start + 1s) == start + 10s);
  CHECK(runs == 1);
  CHECK(task(start + 10s) == start + 20s);
  CHECK(runs == 2);
}
