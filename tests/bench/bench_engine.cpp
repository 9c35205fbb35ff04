// What a reading costs on its way from message to aggregate, on one core.
//
// Arguments of the take benchmarks: series / readings of each series a round. Time moves on by one step a
// round, so windows close all the while; items per second count readings, or results where it says so.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include "common/decoder.h"
#include "gateway/dedup.h"
#include "gateway/window.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1'790'000'000s};
constexpr std::size_t kSensorsOfRegion = 50;

InputConfig input() {
  InputConfig input;
  input.topic = *TopicPattern::parse("sensors/{network}/{region}/{sensor}/{metric}");
  return input;
}

WindowConfig window(WindowKind kind, Microseconds size, Microseconds step, std::vector<GroupBy> by) {
  WindowConfig window;
  window.name = "w";
  window.kind = kind;
  window.size = size;
  window.step = step;
  window.by = std::move(by);
  return window;
}

/// The steps after decode, as the machine takes them.
class Engine {
 public:
  Engine(std::size_t series, std::vector<WindowConfig> windows)
      : series_(series + 1), windows_(series_, windows, TimeConfig{}), dedup_(5min, 24h) {
    for (std::size_t i = 0; i < series; ++i) {
      reading_.series = *series_.intern("wildfire", fmt::format("region-{:04}", i / kSensorsOfRegion),
                                        fmt::format("sensor-{:06}", i), "temperature");
    }
    reading_.boot = "a1";
    reading_.unit = "Cel";
    reading_.identity_has_time = true;
  }

  /// One reading of every series, `now` after the start.
  void round(Microseconds now) {
    for (std::size_t i = 0; i < series_.size(); ++i) {
      reading_.series = static_cast<SeriesId>(i);
      reading_.event_time = kStart + now + Microseconds{i % 1000};
      reading_.value = static_cast<double>((i * 7 + static_cast<std::size_t>(now.count())) % 1000) / 10;
      reading_.seq = ++seq_ / series_.size();
      reading_.identity = identify(series_[reading_.series].hash, reading_.event_time, reading_.value,
                                   reading_.seq, reading_.boot);
      const auto& judgement = windows_.judge(reading_);
      if (!judgement.taken ||
          dedup_.by_event_time(windows_.sensor_of(reading_), *reading_.identity, reading_.event_time,
                               [&] { return windows_.horizon(reading_); }) != Seen::never)
        std::abort();
      windows_.take(reading_, {kStart + now, now}, closed_);
      results_ += closed_.size();
      closed_.clear();
    }
  }
  [[nodiscard]] std::size_t results() const { return results_; }

 private:
  SeriesTable series_;
  Windows windows_;
  Dedup dedup_;
  Reading reading_;
  std::vector<ClosedWindow> closed_;
  std::size_t results_ = 0;
  std::uint64_t seq_ = 0;
};

void run(benchmark::State& state, const std::vector<WindowConfig>& windows, Microseconds interval) {
  const auto series = static_cast<std::size_t>(state.range(0));
  Engine engine(series, windows);
  Microseconds now{};
  for (int i = 0; i < 3; ++i) engine.round(now += interval);
  const std::size_t before = engine.results();
  for (auto _ : state) engine.round(now += interval);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(series));
  state.counters["results"] = static_cast<double>(engine.results() - before);
}

// One tumbling window per sensor and per region; a reading of each sensor every 10 s.
void tumbling(benchmark::State& state) {
  run(state, {window(WindowKind::tumbling, 5min, 5min, {GroupBy::sensor, GroupBy::region})}, 10s);
}
BENCHMARK(tumbling)->Arg(5'000)->Arg(100'000)->MinTime(2);

// 10 readings per series and step: what sliding costs a reading, closing apart: a lag beyond the run, so that
// no window closes.
void sliding_taking(benchmark::State& state) {
  auto sliding = window(WindowKind::sliding, 5min, 1s, {GroupBy::sensor});
  sliding.lag = 24h;
  run(state, {sliding}, 100ms);
}
void tumbling_taking(benchmark::State& state) {
  auto tumbling = window(WindowKind::tumbling, 5min, 5min, {GroupBy::sensor});
  tumbling.lag = 24h;
  run(state, {tumbling}, 100ms);
}
BENCHMARK(tumbling_taking)->Arg(5'000)->Iterations(300);
BENCHMARK(sliding_taking)->Arg(5'000)->Iterations(300);

// The same with windows that close: the difference, over the results, is what a result costs.
void sliding_closing(benchmark::State& state) {
  run(state, {window(WindowKind::sliding, 5min, 1s, {GroupBy::sensor})}, 100ms);
}
BENCHMARK(sliding_closing)->Arg(100)->Iterations(10'000);

// Bytes of a series that has sent one reading, for each of its windows; the argument is how many there are.
// What does not depend on their number (names, groups) is shared by them.
void memory_of_idle_series(benchmark::State& state) {
  constexpr std::size_t kSeries = 100'000;
  std::vector<WindowConfig> configs;
  for (int i = 1; i <= state.range(0); ++i)
    configs.push_back(window(WindowKind::tumbling, i * 5min, i * 5min, {GroupBy::sensor}));
  for (auto _ : state) {
    SeriesTable series(kSeries);
    for (std::size_t i = 0; i < kSeries; ++i) {
      static_cast<void>(series.intern("wildfire", "north", fmt::format("sensor-{:06}", i), "temperature"));
    }
    const auto used = [] { return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd); };
    const double before = used();
    Windows windows(series, configs, TimeConfig{});
    std::vector<ClosedWindow> closed;
    Reading reading;
    for (std::size_t i = 0; i < kSeries; ++i) {
      reading.series = static_cast<SeriesId>(i);
      reading.event_time = kStart;
      windows.judge(reading);
      windows.take(reading, {kStart, {}}, closed);
    }
    const double bytes = (used() - before) / kSeries;
    state.counters["bytes_per_series"] = bytes;
    state.counters["bytes_per_series_and_window"] = bytes / static_cast<double>(state.range(0));
  }
}
BENCHMARK(memory_of_idle_series)->Arg(1)->Arg(2)->Arg(3)->Iterations(1)->Unit(benchmark::kMillisecond);

void decode(benchmark::State& state) {
  Decoder decoder({input()}, LimitsConfig{});
  std::vector<std::pair<std::string, std::string>> messages;
  for (int i = 0; i < 5'000; ++i) {
    messages.emplace_back(
        fmt::format("sensors/wildfire/region-{:04}/sensor-{:06}/temperature", i / 50, i),
        fmt::format(R"({{"event_time":{}.123,"value":22.53,"unit":"Cel","seq":{},"boot":"a1"}})",
                    1790000000 + i, i));
  }
  Decoder::Result result;
  for (auto _ : state) {
    for (const auto& [topic, payload] : messages) {
      decoder.decode({kStart, topic, payload}, result);
      benchmark::DoNotOptimize(result.readings.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(messages.size()));
}
BENCHMARK(decode)->MinTime(2);

}  // namespace
}  // namespace lookout

BENCHMARK_MAIN();
