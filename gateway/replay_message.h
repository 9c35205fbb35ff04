#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/message.h"
#include "common/result.h"
#include "gateway/books.h"
#include "gateway/output.h"
#include "gateway/playback.h"

/// What crosses on replay/ (docs/replay.md), read and written. Failures are sentences.
namespace lookout {

/// What to subscribe to for replays: the control of all jobs, and the inputs' filters below each. An input
/// whose topic is one of kReplayWords cannot be replayed: there these stand.
std::vector<std::string> replay_filters(const std::vector<std::string>& input_filters);

/// What stands at replay/{job}/... and is no message of the past.
inline constexpr std::array<std::string_view, 3> kReplayWords{"control", "progress", "summary"};

/// replay/{job}/{rest}. Views of the topic; the job's name is not validated.
struct ReplayTopic {
  std::string_view job, rest;
};
/// Nothing where it is no such topic.
std::optional<ReplayTopic> parse_replay_topic(std::string_view topic);

/// The beginning of a job. What was asked for is for people: the gateway takes what comes.
struct ReplayStart {
  PlayBy by = PlayBy::event;
  Timestamp from, to;
  std::string topics;  ///< a filter; empty: all
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(by, from, to, topics);
  }
};
/// Whoever sends it is told when everything is out that came of what went before.
struct ReplayMark {
  std::uint64_t mark = 0;
};
struct ReplayEnd {};
struct ReplayCancel {};
using ReplayControl = std::variant<ReplayStart, ReplayMark, ReplayEnd, ReplayCancel>;
Result<ReplayControl> parse_control(std::string_view payload);

/// A message of the past, and what it has been numbered with where it was kept.
struct Envelope {
  std::uint64_t offset = 0;
  Timestamp arrival;
  bool retain = false, cut = false;
  std::string payload;
};
Result<Envelope> parse_envelope(const MessageView& message);

/// That a mark is reached.
Outgoing render(std::string_view job, const ReplayMark& mark);

/// How a job ended, or that it did not begin.
enum class ReplayState : std::uint8_t { done, cancelled, refused, abandoned };

/// What a job took and gave.
struct ReplayFigures {
  std::uint64_t messages = 0;                                ///< taken, repeats not counted
  std::uint64_t repeats = 0;                                 ///< envelopes that came again
  std::uint64_t unreadable = 0;                              ///< envelopes that were none
  std::string first_unreadable;                              ///< what was wrong with the first of them
  std::array<std::uint64_t, kOutputKinds.size()> outputs{};  ///< messages, by kind
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(messages, repeats, unreadable, first_unreadable, outputs);
  }
};

/// The last word on a job, or on something asked for that cannot be; `detail` is a sentence where it is not
/// done. A pointer is null where that is not known.
struct ReplaySummary {
  std::string_view job;
  ReplayState state = ReplayState::refused;
  std::string_view detail{};
  const ReplayStart* start = nullptr;
  const ReplayFigures* figures = nullptr;
  const Books* books = nullptr;
};
Outgoing render(const ReplaySummary& summary);

}  // namespace lookout
