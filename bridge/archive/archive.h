#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "bridge/archive/archive_catalogue.h"
#include "bridge/archive/closed_repeats.h"
#include "bridge/archive/open_file.h"
#include "bridge/archive/sealer.h"
#include "common/config.h"

namespace lookout {

/// The archive's writer: a folder of files, of which the newest is written (files, tables and promise:
/// bridge/README.md).
///
/// Rows are added between begin() and commit(), and are there all or not at all. After a failure of any call
/// the batch is to be given up with abandon(), and everything since begin() added again. Threading: one
/// owner. Readers are processes or threads with connections of their own (archive_reader.h).
class Archive {
 public:
  /// How far the archive of an epoch was forwarded.
  using ForwardedUpTo = std::function<std::uint64_t(std::uint64_t epoch)>;

  /// Opens or creates the archive, mends what a crash left and sets damaged files aside. A reading whose
  /// identity holds no event time is held to be a repeat of one whose arrival lies at most `identity_window`
  /// away. Where the disk has no room for that, the oldest files go that may: those below what `forwarded`
  /// gives for the archive's epoch; without it everything was.
  static ArchiveResult<std::unique_ptr<Archive>> open(const std::filesystem::path& folder,
                                                      const ArchiveConfig& config,
                                                      Microseconds identity_window,
                                                      const ForwardedUpTo& forwarded = {});
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;
  ~Archive();

  /// One past the newest committed message: the archive is its own cursor into the journal.
  [[nodiscard]] std::uint64_t next_offset() const { return committed_end_.value_or(0); }
  /// Drawn when the archive was made: with it an offset means one message only, also where an archive was
  /// thrown away and begun anew.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

  /// Whether a message of that arrival, which would come next, belongs into another file than the last: on
  /// another UTC day, or the file, or its -wal, is large enough. Then the batch is to be committed before it.
  [[nodiscard]] bool starts_new_file(Timestamp arrival) const;
  /// Begins a batch whose first message is this. Closes the open file and begins the next where one is due.
  ArchiveResult<void> begin(std::uint64_t offset, Timestamp arrival);
  /// Offsets must rise; those that are left out are noted as missing.
  ArchiveResult<void> add_message(std::uint64_t offset, const MessageView& message);
  /// `offset` is that of the message added last. `part` counts its readings, below 65,536; `series` is that
  /// of the reading, numbered by one and the same SeriesTable for the life of this object. False: the reading
  /// is in the archive already.
  ArchiveResult<bool> add_reading(std::uint64_t offset, std::uint16_t part, const Series& series,
                                  const Reading& reading);
  /// False: this revision of the window is in the archive already. A complete one is kept beside an
  /// incomplete one of the same number: a gateway that lost its state counts anew.
  ArchiveResult<bool> add_aggregate(std::uint64_t offset, const AggregateRow& row);
  /// On success the batch survives a power cut.
  ArchiveResult<void> commit();
  /// Undoes everything since begin().
  void abandon();

  /// Everything below was forwarded: it may go first. Until somebody says so, everything was.
  void set_forwarded(std::uint64_t offset) { forwarded_ = offset; }
  /// Between two batches: a part of what has to be done about closed files: one that is due for retention
  /// goes, or closing one goes on (Sealer::step). True: there is more to do at once. `now` is nothing where
  /// the clock cannot be believed.
  ArchiveResult<bool> maintain(std::optional<Timestamp> now);
  /// On a full disk, between two batches: gives up closing a file, for some minutes or until there is more
  /// room, or removes the oldest file, where it may go; the open one ends early where there is no other.
  /// False: there was nothing that could go, or the last that went made no room, and that was less than a
  /// minute ago.
  ArchiveResult<bool> make_room();
  /// Between two batches: sets the closed file aside in which the offset lies, since somebody could not read
  /// it, and notes the gap. Nothing where there is no such file.
  void set_damaged_aside(std::uint64_t offset, const std::string& why);

  struct State {
    std::size_t files = 0;
    std::uint64_t bytes = 0, first_offset = 0;
    std::uint64_t evicted = 0, evicted_unforwarded = 0;  ///< offsets, since the program's start
    /// It is larger than retention_size, since what was not forwarded is to stay.
    bool keeps_unforwarded = false;
  };
  [[nodiscard]] State state() const;

 private:
  struct ToNote {
    Gap gap;
    bool is_damaged = false;  // the file that begins there is to be set aside then
  };

  Archive(ArchiveCatalogue catalogue, const ArchiveConfig& config, Microseconds identity_window);
  ArchiveResult<void> open_newest();
  void find_end();
  ArchiveResult<void> add_noted();
  ArchiveResult<void> note_missing(std::uint64_t offset, Timestamp arrival);
  void close_file();
  template <typename MayHold, typename Holds>
  ArchiveResult<bool> is_in_closed(MayHold may_hold, Holds holds);
  void give_up_damaged();
  void give_up_closed(std::uint64_t first_offset, const std::string& why);
  ArchiveResult<bool> seal_next();
  ArchiveResult<bool> sealing_failed(std::uint64_t first_offset, const ArchiveFailure& failure);
  ArchiveResult<void> open_making_room(const ForwardedUpTo& forwarded);
  bool end_open_early();
  ArchiveResult<bool> evict_oldest();
  void note_durably(Gap gap);
  void note_durably();

  using Steady = std::chrono::steady_clock;

  const ArchiveConfig config_;
  const Microseconds identity_window_;
  const std::uint64_t file_size_;
  ArchiveCatalogue catalogue_;
  ClosedRepeats closed_repeats_;
  std::unique_ptr<OpenFile> open_;
  std::unique_ptr<Sealer> sealer_;
  Steady::time_point seal_again_at_, evict_again_at_;  // where the last time there was, or it made, no room
  std::uint64_t epoch_ = 0;
  std::optional<std::uint64_t> committed_end_, added_end_;  // nothing: no offset was ever used
  Timestamp arrival_{};                                     // of the message added last
  std::vector<ToNote> gaps_to_note_;                        // not in any file yet
  std::size_t gaps_in_batch_ = 0;                           // so many of them are in the open batch
  std::uint64_t forwarded_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t evicted_ = 0, evicted_unforwarded_ = 0;
  std::uint64_t eviction_noted_ = 0;  // of the files below it that were to go without having been forwarded
};

}  // namespace lookout
