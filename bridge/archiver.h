#pragma once

#include <chrono>
#include <stop_token>

#include "bridge/recorder.h"
#include "common/journal_reader.h"
#include "common/journal_writer.h"

namespace lookout {

/// What ends a batch. At least one message goes into each.
struct BatchLimits {
  std::size_t size = 4000;
  std::chrono::milliseconds time{250};  ///< after the batch's first message was there
};

/// Carries messages from the journal into the archive, in batches, each one transaction (or two, where the
/// archive begins another file in the middle).
/// Threading: one owner, while the MQTT library's thread appends to the journal.
class Archiver {
 public:
  /// Goes on behind the archive's newest message.
  Archiver(JournalWriter& journal, Archive& archive, const Config& config, BatchLimits limits = {});

  /// Archives one batch, waiting for its messages until the limits or `stop`; then lets the journal drop what
  /// is no longer needed. Nothing to archive is a success. After a failure the next call begins at the first
  /// message that is not in the archive.
  ArchiveResult<void> archive_batch(const std::stop_token& stop);

  /// The offset of the next message to archive.
  [[nodiscard]] std::uint64_t position() const { return reader_.position(); }
  [[nodiscard]] JournalState journal_state() const;
  [[nodiscard]] const ArchiveBooks& books() const { return recorder_.books(); }

 private:
  ArchiveResult<void> fill_batch(const std::stop_token& stop);
  ArchiveResult<void> record_one(const journal::Record& record);
  ArchiveResult<void> commit();
  void rewind();

  const BatchLimits limits_;
  JournalWriter& journal_;
  Archive& archive_;
  Recorder recorder_;
  JournalReader reader_;
  bool in_batch_ = false;
  std::uint64_t lost_ = 0;         // unreadable records passed over in committed batches
  std::uint64_t lost_before_ = 0;  // those of them that an earlier reader met
};

}  // namespace lookout
