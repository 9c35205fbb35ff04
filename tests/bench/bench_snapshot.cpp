// What snapshots cost: the pause of the worker while one begins, the writing and the reading of one, and how
// long a start takes that has a million readings to read behind it. The argument is the number of series.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <thread>

#include "common/journal_writer.h"
#include "gateway/read_ahead.h"
#include "gateway/snapshot_writer.h"
#include "tests/support/temp_folder.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "5m"
size = "5m"
by = ["sensor", "region"]
[[window]]
name = "1m"
size = "1m"
by = ["region"]
[[rule]]
name = "Fire"
window = "5m"
when = "temperature.mean > 35"
)";
constexpr Timestamp kStart{1'790'000'000s};
constexpr std::size_t kSensorsOfRegion = 50;

Config config() { return parse_config({{{"lookout.toml", kConfig}}}).config; }

/// Readings of all series in turn, one every 10 s of each.
class Source {
 public:
  explicit Source(std::size_t series) {
    for (std::size_t i = 0; i < series; ++i) {
      topics_.push_back(
          fmt::format("sensors/wildfire/region-{:04}/sensor-{:06}/temperature", i / kSensorsOfRegion, i));
    }
  }
  /// Valid until the next call.
  MessageView next() {
    const std::size_t i = count_ % topics_.size();
    const auto seconds = 10 * static_cast<std::int64_t>(count_ / topics_.size());
    payload_ =
        fmt::format(R"({{"event_time":{}.{:06},"value":{}.5,"unit":"Cel","seq":{},"boot":"a1"}})",
                    kStart.time_since_epoch() / 1s + seconds, i % 1'000'000, i % 40, count_ / topics_.size());
    ++count_;
    return {kStart + std::chrono::seconds{seconds + 1}, topics_[i], payload_};
  }

 private:
  std::vector<std::string> topics_;
  std::string payload_;
  std::size_t count_ = 0;
};

struct Filled {
  explicit Filled(std::size_t series, std::size_t rounds = 3)
      : source(series), machine(*Machine::create(config(), "box")) {
    std::vector<Output> outputs;
    for (std::size_t i = 0; i < series * rounds; ++i) machine.step({i, source.next()}, outputs);
  }
  SnapshotHead head() const { return {1, machine.config(), {}, {}}; }
  Source source;
  Machine machine;
  Replay replay{config(), "box"};
};

void pause_of_the_worker(benchmark::State& state) {
  Filled filled(static_cast<std::size_t>(state.range(0)));
  const test::TempFolder folder;
  const SnapshotStore store(folder.path());
  SnapshotWriter writer(store);
  for (auto _ : state) {
    if (!writer.begin(filled.head(), filled.machine, filled.replay)) state.SkipWithError("no snapshot");
    state.PauseTiming();
    while (!writer.finished()) std::this_thread::sleep_for(1ms);
    state.ResumeTiming();
  }
}
BENCHMARK(pause_of_the_worker)
    ->Arg(5'000)
    ->Arg(100'000)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void write_one(benchmark::State& state) {
  Filled filled(static_cast<std::size_t>(state.range(0)));
  const test::TempFolder folder;
  const SnapshotStore store(folder.path());
  for (auto _ : state) {
    if (!store.write(filled.head(), filled.machine, filled.replay)) state.SkipWithError("no snapshot");
  }
  state.counters["bytes_per_series"] =
      static_cast<double>(store.newest_size()) / static_cast<double>(state.range(0));
}
BENCHMARK(write_one)->Arg(5'000)->Arg(100'000)->Iterations(5)->Unit(benchmark::kMillisecond)->UseRealTime();

// The work of a start: reading the snapshot, and the journal behind it through the machine.
void start_with_a_million_readings(benchmark::State& state) {
  constexpr std::size_t kReadings = 1'000'000;
  Filled filled(static_cast<std::size_t>(state.range(0)));
  const test::TempFolder folder;
  const SnapshotStore store(folder.path());
  static_cast<void>(store.write({0, filled.machine.config(), {}, {}}, filled.machine, filled.replay));
  auto journal = JournalWriter::open(folder / "journal", JournalConfig{});
  for (std::size_t i = 0; i < kReadings; ++i) {
    static_cast<void>((*journal)->prepare());
    static_cast<void>((*journal)->append(filled.source.next()));
  }
  double loading = 0;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    auto restored = store.load("box");
    loading += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const std::uint64_t end = (*journal)->end();
    ReadAhead reader(folder / "journal", 0, end, restored->machine);
    std::vector<Output> outputs;
    while (auto* const item = *reader.next(end)) restored->machine.step(item->record, item->parsed, outputs);
    if (restored->machine.books().accepted < kReadings) state.SkipWithError("readings are missing");
  }
  state.counters["loading_s"] = loading / static_cast<double>(state.iterations());
}
BENCHMARK(start_with_a_million_readings)
    ->Arg(5'000)
    ->Arg(100'000)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lookout

BENCHMARK_MAIN();
