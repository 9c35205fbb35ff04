#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "common/file_system.h"
#include "common/message.h"
#include "common/result.h"
#include "gateway/cursor.h"
#include "gateway/machine.h"
#include "gateway/replay.h"

namespace lookout {

/// A snapshot: the machine's whole state and that of the replays, so that a start reads the journal from
/// `offset` on and not from its beginning.
///
/// File: `<offset, 20 digits>.snapshot` = magic(8) body hash(8). The body is what cereal's binary archive
/// makes of the head, then of the machine, then of the replays, which run under the machine's configuration
/// (every class on the way has a serialize()); the hash is XXH3-64 of all before it. The magic ends with the
/// version of the format: a state of another version is not read, and left for the program that wrote it
/// until two newer ones take its place. A snapshot is written beside its place, synced and renamed, so that
/// there is a whole one or none.
struct SnapshotHead {
  /// An output from before `offset` that the broker had not confirmed. It cannot be computed again.
  struct Unconfirmed {
    Cursor position;  ///< where the cursor stands once it is confirmed
    Outgoing message;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(position, message);
    }
  };
  std::uint64_t offset = 0;  ///< the machine has taken the records before it
  ConfigSources config;      ///< under which
  Microseconds connected{};  ///< in the stamp of the last record
  std::vector<Unconfirmed> unconfirmed;
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(offset, config, connected, unconfirmed);
  }
};

/// The machine's state, out of one machine and into another of the same configuration that has seen nothing.
/// Both throw what cereal throws; for read_state() that is anything, for bytes that are not those of a state.
void write_state(std::ostream& out, Machine& machine);
void read_state(std::istream& in, Machine& machine);

/// The two newest snapshots in a folder. Threading: one owner; write() also in a copy of the process.
class SnapshotStore {
 public:
  explicit SnapshotStore(std::filesystem::path folder, FileSystem& files = system_files())
      : folder_(std::move(folder)), files_(files) {}

  /// Writes one and drops all but the two newest. Logs nothing.
  Result<void> write(SnapshotHead head, Machine& machine, Replay& replay) const;

  struct Restored {
    SnapshotHead head;
    Machine machine;
    Replay replay;
  };
  /// The newest that can be read; one that is damaged is set aside as `.corrupt.<time>`, where there are not
  /// two of them already. Nothing where there is none.
  [[nodiscard]] std::optional<Restored> load(const std::string& box_id) const;
  /// The newest that can be read; changes nothing.
  [[nodiscard]] std::optional<Restored> read_newest(const std::string& box_id) const;

  /// The offset of the older of the two, or nothing where there are not two: below it nobody will read the
  /// journal again.
  [[nodiscard]] std::optional<std::uint64_t> older() const;
  /// Bytes of the newest.
  [[nodiscard]] std::uint64_t newest_size() const;

 private:
  Result<void> set_aside(const std::filesystem::path& path) const;
  Result<void> write_beside(const std::filesystem::path& path, SnapshotHead& head, Machine& machine,
                            Replay& replay) const;
  [[nodiscard]] std::vector<std::uint64_t> offsets() const;  // newest first
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t offset) const;

  std::filesystem::path folder_;
  FileSystem& files_;
};

}  // namespace lookout
