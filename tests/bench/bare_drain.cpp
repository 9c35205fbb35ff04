#include "tests/bench/bare_drain.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>

#include "tests/bench/bare_client.h"
#include "tests/support/child_process.h"

namespace lookout::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr const char* kId = "bench-bare";
constexpr auto kPatience = 600s;

}  // namespace

void make_bare_session(std::uint16_t port) {
  BareClient bare(port, kId, true);
  for (const std::string filter : {"sensors/+/+/+", "sensors/+/+/+/+"}) bare.subscribe(filter);
}

Drained drain_bare(std::uint16_t port, int messages) {
  const auto finished =
      test::run({"/proc/self/exe", "bare", std::to_string(port), std::to_string(messages)}, kPatience);
  Drained drained;
  std::istringstream in(finished.out);
  if (!(in >> drained.seconds >> drained.figures.cpu_s >> drained.figures.peak_rss_mb)) {
    fmt::print(stderr, "the bare subscriber did not end: {}\n", finished.err);
    std::exit(1);
  }
  return drained;
}

int count_bare(std::uint16_t port, int messages) {
  const auto begin = Clock::now();
  std::atomic<int> count = 0;
  double seconds = 0;
  {
    const BareClient client(port, kId, true, [&](std::string_view, std::string_view) {
      count.fetch_add(1, std::memory_order_relaxed);
    });
    while (count < messages) std::this_thread::sleep_for(1ms);
    seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::this_thread::sleep_for(100ms);  // the last PUBACK
  }
  const auto figures = figures_of(::getpid());
  fmt::print("{} {} {}\n", seconds, figures.cpu_s, figures.peak_rss_mb);
  return 0;
}

void print(const char* who, const Drained& drained, int readings, double bytes) {
  fmt::print("  {:8} {:6.2f} s {:8.0f} msg/s  CPU {:5.2f} s per million  peak resident {:5.1f} MB", who,
             drained.seconds, readings / drained.seconds, drained.figures.cpu_s * 1e6 / readings,
             drained.figures.peak_rss_mb);
  if (drained.figures.wchar > 0) {
    fmt::print("  of {:.0f} bytes each: wchar {:.2f} x, write_bytes {:.2f} x", bytes / readings,
               drained.figures.wchar / bytes, drained.figures.write_bytes / bytes);
  }
  fmt::print("\n");
  std::fflush(stdout);
}

}  // namespace lookout::bench
