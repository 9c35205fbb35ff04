#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/payload_json.h"
#include "gateway/publish.h"
#include "gateway/replay.h"

namespace lookout::test {

inline constexpr Timestamp kPast{std::chrono::seconds{1789999200}};  // 2026-09-21T14:00:00Z, a whole hour

/// A message as it was kept.
struct Kept {
  std::uint64_t offset;
  Timestamp arrival;
  std::string topic, payload;
  bool retain = false, cut = false;
};

/// A reading of "region/sensor" at kPast + `time` that arrived at kPast + `arrival`, in seconds.
inline Kept kept(std::uint64_t offset, const std::string& sensor, std::int64_t time, std::int64_t arrival,
                 double value) {
  const auto epoch = (kPast + std::chrono::seconds{time}).time_since_epoch() / std::chrono::seconds{1};
  return {offset, kPast + std::chrono::seconds{arrival}, "sensors/net/" + sensor + "/t",
          fmt::format(R"({{"event_time":{},"value":{}}})", epoch, value)};
}

inline std::string envelope(const Kept& message) {
  nlohmann::ordered_json json{
      {"offset", message.offset}, {"arrival", to_rfc3339(message.arrival)}, {"retain", message.retain}};
  add_payload(json, message.payload);
  if (message.cut) json["cut"] = true;
  return json.dump();
}

inline std::string start(const std::string& by) {
  return R"({"action":"start","by":")" + by +
         R"(","from":"2026-09-21T14:00:00Z","to":"2026-09-21T15:00:00Z"})";
}

/// What a machine gave, as a replay of that name says it.
inline Outgoing of_the_past(Outgoing message, const std::string& job) {
  const std::string live = R"("historical":false)";
  if (const auto at = message.payload.find(live); at != std::string::npos)
    message.payload.replace(at, live.size(), R"("historical":true)");
  if (message.topic.starts_with("aggregates/"))
    message.payload.replace(message.payload.size() - 1, 1, R"(,"historical":true})");
  return {"replay/" + job + '/' + message.topic, message.payload, false};
}

using Lines = std::vector<std::string>;

inline Lines lines(const std::vector<Outgoing>& messages, const std::string& prefix = "") {
  Lines found;
  for (const Outgoing& message : messages) {
    if (message.topic.starts_with(prefix))
      found.push_back(message.topic + (message.retain ? " retained " : " ") + message.payload);
  }
  return found;
}

/// A live machine and the replays beside it, as the worker steps them, today.
class ReplayRig {
 public:
  static constexpr Timestamp kToday = kPast + std::chrono::days{30};

  explicit ReplayRig(const Config& config) : ReplayRig(*Machine::create(config, "box"), {config, "box"}) {}
  ReplayRig(Machine machine, Replay replays) : live(std::move(machine)), replay(std::move(replays)) {}

  /// Time passes: on the wall, and connected where `linked`.
  void pass(Microseconds time, bool linked = true) {
    wall += time;
    if (linked) connected += time;
  }
  std::vector<Outgoing> receive(std::string_view topic, std::string_view payload, bool retain = false,
                                bool cut = false) {
    return step(journal::Kind::message, {wall, topic, payload, retain, cut});
  }
  std::vector<Outgoing> tick() { return step(journal::Kind::tick, {wall, {}, {}}); }
  std::vector<Outgoing> configure(const Config& config) {
    return step(journal::Kind::configuration, {wall, {}, to_json(config.sources)});
  }
  std::vector<Outgoing> control(const std::string& job, const std::string& payload) {
    return receive("replay/" + job + "/control", payload);
  }
  std::vector<Outgoing> play(const std::string& job, const Kept& message) {
    return receive("replay/" + job + '/' + message.topic, envelope(message));
  }
  /// Ticks as long as the replays have something to put out at once.
  std::vector<Outgoing> drain() {
    std::vector<Outgoing> all;
    while (replay.due_in(live.clock().connected()) == Microseconds{0})
      std::ranges::move(tick(), std::back_inserter(all));
    return all;
  }
  /// What is left of a job, the summary last.
  std::vector<Outgoing> end(const std::string& job) {
    std::vector<Outgoing> all = control(job, R"({"action":"end"})");
    std::ranges::move(drain(), std::back_inserter(all));
    return all;
  }
  /// A whole job: everything it gives, the summary last.
  std::vector<Outgoing> run(const std::string& job, const std::string& by,
                            const std::vector<Kept>& messages) {
    std::vector<Outgoing> all = control(job, start(by));
    for (const Kept& message : messages) std::ranges::move(play(job, message), std::back_inserter(all));
    std::ranges::move(end(job), std::back_inserter(all));
    return all;
  }

  Machine live;
  Replay replay;
  Timestamp wall = kToday;
  Microseconds connected{};

 private:
  std::vector<Outgoing> step(journal::Kind kind, const MessageView& message) {
    const journal::Record record{offset_++, message, kind, {connected, true}};
    std::vector<Output> outputs;
    live.step(record, outputs);
    std::vector<Outgoing> messages;
    for (const Output& output : outputs) render(output, record, messages);
    replay.step(record, live, messages);
    return messages;
  }
  std::uint64_t offset_ = 0;
};

}  // namespace lookout::test
