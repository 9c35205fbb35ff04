#include "gateway/playback.h"

#include <spdlog/spdlog.h>

#include "gateway/recording.h"

namespace lookout {
namespace {

constexpr std::uint64_t kComplaints = 20;  // the rest is only counted

}  // namespace

Result<void> Playback::take(const MessageView& message, const PlaybackSink& sink) {
  if (by_ == PlayBy::event) return take_by_event(message, sink);
  if (auto passed = pass_to(message.arrival, sink); !passed) return passed;
  return step(timeline_.message(message), sink);
}

Result<void> Playback::take_by_event(const MessageView& message, const PlaybackSink& sink) {
  const auto time = machine_.decode(message, trusted_);
  MessageView timed = message;
  if (time) {
    if (auto passed = pass_to(*time, sink); !passed) return passed;
    timed.arrival = *time;
  }
  journal::Record record = time ? timeline_.message(timed) : timeline_.standing(timed);
  machine_.step_decoded(record, outputs_, trusted_ ? std::optional(message.arrival) : std::nullopt);
  record.message.arrival = message.arrival;
  return sink(outputs_, record);
}

Result<bool> Playback::finish(const PlaybackSink& sink, std::size_t groups) {
  const bool more = machine_.finish(outputs_, groups);
  if (auto taken = sink(outputs_, timeline_.last()); !taken) return Failure(taken.error());
  return more;
}

Result<void> Playback::pass_to(Timestamp time, const PlaybackSink& sink) {
  while (const auto tick = timeline_.tick_before(time, machine_.due_in())) {
    if (auto taken = step(*tick, sink); !taken) return taken;
  }
  return {};
}

Result<void> Playback::step(const journal::Record& record, const PlaybackSink& sink) {
  machine_.step(record, outputs_);
  return sink(outputs_, record);
}

Result<Played> play(const PlaybackOptions& options, Machine& machine, const PlaybackSink& sink) {
  std::uint64_t complaints = 0;
  auto recording = Recording::open(options.input, [&](std::uint64_t line, const std::string& why) {
    if (++complaints <= kComplaints) spdlog::warn("line {}: {}", line, why);
  });
  if (!recording) return Failure(recording.error());
  Playback playback(machine, PlayBy::arrival, options.trusted);
  Played played;
  while (true) {
    const auto message = recording->next();
    if (!message) return Failure(message.error());
    if (!*message) break;
    ++played.messages;
    if (const auto taken = playback.take(**message, sink); !taken) return Failure(taken.error());
  }
  if (complaints > kComplaints) spdlog::warn("and {} more broken lines", complaints - kComplaints);
  played.lines = recording->lines();
  played.broken = recording->broken();
  if (options.flush) {
    if (const auto finished = playback.finish(sink); !finished) return Failure(finished.error());
  }
  return played;
}

}  // namespace lookout
