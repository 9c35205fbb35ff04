#include "gateway/playback.h"

#include <spdlog/spdlog.h>

#include "gateway/recording.h"
#include "gateway/timeline.h"

namespace lookout {
namespace {

constexpr std::uint64_t kComplaints = 20;  // the rest is only counted

class Playback {
 public:
  Playback(Machine& machine, bool trusted, const PlaybackSink& sink)
      : machine_(machine), timeline_(trusted), sink_(sink) {}

  Result<void> take(const MessageView& message) {
    while (const auto tick = timeline_.tick_before(message.arrival, machine_.due_in())) {
      if (auto taken = step(*tick); !taken) return taken;
    }
    return step(timeline_.message(message));
  }

  Result<void> finish() {
    machine_.finish(outputs_);
    return sink_(outputs_, timeline_.last());
  }

 private:
  Result<void> step(const journal::Record& record) {
    machine_.step(record, outputs_);
    return sink_(outputs_, record);
  }

  Machine& machine_;
  Timeline timeline_;
  const PlaybackSink& sink_;
  std::vector<Output> outputs_;
};

}  // namespace

Result<Played> play(const PlaybackOptions& options, Machine& machine, const PlaybackSink& sink) {
  std::uint64_t complaints = 0;
  auto recording = Recording::open(options.input, [&](std::uint64_t line, const std::string& why) {
    if (++complaints <= kComplaints) spdlog::warn("line {}: {}", line, why);
  });
  if (!recording) return Failure(recording.error());
  Playback playback(machine, options.trusted, sink);
  Played played;
  while (true) {
    const auto message = recording->next();
    if (!message) return Failure(message.error());
    if (!*message) break;
    ++played.messages;
    if (const auto taken = playback.take(**message); !taken) return Failure(taken.error());
  }
  if (complaints > kComplaints) spdlog::warn("and {} more broken lines", complaints - kComplaints);
  played.lines = recording->lines();
  played.broken = recording->broken();
  if (options.flush) {
    if (const auto finished = playback.finish(); !finished) return Failure(finished.error());
  }
  return played;
}

}  // namespace lookout
