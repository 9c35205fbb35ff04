#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/file_system.h"

namespace lookout::test {

/// A disk in memory that can end at any of its operations, and that tells afterwards what a process would
/// find there. Folders need not be made. Threading: any.
///
/// Every operation that changes something counts: open anew, write, reserve, cut, sync, rename, remove, sync
/// of a folder. What has been synced stays; of the rest the disk decides (Found). Names change in their
/// order, as in a file system that journals its metadata; writes to files reach the disk in any.
class CrashFileSystem final : public FileSystem {
 public:
  /// How a disk is found after its process ended.
  enum class Found {
    kept,     ///< the process was killed: everything written is there, and as little synced as before
    dropped,  ///< the power was cut: nothing is there but what was synced
    torn,     ///< the power was cut: of what was not synced, any part may be there
  };

  /// The operation with this number, counted from 0, and all after it fail. One that is a write was under
  /// way: its beginning is written.
  void stop_at(std::uint64_t operation) { stop_at_ = operation; }
  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  /// The disk as found afterwards; the seed decides what is open.
  [[nodiscard]] std::unique_ptr<CrashFileSystem> found(Found how, std::uint64_t seed) const;

  /// Files take at most so many bytes together; beyond it the disk is full.
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }
  [[nodiscard]] std::uint64_t used() const;
  /// What a sync that fails was to write stays in memory and never reaches the disk, whatever later syncs
  /// say, as with a kernel that takes for written what it could not write.
  void fail_syncs(bool fail) { syncs_fail_ = fail; }
  void fail_writes(bool fail) { writes_fail_ = fail; }
  /// These bytes of the file that is at `path` now cannot be read: a bad sector.
  void fail_reads(const std::filesystem::path& path, std::uint64_t position, std::uint64_t bytes);

  /// A file's content for tests to look at and to damage; null where it is not there.
  std::string* content(const std::filesystem::path& path);

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, Open how) override;
  Result<std::vector<Entry>> list(const std::filesystem::path& folder) override;
  Result<void> make_folder(const std::filesystem::path& /*path*/) override { return {}; }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<void> remove(const std::filesystem::path& path) override;
  Result<void> sync_folder(const std::filesystem::path& folder) override;

 private:
  struct Change {
    enum class Kind { write, reserve, cut } kind;
    std::uint64_t position;  // or the size
    std::string bytes;
  };
  struct Inode {
    std::string synced, content;
    std::vector<Change> changes;         // since the last sync
    bool forgot = false;                 // changes, at a sync that failed
    std::uint64_t bad = 0, bad_end = 0;  // what cannot be read
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  class OpenFile;

  static void apply(const Change& change, std::string& content);
  static std::string torn_content(const Inode& inode, std::mt19937_64& random);
  void copy_from(const CrashFileSystem& other);
  bool ended();
  Result<void> count();
  void name(const std::string& path, std::shared_ptr<Inode> inode);
  Result<void> change(Inode& inode, Change change);

  mutable std::mutex mutex_;
  Names names_;
  std::vector<Names> unsynced_names_{{}};  // what names_ was, from the last sync on
  std::uint64_t operations_ = 0;
  std::optional<std::uint64_t> stop_at_;
  std::optional<std::uint64_t> capacity_;
  bool syncs_fail_ = false, writes_fail_ = false;
};

}  // namespace lookout::test
