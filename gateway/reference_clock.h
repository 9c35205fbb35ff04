#pragma once

#include <deque>
#include <optional>
#include <set>

#include "common/journal_format.h"

namespace lookout {

/// Reference time: what the machine holds to be now, from the stamps of records and, where the wall clock
/// cannot be trusted, from what the sensors say.
///
/// Trusted: the wall clock of the record in hand. Untrusted (a box without a clock of its own, before it has
/// heard of the time): the median over all sensors heard of the newest event time each has sent, carried on
/// by the connected time since, so that sensors which have fallen silent do not hold the others back; after
/// the link was away, over those heard since, as soon as they are three or a minute has passed. Of two in the
/// middle the one nearer to the wall clock: of two sensors, one of them in 1970, it is the better witness;
/// else the lower. Where no sensor has told a time, the wall clock after all. Deterministic. Threading: one
/// owner.
class ReferenceClock {
 public:
  /// To be called with every record, in order.
  void advance(const journal::Record& record);
  /// A sensor has sent this event time, plausible or not. `sensor` is a small number of its own.
  void hear(std::uint32_t sensor, Timestamp event_time);

  [[nodiscard]] Timestamp now() const;
  [[nodiscard]] bool trusted() const { return trusted_; }
  /// No earlier than it is, as far as can be known since the link came up: of a trusted wall clock, of one
  /// that sensors agree with to ten minutes, or of sensors, as many as now() waits for or as there were
  /// before.
  [[nodiscard]] std::optional<Timestamp> known() const;
  /// The wall clock of the last record.
  [[nodiscard]] Timestamp wall() const { return wall_; }
  /// Connected time since the first record; a step back in the stamps (a new start) adds none.
  [[nodiscard]] Microseconds connected() const { return connected_; }

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(wall_, connected_, last_stamp_, trusted_, votes_, spell_, heard_in_spell_, known_before_,
            spell_began_, waiting_);
    count_all();
  }

 private:
  /// When a sensor's newest event time was, and what it makes of the connected clock's zero.
  struct Vote {
    Timestamp newest = Timestamp::min(), zero;
    std::uint32_t spell = 0;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(newest, zero, spell);
    }
  };
  void begin_spell();
  void end_waiting();
  [[nodiscard]] bool counts(const Vote& vote) const {
    return vote.newest != Timestamp::min() && (waiting_ || vote.spell == spell_);
  }
  void count(Timestamp zero);
  void uncount(Timestamp zero);
  void balance();
  void count_all();

  Timestamp wall_;
  Microseconds connected_{};
  std::optional<Microseconds> last_stamp_;
  bool trusted_ = true;
  std::deque<Vote> votes_;  // by sensor
  // A spell is a time with the link up. How long the box was away before it nobody knows, so what was heard
  // in former ones counts only until enough sensors have spoken.
  std::uint32_t spell_ = 0, heard_in_spell_ = 0, known_before_ = 0;
  Microseconds spell_began_{};
  bool waiting_ = false;
  // Halves of the votes while the wall clock is not trusted; `low_` has one more or as many.
  std::multiset<Timestamp> low_, high_;
};

}  // namespace lookout
