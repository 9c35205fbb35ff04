#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>

#include "common/file.h"
#include "gateway/snapshot.h"

namespace lookout {

/// Writes snapshots in a copy of this process (fork), so that the one who owns the machine goes on at once:
/// what it costs him is the copying of page tables. The copy has no connection, no lock and no other thread,
/// writes the file and ends; it ends too when this process does. Threading: one owner.
class SnapshotWriter {
 public:
  explicit SnapshotWriter(const SnapshotStore& store) : store_(store) {}
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;
  ~SnapshotWriter() { give_up(); }

  [[nodiscard]] bool busy() const { return child_ > 0; }
  /// While not busy.
  Result<void> begin(const SnapshotHead& head, Machine& machine, Replay& replay);
  /// Ends the copy that is at work, before its snapshot takes the place of an older one; where there is none,
  /// nothing. To be called before anybody else writes into the store: they use the same temporary file.
  void give_up();
  /// The same without waiting for its end, which a disk can put off: for who ends too.
  void abandon();
  /// Once for each begin(), as soon as it is done: how it went.
  std::optional<Result<void>> finished();
  /// The same, waited for. Nothing when it is not done by then, or there is none.
  std::optional<Result<void>> await_until(std::chrono::steady_clock::time_point deadline);

 private:
  [[noreturn]] void write_and_end(const SnapshotHead& head, Machine& machine, Replay& replay, pid_t parent);

  const SnapshotStore& store_;
  pid_t child_ = 0;
  FileHandle complaint_;  // what the copy says when it cannot write
};

}  // namespace lookout
