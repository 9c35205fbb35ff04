#include "gateway/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace lookout {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

}  // namespace

Result<LineReader> LineReader::open(const std::string& file) {
  if (file == "-") {
    FileHandle handle(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!handle) return Failure(describe_errno("cannot read", "standard input"));
    return LineReader(std::move(handle), "standard input");
  }
  auto handle = open_file(file, O_RDONLY);
  if (!handle) return Failure(handle.error());
  return LineReader(std::move(*handle), file);
}

Result<std::optional<LineReader::Line>> LineReader::next() {
  bool too_long = false;
  std::size_t searched = 0;  // of what begins at begin_
  while (true) {
    const std::string_view waiting = std::string_view(buffer_).substr(begin_);
    if (const auto length = waiting.find('\n', searched); length != std::string_view::npos) {
      begin_ += length + 1;
      too_long = too_long || length > kLongestLine;
      return Line{too_long ? std::string_view{} : waiting.substr(0, length), too_long};
    }
    too_long = too_long || waiting.size() > kLongestLine;
    if (too_long) begin_ = buffer_.size();
    searched = buffer_.size() - begin_;
    const auto filled = fill();
    if (!filled) return Failure(filled.error());
    if (*filled) continue;
    const std::string_view last = std::string_view(buffer_).substr(std::exchange(begin_, buffer_.size()));
    if (last.empty() && !too_long) return std::nullopt;
    return Line{last, too_long};
  }
}

// False at the end of the file.
Result<bool> LineReader::fill() {
  buffer_.erase(0, std::exchange(begin_, 0));
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kPiece);
  ssize_t got = -1;
  do {
    got = ::read(handle_.get(), buffer_.data() + size, kPiece);
  } while (got < 0 && errno == EINTR);
  buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) return Failure(describe_errno("cannot read", name_));
  return got > 0;
}

}  // namespace lookout
