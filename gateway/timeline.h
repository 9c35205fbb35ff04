#pragma once

#include <optional>

#include "common/journal_format.h"

namespace lookout {

/// Gives recorded messages the stamps that the live gateway would have journaled them with: connected time
/// passes with the arrivals, a step back in them adds none; and a tick comes where a deadline of the machine
/// passes before the next message. Threading: one owner.
class Timeline {
 public:
  /// `trusted`: whether the arrivals can be believed.
  explicit Timeline(bool trusted) {
    last_.kind = journal::Kind::tick;
    last_.stamp.trusted = trusted;
  }

  /// The tick that comes before a message of this arrival, to be asked for until there is none. `due_in`:
  /// from the last record to the machine's next deadline, where it has one. A deadline that a tick did not
  /// move gets no second one.
  std::optional<journal::Record> tick_before(Timestamp arrival, std::optional<Microseconds> due_in);
  /// The record of the next message; its views are the message's.
  journal::Record message(const MessageView& message);
  /// The record of a message that takes no time: at that of the last record.
  [[nodiscard]] journal::Record standing(const MessageView& message) const;
  /// The time of the last record, without a message.
  [[nodiscard]] const journal::Record& last() const { return last_; }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(last_.offset, last_.message.arrival, last_.stamp.connected, last_.stamp.trusted, line_, stuck_);
  }

 private:
  struct Line {
    Timestamp arrival;
    Microseconds connected;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(arrival, connected);
    }
  };
  [[nodiscard]] Microseconds connected_at(Timestamp arrival) const;

  journal::Record last_;
  std::optional<Line> line_;  // the last message
  bool stuck_ = false;        // the last record was a tick that took no time
};

}  // namespace lookout
