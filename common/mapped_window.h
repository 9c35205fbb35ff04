#pragma once

#include <cstddef>
#include <cstdint>

namespace lookout {

/// The piece of a file that is being written, mapped into memory: a record costs a copy and no call of the
/// system. What is put there belongs to the file at once: it outlives the process as a write() does, readers
/// see it, and a sync of the file takes it to the disk.
///
/// Only for bytes whose disk space is taken already. Where the disk or another program takes them away all
/// the same, the process ends with exit code 75 (kExitTryAgain) and a sentence on stderr: there is nobody to
/// return an error to. Threading: one owner at a time.
class MappedWindow {
 public:
  MappedWindow() = default;
  MappedWindow(const MappedWindow&) = delete;
  MappedWindow& operator=(const MappedWindow&) = delete;
  ~MappedWindow() { close(); }

  /// Where to put `size` bytes at `position` of the open file; null where the system does not map it. Moves
  /// the window where that is outside.
  char* at(int file, std::uint64_t position, std::size_t size);
  void close();

 private:
  void move(int file, std::uint64_t position, std::size_t size);

  char* memory_ = nullptr;
  std::uint64_t begin_ = 0;  // in the file
  std::size_t length_ = 0;
};

}  // namespace lookout
