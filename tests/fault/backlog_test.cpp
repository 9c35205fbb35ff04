// A backlog of a million readings that the broker kept while the gateway was away: taken whole, by a program
// that stays as large as it was.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <thread>

#include "common/timestamp.h"
#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr int kReadings = 1'000'000;
constexpr double kKibibyte = 1024, kMegabyte = 1e6;

constexpr const char* kConfig = R"(
[[window]]
name = "5m"
size = "5m"
by = ["sensor", "region"]
[[window]]
name = "1m"
kind = "sliding"
size = "1m"
step = "10s"
by = ["region"]
[[rule]]
name = "Fire"
window = "1m"
when = "temperature.mean > 35"
)";

double resident_mb(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string word; status >> word;) {
    double kibibytes = 0;
    if (word == "VmRSS:" && status >> kibibytes) return kibibytes * kKibibyte / kMegabyte;
  }
  return 0;
}

// 500 sensors of 2 metrics, one reading of each every 10 s of 10,000; then two of another network, of which
// the second closes the window of the first.
void publish_backlog(const Broker& broker) {
  const auto now =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  const auto time = [](std::chrono::seconds at) { return lookout::to_rfc3339(lookout::Timestamp{at}); };
  simulate(broker, {"run", "--sensors", "500", "--interval", "10s", "--duration", "10000s", "--speed", "max",
                    "--start", time(now - 10'100s)});
  for (const auto at : {now - 2h, now - 100s})
    broker.publish("sensors/last/r/s/t", fmt::format(R"({{"event_time":"{}","value":1}})", time(at)));
}

}  // namespace

TEST_CASE("a backlog of a million readings is taken whole, and memory stays flat", "[.][long-backlog]") {
  const Broker broker("max_queued_messages 1100000\nmax_queued_bytes 400000000\n");
  Box box(broker.port(), kConfig);
  REQUIRE(box.start("gateway").stop() == 0);
  publish_backlog(broker);
  Subscriber results(broker, {"aggregates/last/#"});
  ChildProcess gateway = box.start("gateway", false);
  std::vector<double> resident;
  const bool taken = wait_until(
      [&] {
        std::this_thread::sleep_for(100ms);
        resident.push_back(resident_mb(gateway.pid()));
        return !results.received("aggregates/last/").empty();
      },
      300s);
  REQUIRE(taken);
  std::this_thread::sleep_for(5s);  // over a snapshot or two, for what comes after
  const double after = resident_mb(gateway.pid());
  CHECK(gateway.stop() == 0);
  const auto books = run({program("gateway"), "books", "--config", box.config(), "--json"});
  INFO(books.out);
  CHECK(json::parse(books.out)["books"]["accepted"] == kReadings + 2);
  // All is warm after a fifth of it.
  const auto warm = resident.begin() + static_cast<std::ptrdiff_t>(resident.size() / 5);
  const double most = *std::max_element(resident.begin(), resident.end());
  std::cout << fmt::format("resident: {:.1f} MB after a fifth, at most {:.1f}, {:.1f} after it\n", *warm,
                           most, after);
  CHECK(resident.size() > 20);
  CHECK(most < 1.25 * *warm);
  CHECK(after < 1.1 * most);
}
