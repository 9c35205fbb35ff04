#include "tests/bench/filled_archive.h"

#include <fmt/format.h>

#include <cstdlib>

#include "bridge/recorder.h"

namespace lookout::bench {
namespace {

constexpr int kRegions = 20;
constexpr int kBatch = 4000;

template <typename Done>
void check(const Done& done) {
  if (done) return;
  fmt::print(stderr, "the archive: {}\n", done.error().text);
  std::exit(1);
}

}  // namespace

Config filling_config() {
  Config config;
  InputConfig input;
  input.topic = *TopicPattern::parse("sensors/{network}/{region}/{sensor}/{metric}");
  config.inputs.push_back(input);
  return config;
}

std::unique_ptr<Archive> fill_archive(const std::filesystem::path& folder, const Config& config,
                                      const Filling& filling) {
  auto archive = Archive::open(folder, config.archive, config.time.identity_window);
  check(archive);
  Recorder recorder(**archive, config);
  for (int i = 0; i < filling.readings;) {
    const auto time_of = [&](int reading) {
      return filling.start + filling.interval * (reading / filling.sensors) +
             filling.interval * (reading % filling.sensors) / filling.sensors;
    };
    check((*archive)->begin(static_cast<std::uint64_t>(i), time_of(i)));
    for (int of_batch = 0; of_batch < kBatch && i < filling.readings; ++of_batch, ++i) {
      const Timestamp time = time_of(i);
      if (of_batch > 0 && (*archive)->starts_new_file(time)) break;
      const int sensor = i % filling.sensors, step = i / filling.sensors;
      const std::string topic =
          fmt::format("sensors/bench/region-{:02}/sensor-{:03}/temperature", sensor % kRegions, sensor);
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
      const std::string payload =
          fmt::format(R"({{"event_time":{}.{:03},"value":{}.{:02},"unit":"Cel","seq":{},"boot":"a1b2"}})",
                      ms / 1000, ms % 1000, 18 + i % 9, i % 100, step);
      check(recorder.record(static_cast<std::uint64_t>(i),
                            {.arrival = time, .topic = topic, .payload = payload}));
    }
    check((*archive)->commit());
    check((*archive)->maintain(std::nullopt));
  }
  while (*(*archive)->maintain(std::nullopt)) {
  }
  return std::move(*archive);
}

}  // namespace lookout::bench
