#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/file.h"
#include "common/result.h"

namespace lookout {

/// Reads a file or a pipe line by line. Memory is bounded whatever the lines are. Threading: one owner.
class LineReader {
 public:
  /// Nothing longer is a line: it is passed over and reported.
  static constexpr std::size_t kLongestLine = std::size_t{1} << 20;

  struct Line {
    std::string_view text;  ///< without its end; valid until the next call
    bool too_long = false;  ///< the text is not there then
  };

  /// "-" is standard input.
  static Result<LineReader> open(const std::string& file);

  /// The next line, the last one also without an end of line; nothing when there is none. Fails when the file
  /// cannot be read.
  Result<std::optional<Line>> next();

 private:
  LineReader(FileHandle handle, std::string name) : handle_(std::move(handle)), name_(std::move(name)) {}
  Result<bool> fill();

  FileHandle handle_;
  std::string name_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what was not handed out yet
};

}  // namespace lookout
