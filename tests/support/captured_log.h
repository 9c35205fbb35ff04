#pragma once

#include <spdlog/sinks/ringbuffer_sink.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace lookout::test {

/// The last 1,000 lines that were logged while it lives, by any thread. Threads may go on logging while it is
/// made, read and destroyed: the default logger's own list of sinks is never changed.
class CapturedLog {
 public:
  CapturedLog();
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  ~CapturedLog();

  /// The lines without their heads, each with its newline.
  [[nodiscard]] std::string text() const;
  /// How often the word is in the text.
  [[nodiscard]] std::size_t count(std::string_view word) const;

 private:
  using Sink = spdlog::sinks::ringbuffer_sink_mt;
  std::shared_ptr<Sink> sink_;
};

}  // namespace lookout::test
