#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "common/file.h"
#include "common/result.h"
#include "simulator/sample.h"

namespace lookout {

/// What was really sent, for tests that compare: one JSON line per distinct reading that the broker
/// acknowledged.
///     {"network","region","sensor","metric","event_time","value","seq","acked"}, times RFC 3339
/// Threading: all methods from any thread. Nobody waits for a disk but who calls flush(), and then for a full
/// buffer.
class Ledger {
 public:
  /// Empties the file. The catalogue must outlive the ledger.
  static Result<std::unique_ptr<Ledger>> create(const std::filesystem::path& path,
                                                const Catalogue& catalogue);

  /// Remembers what is about to be published.
  void expect(const Sample& sample);
  /// The oldest of the expected samples was acknowledged.
  void acknowledge(Timestamp when);
  /// Hands all lines to the kernel. After a failure the file is no longer complete, and each call fails.
  Result<void> flush();

 private:
  Ledger(FileHandle file, std::filesystem::path path, const Catalogue& catalogue)
      : path_(std::move(path)), catalogue_(catalogue), file_(std::move(file)) {}
  void append(const Sample& sample, Timestamp acked);

  const std::filesystem::path path_;
  const Catalogue& catalogue_;

  std::mutex writing_;  // one flush at a time; taken before mutex_
  FileHandle file_;
  Result<void> state_;

  std::mutex mutex_;  // guards what follows
  std::deque<Sample> expected_;
  std::string lines_;
};

}  // namespace lookout
