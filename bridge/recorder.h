#pragma once

#include "bridge/archive/archive.h"
#include "bridge/stats.h"
#include "common/decoder.h"

namespace lookout {

/// The step archive: a message becomes rows, and is counted. Applies no guards against wrong event times: the
/// archive keeps what the sensors said. Threading: one owner. Deterministic: the same messages give the same
/// rows.
class Recorder {
 public:
  Recorder(Archive& archive, const Config& config)
      : archive_(archive), decoder_(config.inputs, config.limits) {}

  /// Adds the rows of one message to the archive's open batch.
  ArchiveResult<void> record(std::uint64_t offset, const MessageView& message);

  // What was recorded since the last of these counts, or never happened: as the batch was committed or
  // abandoned.
  void settle();
  void forget() { batch_ = {}; }

  [[nodiscard]] const ArchiveBooks& books() const { return books_; }

 private:
  ArchiveResult<void> record_readings(std::uint64_t offset, const MessageView& message);
  ArchiveResult<void> record_aggregate(std::uint64_t offset, const MessageView& message);

  Archive& archive_;
  Decoder decoder_;
  Decoder::Result decoded_;
  ArchiveBooks batch_, books_;
};

}  // namespace lookout
