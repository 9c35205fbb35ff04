#pragma once

#include <deque>
#include <string>
#include <vector>

#include "gateway/machine.h"
#include "gateway/playback.h"
#include "gateway/recent_offsets.h"
#include "gateway/replay_message.h"

namespace lookout {

/// One replay: a machine of its own, what plays the past to it, and its results on the way out.
///
/// Results wait here until put_out(), a few at a time: the end of a job, or a silence in the past, may bring
/// those of a hundred thousand series at once, and what is live is not to wait for them. No more than 65,536
/// wait for longer: beyond, what a message brings goes out with it. Deterministic: the same calls give the
/// same results. Threading: one owner.
class ReplayJob {
 public:
  /// `trusted`: whether the arrivals of the past can be believed. `now` is connected time, as below.
  ReplayJob(std::string_view name, ReplayStart start, Machine machine, bool trusted, Microseconds now);
  ReplayJob(const ReplayJob&) = delete;
  ReplayJob& operator=(const ReplayJob&) = delete;

  /// A message of the past, on its topic of then, within `envelope`. What cannot wait is appended.
  void take(std::string_view topic, const MessageView& envelope, Microseconds now,
            std::vector<Outgoing>& messages);
  /// What came of the messages before it comes out, and then that it has.
  void take(const ReplayMark& mark);
  /// The last message was taken: what windows hold comes out, and then the summary.
  void end() { ending_ = true; }
  /// Appends results, at most so many messages.
  void put_out(std::size_t at_most, std::vector<Outgoing>& messages);

  /// Whether put_out() has something to do.
  [[nodiscard]] bool has_work() const { return ending_ || !waiting_.empty(); }
  /// Whether everything is out, the summary included.
  [[nodiscard]] bool is_done() const { return done_; }
  /// When it last heard of who sends it messages.
  [[nodiscard]] Microseconds heard() const { return heard_; }
  [[nodiscard]] const ReplayStart& start() const { return start_; }
  /// What is to be said of it when it ends so, now.
  [[nodiscard]] Outgoing summary(ReplayState state, std::string_view detail = {}) const;

  /// Writes the state, or reads it (snapshot.h) into a job begun in the same way that has taken nothing.
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(machine_, playback_, recent_, figures_, waiting_, heard_, ending_, finished_, done_);
  }

 private:
  Result<void> keep(const std::vector<Output>& outputs, const journal::Record& cause);

  const std::string name_, prefix_;
  const ReplayStart start_;
  Machine machine_;
  Playback playback_;
  const PlaybackSink sink_;
  RecentOffsets recent_;
  ReplayFigures figures_;
  std::deque<Outgoing> waiting_;
  std::vector<Outgoing> rendered_;  // reused
  Microseconds heard_;
  bool ending_ = false, finished_ = false, done_ = false;
};

}  // namespace lookout
