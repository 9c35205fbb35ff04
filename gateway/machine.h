#pragma once

#include <limits>
#include <string>
#include <vector>

#include "common/config.h"
#include "common/decoder.h"
#include "common/journal_format.h"
#include "gateway/alert.h"
#include "gateway/books.h"
#include "gateway/dedup.h"
#include "gateway/lateness.h"
#include "gateway/output.h"
#include "gateway/reference_clock.h"
#include "gateway/seq_book.h"
#include "gateway/window.h"

namespace lookout {

/// The gateway's steps in the order of the data's path: decode -> guard -> dedup -> window -> alert.
///
/// One deterministic state machine: its inputs are journal records in order, its outputs are values. No step
/// reads a clock, a socket or a file; time is the stamp of the record in hand. That is what makes recovery,
/// replay and simulation the same code as live operation. A record of kind configuration is what changes the
/// configuration: recovery runs under the one of the time. Threading: one owner.
class Machine {
 public:
  /// Fails with what is wrong in the rules.
  static std::expected<Machine, std::vector<Problem>> create(const Config& config, std::string box_id);
  Machine(Machine&&) = default;

  /// Takes one record and replaces `outputs` by what follows from it, in order: first what its time alone
  /// brings, then what its message does. Of a message on replay/ it takes the time alone: the past has
  /// machines of its own (gateway/replay.h).
  void step(const journal::Record& record, std::vector<Output>& outputs);
  /// The half of a step that needs no state: where the record holds a message to be taken, what that says by
  /// itself. May run on another thread beside step(), but not beside that of a configuration.
  [[nodiscard]] std::optional<Decoder::Parsed> parse(const journal::Record& record) const;
  /// As step(), with what parse() gave of the record since the last configuration; uses it up.
  void step(const journal::Record& record, std::optional<Decoder::Parsed>& parsed,
            std::vector<Output>& outputs);
  /// Decodes a message for step_decoded(). The least event time of its readings, the arrival where they have
  /// none; where `guarded`, of those that the guards let pass, judged by the arrival. Nothing where there is
  /// no such reading.
  std::optional<Timestamp> decode(const MessageView& message, bool guarded);
  /// As step(), with the message that was decoded last, whose record has another time than its arrival. The
  /// guards judge it by `arrived`, or by the record's time where that is nothing.
  void step_decoded(const journal::Record& record, std::vector<Output>& outputs,
                    std::optional<Timestamp> arrived);
  /// Whether the record says that the broker's session is older than anything this machine remembers: what
  /// the box took of it before is lost, with its state. step() does what note_loss() does then.
  [[nodiscard]] bool shows_lost_past(const journal::Record& record) const {
    return !begun_ && record.kind == journal::Kind::link_up && record.message.retain;
  }
  /// Records from before this one are lost: results of windows that begin before its time are incomplete, and
  /// all are while the time is not known.
  void note_loss(const journal::Record& record);
  /// The end of input: replaces `outputs` by what the windows of the next so many groups hold that was not
  /// published. Whether there are more groups; step() is not called until there are none.
  bool finish(std::vector<Output>& outputs, std::size_t groups = std::numeric_limits<std::size_t>::max());
  /// Connected time from the last record to the next deadline, when there is one: if no record comes before,
  /// a tick is to be appended then.
  [[nodiscard]] std::optional<Microseconds> due_in();

  [[nodiscard]] const Books& books() const { return books_; }
  [[nodiscard]] const Windows& windows() const { return *windows_; }
  [[nodiscard]] const Alerts& alerts() const { return alerts_; }
  [[nodiscard]] const ReferenceClock& clock() const { return clock_; }
  [[nodiscard]] const Lateness& lateness() const { return lateness_; }
  [[nodiscard]] const SeqBook& seqs() const { return seqs_; }
  /// The lag that windows have unless they name their own.
  [[nodiscard]] Microseconds lag() const { return time_.lag; }
  [[nodiscard]] const SeriesTable& series() const { return decoder_->series(); }
  [[nodiscard]] std::size_t remembered() const { return dedup_.remembered(); }
  /// The configuration it runs under.
  [[nodiscard]] const ConfigSources& config() const { return config_; }

  /// Writes the state, or reads it (snapshot.h) into a machine of the same configuration that has seen
  /// nothing.
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(*decoder_, clock_, dedup_, *windows_, alerts_, books_, seqs_, lateness_, begun_);
  }

 private:
  Machine(const Config& config, Alerts alerts);
  void pass_time(const journal::Record& record, std::vector<Output>& outputs);
  void take_decoded(Timestamp arrival, std::optional<Timestamp> arrived, std::vector<Output>& outputs);
  void reconfigure(const journal::Record& record, std::vector<Output>& outputs);
  void take(Reading& reading, Timestamp arrival, std::optional<Timestamp> arrived,
            std::vector<Output>& outputs);
  void reject(Refusal refusal, std::vector<Output>& outputs);
  void hear_time(Reading& reading);
  [[nodiscard]] std::optional<Refusal> guard(const Reading& reading, Timestamp now) const;
  Seen look_up(const Reading& reading, const Windows::Judgement& judgement);
  void put_out_closed(std::vector<Output>& outputs);

  ConfigSources config_;
  TimeConfig time_;
  std::unique_ptr<Decoder> decoder_;  // the windows refer to its series
  ReferenceClock clock_;
  Dedup dedup_;
  std::unique_ptr<Windows> windows_;
  Alerts alerts_;
  Books books_;
  SeqBook seqs_;
  Lateness lateness_;
  bool begun_ = false;       // has heard from a broker
  Decoder::Result decoded_;  // these three are reused from step to step
  std::vector<ClosedWindow> closed_;
  std::vector<AlertChange> changes_;
};

}  // namespace lookout
