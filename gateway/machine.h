#pragma once

#include <string>
#include <vector>

#include "common/config.h"
#include "common/decoder.h"
#include "common/journal_format.h"
#include "gateway/alert.h"
#include "gateway/books.h"
#include "gateway/dedup.h"
#include "gateway/output.h"
#include "gateway/window.h"

namespace lookout {

/// The gateway's steps in the order of the data's path: decode -> guard -> dedup -> window -> alert.
///
/// One deterministic state machine: its inputs are journal records in order, its outputs are values. No step
/// reads a clock, a socket or a file; time is the stamp of the record in hand. That is what makes recovery,
/// replay and simulation the same code as live operation. Threading: one owner.
class Machine {
 public:
  /// Fails with what is wrong in the rules.
  static std::expected<Machine, std::vector<Problem>> create(const Config& config, std::string box_id);
  Machine(Machine&&) = default;

  /// Takes one record and replaces `outputs` by what follows from it, in order.
  void step(const journal::Record& record, std::vector<Output>& outputs);

  [[nodiscard]] const Books& books() const { return books_; }
  [[nodiscard]] const Windows& windows() const { return *windows_; }
  [[nodiscard]] const Alerts& alerts() const { return alerts_; }
  [[nodiscard]] std::size_t series() const { return decoder_->series().size(); }
  [[nodiscard]] std::size_t remembered() const { return dedup_.remembered(); }

 private:
  Machine(const Config& config, Alerts alerts);
  void take(const Reading& reading, Timestamp arrival, std::vector<Output>& outputs);
  void reject(Refusal refusal, std::vector<Output>& outputs);
  [[nodiscard]] std::optional<Refusal> guard(const Reading& reading, Timestamp arrival) const;

  TimeConfig time_;
  std::unique_ptr<Decoder> decoder_;  // the windows refer to its series
  Dedup dedup_;
  std::unique_ptr<Windows> windows_;
  Alerts alerts_;
  Books books_;
  Decoder::Result decoded_;  // these three are reused from step to step
  std::vector<ClosedWindow> closed_;
  std::vector<AlertChange> changes_;
};

}  // namespace lookout
