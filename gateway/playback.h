#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "common/journal_format.h"
#include "gateway/machine.h"
#include "gateway/timeline.h"

namespace lookout {

/// By which of their times messages of the past are played: in its order they come, and it is the clock.
enum class PlayBy : std::uint8_t { arrival, event };

/// Takes what followed from one record; `cause` has the arrival of the message that it was. Fails when it
/// cannot.
using PlaybackSink =
    std::function<Result<void>(const std::vector<Output>& outputs, const journal::Record& cause)>;

/// Steps a machine through messages of the past; how fast they are handed over does not matter.
///
/// By arrival: as the live gateway steps it through its journal. Connected time passes with the arrivals.
///
/// By event time: the time in hand is the least event time of the message's readings, the arrival where they
/// have none. Time passes with it, so that silence is silence at the sensors, and nothing is late because it
/// arrived late. The arrival serves the guards only: a reading too far from it (max_future, max_past) is
/// rejected as live; where arrivals cannot be believed, none is. A message without a reading that the guards
/// let pass takes no time. Of a message that comes after later ones, the same as of an arrival that steps
/// back.
///
/// Threading: one owner.
class Playback {
 public:
  /// `trusted`: whether the arrivals can be believed. The machine must outlive this.
  Playback(Machine& machine, PlayBy by, bool trusted)
      : machine_(machine), timeline_(trusted || by == PlayBy::event), by_(by), trusted_(trusted) {}

  /// Fails when the sink does.
  Result<void> take(const MessageView& message, const PlaybackSink& sink);
  /// The end: what is open comes out, of the next so many groups. Whether there are more groups; nothing else
  /// is taken until there are none.
  Result<bool> finish(const PlaybackSink& sink, std::size_t groups = std::numeric_limits<std::size_t>::max());

  /// Writes or reads the state (snapshot.h), without the machine's.
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(timeline_);
  }

 private:
  Result<void> pass_to(Timestamp time, const PlaybackSink& sink);
  Result<void> take_by_event(const MessageView& message, const PlaybackSink& sink);
  Result<void> step(const journal::Record& record, const PlaybackSink& sink);

  Machine& machine_;
  Timeline timeline_;
  PlayBy by_;
  bool trusted_;
  std::vector<Output> outputs_;  // reused from step to step
};

struct PlaybackOptions {
  std::string input;    ///< a recording (gateway/recording.h); "-" is standard input
  bool trusted = true;  ///< whether its arrivals can be believed
  bool flush = true;    ///< at the end of input everything open comes out
};

/// What went into the machine.
struct Played {
  std::uint64_t lines = 0, broken = 0, messages = 0;
};

/// Steps the machine through a recording by arrival. The same recording gives the same outputs. Broken lines
/// are logged, the first 20 in full, and passed over. Fails when the recording cannot be read or the sink
/// fails.
Result<Played> play(const PlaybackOptions& options, Machine& machine, const PlaybackSink& sink);

}  // namespace lookout
