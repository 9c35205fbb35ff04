#include "gateway/backtest.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/exit_code.h"
#include "common/file.h"
#include "gateway/publish.h"

namespace lookout {
namespace {

constexpr std::size_t kFlushAt = 65536;

/// Writes outputs as lines and counts them by kind.
class OutputLines {
 public:
  Result<void> write(const std::vector<Output>& outputs, const journal::Record& cause) {
    for (const Output& output : outputs) {
      messages_.clear();
      render(output, cause, messages_);
      counts_[output.index()] += messages_.size();
      for (const Outgoing& message : messages_) add(message);
    }
    return lines_.size() < kFlushAt ? Result<void>{} : flush();
  }
  Result<void> flush() {
    const bool written =
        std::fwrite(lines_.data(), 1, lines_.size(), stdout) == lines_.size() && std::fflush(stdout) == 0;
    if (!written) return Failure(describe_errno("cannot write to", "standard output"));
    lines_.clear();
    return {};
  }
  [[nodiscard]] std::string summary() const {
    std::string text;
    for (std::size_t i = 0; i < kOutputKinds.size(); ++i) {
      text += fmt::format("{}{} {}", i == 0 ? "" : ", ", counts_[i], kOutputKinds[i]);
    }
    return text;
  }

 private:
  // The payload is JSON already.
  void add(const Outgoing& message) {
    lines_ += "{\"topic\":";
    lines_ += nlohmann::json(message.topic).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    lines_ += ",\"payload\":";
    lines_ += message.payload;
    lines_ += "}\n";
  }

  std::vector<Outgoing> messages_;
  std::string lines_;
  std::array<std::uint64_t, kOutputKinds.size()> counts_{};
};

std::string rejected_by_reason(const Books& books) {
  std::string text;
  for (std::size_t i = 0; i < books.rejected.size(); ++i) {
    if (books.rejected[i] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? " (" : ", ", books.rejected[i], kReasonNames[i]);
  }
  return text.empty() ? text : text + ')';
}

void print_summary(const Played& played, const Machine& machine, const OutputLines& lines,
                   std::chrono::duration<double> elapsed) {
  const Books& books = machine.books();
  const double rate = static_cast<double>(books.received) / std::max(elapsed.count(), 1e-9);
  fmt::print(stderr, "backtest: {} lines read, {} broken, {} messages; {:.1f} s, {:.0f} readings/s\n",
             played.lines, played.broken, played.messages, elapsed.count(), rate);
  fmt::print(stderr, "readings: {} received = {} accepted + {} duplicate + {} rejected{} + {} late\n",
             books.received, books.accepted, books.duplicate, books.all_rejected(), rejected_by_reason(books),
             books.late);
  fmt::print(stderr,
             "          {} corrected a closed window, {} refusals by single windows, {} retained ignored\n",
             books.corrected, books.refused, books.retained_ignored);
  if (books.watermarks_set_back > 0)
    fmt::print(stderr, "          {} watermarks set back: time had run ahead\n", books.watermarks_set_back);
  if (books.windows_full > 0)
    fmt::print(stderr, "          {} refused because a window held too many\n", books.windows_full);
  fmt::print(stderr, "outputs:  {}\n", lines.summary());
  if (const auto& span = machine.lateness().span()) {
    fmt::print(stderr, "event times: {} to {}\n", to_rfc3339(span->oldest), to_rfc3339(span->newest));
  }
}

}  // namespace

int backtest(Machine machine, const PlaybackOptions& options) {
  const auto fail = [](const std::string& why) {
    spdlog::error("{}", why);
    return kExitFailed;
  };
  OutputLines lines;
  const auto begin = std::chrono::steady_clock::now();
  const auto played = play(
      options, machine, [&](const auto& outputs, const auto& cause) { return lines.write(outputs, cause); });
  if (!played) return fail(played.error());
  if (const auto written = lines.flush(); !written) return fail(written.error());
  print_summary(*played, machine, lines, std::chrono::steady_clock::now() - begin);
  return kExitDone;
}

}  // namespace lookout
