#include "bridge/query.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/exit_code.h"
#include "common/file.h"
#include "common/topic_pattern.h"

namespace lookout {
namespace {

/// Writes to a file, which is made or replaced when there is something to write, or to standard output;
/// remembers the first error, after which it takes nothing more.
class Writer {
 public:
  explicit Writer(std::string file) : path_(std::move(file)) {}

  bool write(std::string_view text) {
    while (error_.empty() && !text.empty() && open()) {
      const ssize_t written = ::write(file_ ? file_.get() : STDOUT_FILENO, text.data(), text.size());
      if (written >= 0) {
        text.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        error_ = fmt::format("cannot write: {}", std::strerror(errno));
        reader_left_ = errno == EPIPE;
      }
    }
    return error_.empty();
  }
  /// Also where there was nothing to write.
  bool open() {
    if (path_.empty() || file_) return true;
    auto opened = open_file(path_, O_WRONLY | O_CREAT | O_TRUNC);
    if (opened) {
      file_ = std::move(*opened);
    } else {
      error_ = opened.error();
    }
    return opened.has_value();
  }
  /// A sentence; empty where all went well, or the reader went away early.
  [[nodiscard]] std::string error() const { return reader_left_ ? std::string{} : error_; }

 private:
  const std::string path_;
  FileHandle file_;
  std::string error_;
  bool reader_left_ = false;
};

int fail(int code, const std::string& text) {
  fmt::print(stderr, "lookout-bridge: {}\n", text);
  return code;
}

std::string_view meaning_of(std::string_view why) {
  if (why == "evicted") return "evicted before they were forwarded";
  if (why == "corrupt") return "their file was damaged";
  return why == "journal" ? "the journal had lost them" : why;
}

Result<std::optional<Timestamp>> read_time(const char* option, const std::string& text, Timestamp now) {
  if (text.empty()) return std::nullopt;
  const auto time = parse_time_argument(text, now);
  if (!time) return Failure(fmt::format("{}: {}", option, time.error()));
  return *time;
}

}  // namespace

int tell(const Missing& missing) {
  for (const Gap& gap : missing.gaps) fail(kExitDone, describe(gap));
  for (const std::string& damaged : missing.damaged) fail(kExitFailed, damaged + ": passed over");
  return missing.damaged.empty() ? kExitDone : kExitFailed;
}

std::string describe(const Gap& gap) {
  return fmt::format("offsets {} to {} are missing: {}{}", gap.first_offset, gap.end_offset - 1,
                     meaning_of(gap.why),
                     gap.times ? fmt::format("; they arrived between {} and {}", to_rfc3339(gap.times->from),
                                             to_rfc3339(gap.times->to))
                               : "");
}

Result<Selection> make_selection(const QueryArguments& arguments, Timestamp now) {
  const auto read_from = read_time("--from", arguments.from, now);
  if (!read_from) return Failure(read_from.error());
  const auto read_to = read_time("--to", arguments.to, now);
  if (!read_to) return Failure(read_to.error());
  const std::optional<Timestamp>&from = *read_from, &to = *read_to;
  if (from && to && *to <= *from) {
    return Failure(fmt::format("--to {} is not after --from {}: the range from <= time < to would be empty",
                               to_rfc3339(*to), to_rfc3339(*from)));
  }
  if (!arguments.topics.empty() && !is_valid_filter(arguments.topics)) {
    return Failure(
        fmt::format("--topics: '{}' is no MQTT filter: + stands for one level, # at the end for all below",
                    arguments.topics));
  }
  const bool messages = arguments.kind == RowKind::messages;
  if (messages && arguments.axis == TimeAxis::event)
    return Failure("--time: messages have no event time, only what is in them: use --time arrival");
  const TimeAxis axis = arguments.axis.value_or(messages ? TimeAxis::arrival : TimeAxis::event);
  return Selection{arguments.kind, axis, from, to, arguments.topics, arguments.limit};
}

int run_query(const std::filesystem::path& archive, const QueryArguments& arguments) {
  const auto selection = make_selection(arguments, wall_clock_now());
  if (!selection) return fail(kExitUsage, selection.error());
  std::signal(SIGPIPE, SIG_IGN);
  Writer writer(arguments.output);
  TableOutput output(arguments.format, columns_of(arguments.kind),
                     [&](std::string_view text) { return writer.write(text); });
  bool found = false;
  const auto missing = ArchiveReader(archive).read(*selection, [&](std::span<const Cell> row) {
    found = true;
    return output.row(row);
  });
  if (!missing) return fail(kExitFailed, missing.error());
  output.finish();
  writer.open();
  if (const std::string error = writer.error(); !error.empty()) return fail(kExitFailed, error);
  if (!found) fail(kExitDone, "nothing in the archive matches");
  return tell(*missing);
}

}  // namespace lookout
