#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "bridge/archive/archive_name.h"
#include "bridge/replay/replay_file.h"
#include "common/result.h"

namespace lookout {

/// The archive as it was when a replay began: what comes later is not in it. A file that is damaged, or that
/// retention takes meanwhile, is passed over from then on, and named. Nothing stays open. Threading: one
/// owner.
class ReplayFiles {
 public:
  struct File {
    ArchiveName name;  ///< as it was; a file that is closed meanwhile is found all the same
    FileSummary summary;
  };

  /// Fails where there is no archive, or it cannot be read. (The bridge sets a damaged file aside when it
  /// starts; from then on there is a gap.)
  static Result<ReplayFiles> open(std::filesystem::path folder);

  /// By offset.
  [[nodiscard]] const std::vector<File>& all() const { return files_; }
  /// The file in which an offset lies, if it lies in one; there must be files.
  [[nodiscard]] const File& holding(std::uint64_t offset) const;
  [[nodiscard]] std::uint64_t first_offset() const {
    return files_.empty() ? 0 : files_[0].name.first_offset;
  }
  /// Offsets from here on came later.
  [[nodiscard]] std::uint64_t end_offset() const {
    return files_.empty() ? 0 : files_.back().summary.end_offset;
  }
  /// Offsets that are missing.
  [[nodiscard]] const std::vector<Gap>& gaps() const { return gaps_; }

  /// What a file answers: question(ReplayFile&) gives an ArchiveResult. Nothing: it is passed over.
  template <typename Question>
  auto ask(const File& file, Question question) const
      -> Result<std::optional<typename std::invoke_result_t<Question, ReplayFile&>::value_type>>;
  /// A sentence for each file that was passed over: what it held is missing from the replay.
  [[nodiscard]] const std::vector<std::string>& passed_over() const { return passed_over_; }

 private:
  explicit ReplayFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> read();
  /// Nothing: it is passed over.
  [[nodiscard]] Result<std::optional<ReplayFile>> look_into(const File& file) const;
  Result<void> pass_over(const File& file, const ArchiveFailure& failure) const;

  std::filesystem::path folder_;
  std::vector<File> files_;
  std::vector<Gap> gaps_;
  // While one asks.
  mutable std::set<std::uint64_t> left_;  // files that were passed over, by first offset
  mutable std::vector<std::string> passed_over_;
};

template <typename Question>
auto ReplayFiles::ask(const File& file, Question question) const
    -> Result<std::optional<typename std::invoke_result_t<Question, ReplayFile&>::value_type>> {
  auto looked = look_into(file);
  if (!looked) return Failure(looked.error());
  if (!*looked) return std::nullopt;
  auto answer = question(**looked);
  if (answer) return std::move(*answer);
  if (auto passed = pass_over(file, answer.error()); !passed) return Failure(passed.error());
  return std::nullopt;
}

}  // namespace lookout
