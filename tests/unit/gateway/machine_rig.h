#pragma once

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "gateway/machine.h"
#include "gateway/publish.h"

namespace lookout::test {

/// A machine and what it has put out, with the three parts of time moved by hand. Times are seconds after
/// kStart.
class MachineRig {
 public:
  static constexpr std::int64_t kStart = 1789999200;  // 2026-09-21T14:00:00Z, a multiple of 3600

  explicit MachineRig(const Config& config) : machine(*Machine::create(config, "box")) {}
  explicit MachineRig(Machine made) : machine(std::move(made)) {}

  static Config config(std::vector<WindowConfig> windows) {
    Config config;
    InputConfig input;
    input.topic = *TopicPattern::parse("sensors/{network}/{region}/{sensor}/{metric}");
    config.inputs.push_back(input);
    config.windows = std::move(windows);
    return config;
  }
  static WindowConfig tumbling(const std::string& name, Microseconds size, std::vector<GroupBy> by) {
    WindowConfig window;
    window.name = name;
    window.size = window.step = size;
    window.by = std::move(by);
    return window;
  }
  static WindowConfig sliding(const std::string& name, Microseconds size, Microseconds step,
                              std::vector<GroupBy> by) {
    WindowConfig window = tumbling(name, size, std::move(by));
    window.kind = WindowKind::sliding;
    window.step = step;
    return window;
  }
  static WindowConfig session(const std::string& name, Microseconds gap, std::vector<GroupBy> by) {
    WindowConfig window;
    window.name = name;
    window.kind = WindowKind::session;
    window.gap = gap;
    window.by = std::move(by);
    return window;
  }

  /// Time passes: on the wall, and connected where `linked`.
  void pass(std::int64_t seconds, bool linked = true) {
    wall += seconds;
    if (linked) connected += std::chrono::seconds{seconds};
  }
  std::vector<Outgoing> tick() { return step(journal::Kind::tick, {}, {}); }
  /// A connection; whether the broker had kept the session.
  std::vector<Outgoing> link_up(bool resumed) { return step(journal::Kind::link_up, {}, {}, resumed); }
  std::vector<Outgoing> configure(const Config& config) {
    return step(journal::Kind::configuration, {}, to_json(config.sources));
  }
  /// A reading of "region/sensor" measured at kStart + `time`.
  std::vector<Outgoing> read(const std::string& sensor, double time, double value,
                             const std::string& metric = "t") {
    return step(
        journal::Kind::message, "sensors/net/" + sensor + "/" + metric,
        fmt::format(R"({{"event_time":{:.6f},"value":{}}})", static_cast<double>(kStart) + time, value));
  }
  /// One with a seq.
  std::vector<Outgoing> read_numbered(const std::string& sensor, double time, int seq) {
    return step(journal::Kind::message, "sensors/net/" + sensor + "/t",
                fmt::format(R"({{"event_time":{:.6f},"value":1,"seq":{}}})",
                            static_cast<double>(kStart) + time, seq));
  }
  /// Any payload from "region/sensor/metric".
  std::vector<Outgoing> send(const std::string& series, const std::string& payload) {
    return step(journal::Kind::message, "sensors/net/" + series, payload);
  }
  /// As read(), heard one second after it was measured, with all the time until then passing connected.
  std::vector<Outgoing> live(const std::string& sensor, std::int64_t time, double value) {
    if (const std::int64_t missing = kStart + time + 1 - wall; missing > 0) pass(missing);
    return read(sensor, static_cast<double>(time), value);
  }
  std::vector<Outgoing> finish() {
    std::vector<Output> outputs;
    machine.finish(outputs);
    return keep(outputs, {});
  }

  Machine machine;
  std::int64_t wall = kStart;
  bool trusted = true;
  Microseconds connected{};
  std::vector<Outgoing> published;

 private:
  std::vector<Outgoing> step(journal::Kind kind, std::string_view topic, std::string_view payload,
                             bool retain = false) {
    std::vector<Output> outputs;
    const journal::Record record{offset_++,
                                 {Timestamp{std::chrono::seconds{wall}}, topic, payload, retain},
                                 kind,
                                 {connected, trusted}};
    machine.step(record, outputs);
    return keep(outputs, record);
  }
  std::vector<Outgoing> keep(const std::vector<Output>& outputs, const journal::Record& cause) {
    std::vector<Outgoing> messages;
    for (const Output& output : outputs) render(output, cause, messages);
    published.insert(published.end(), messages.begin(), messages.end());
    return messages;
  }
  std::uint64_t offset_ = 0;
};

/// What aggregates say in short: "north 0-300 watermark r0 n2 sum3.0", times in seconds after kStart.
inline std::vector<std::string> in_short(const std::vector<Outgoing>& messages) {
  std::vector<std::string> lines;
  const auto seconds = [](const std::string& text) {
    return parse_rfc3339(text)->time_since_epoch() / std::chrono::seconds{1} - MachineRig::kStart;
  };
  for (const Outgoing& message : messages) {
    if (!message.topic.starts_with("aggregates/")) continue;
    const auto json = nlohmann::json::parse(message.payload);
    lines.push_back(fmt::format(
        "{} {}-{} {} r{} n{} sum{}{}", json["group"].get<std::string>(), seconds(json["start"]),
        seconds(json["end"]), json["closed_by"].get<std::string>(), json["revision"].get<int>(),
        json["count"].get<int>(), json["sum"].get<double>(), json.contains("retracted") ? " retracted" : ""));
  }
  return lines;
}

}  // namespace lookout::test
