#include "bridge/days/summarize_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

#include "bridge/archive/archive_name.h"
#include "bridge/days/day_summary.h"
#include "bridge/query.h"
#include "bridge/table_output.h"
#include "common/duration.h"
#include "common/exit_code.h"
#include "common/topic_pattern.h"

namespace lookout {
namespace {

struct SummarizeArguments {
  std::string day{}, zone = "UTC", topics{}, archive{};
  Format format = Format::table;
};

constexpr std::array kColumns{
    Column{"network", CellType::text},     Column{"group", CellType::text},
    Column{"metric", CellType::text},      Column{"unit", CellType::text},
    Column{"start", CellType::time},       Column{"end", CellType::time},
    Column{"count", CellType::integer},    Column{"sensors", CellType::integer},
    Column{"sum", CellType::number},       Column{"mean", CellType::number},
    Column{"min", CellType::number},       Column{"max", CellType::number},
    Column{"stddev", CellType::number},    Column{"first", CellType::number},
    Column{"last", CellType::number},      Column{"expected", CellType::integer},
    Column{"missing", CellType::integer},  Column{"late_arrivals", CellType::integer},
    Column{"seq_gaps", CellType::integer}, Column{"interval_s", CellType::number}};

Cell number(std::uint64_t count) { return static_cast<std::int64_t>(count); }
Cell text(const std::string& of) { return of.empty() ? Cell{} : Cell{std::string_view(of)}; }

std::array<Cell, kColumns.size()> cells_of(const DaySummary& summary, const Day& day) {
  const DayFigures& figures = summary.figures;
  const auto known = [&](std::uint64_t count) { return figures.expected ? number(count) : Cell{}; };
  return {text(summary.network),
          text(summary.group),
          text(summary.metric),
          text(figures.unit),
          day.from,
          day.to,
          number(figures.count),
          number(figures.sensors),
          figures.sum(),
          figures.mean(),
          figures.min,
          figures.max,
          figures.stddev(),
          figures.first(),
          figures.last(),
          known(figures.expected.value_or(0)),
          known(figures.missing),
          number(figures.late_arrivals),
          number(figures.seq_gaps),
          summary.interval ? Cell{to_seconds(*summary.interval)} : Cell{}};
}

int fail(int code, const std::string& why) {
  fmt::print(stderr, "lookout-bridge: {}\n", why);
  return code;
}

// What the columns mean that nobody else has.
std::string heading(const Day& day, Timestamp until, Microseconds lag) {
  const auto hours = std::chrono::duration<double, std::ratio<3600>>(day.to - day.from).count();
  return fmt::format(
      "{} in {}: {} to {}, {:g} h{}\n"
      "late_arrivals: readings that arrived more than {} after they were measured; they are counted\n"
      "expected: from each sensor's own interval, the commonest difference of its event times; - where it "
      "has "
      "none\n\n",
      day.date, day.zone, to_rfc3339(day.from), to_rfc3339(day.to), hours,
      until < day.to ? fmt::format("; not over: expected up to {}", to_rfc3339(until)) : "",
      format_duration(lag));
}

bool print(std::string_view piece) {
  return std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size();
}

int told(const DayContents& contents, bool any, const Day& day) {
  const int code = tell(contents.missing);
  if (contents.begin_is_gone)
    fmt::print(stderr, "lookout-bridge: what arrived at the day's begin is not in the archive any more\n");
  if (any) return code;
  return fail(kExitFailed, fmt::format("the archive holds no readings of {} ({} to {})", day.date,
                                       to_rfc3339(day.from), to_rfc3339(day.to)));
}

int summarize(const std::filesystem::path& archive, Microseconds lag, const SummarizeArguments& arguments) {
  const Timestamp now = wall_clock_now();
  const auto day = find_day(arguments.day, arguments.zone, now);
  if (!day) return fail(kExitUsage, day.error());
  if (!arguments.topics.empty() && !is_valid_filter(arguments.topics))
    return fail(kExitUsage, fmt::format("--topics: '{}' is no MQTT filter", arguments.topics));
  const Timestamp until = std::min(day->to, now);
  std::signal(SIGPIPE, SIG_IGN);
  TableOutput output(arguments.format, kColumns, print);
  bool any = false;
  const auto contents =
      summarize_day(archive, {day->from, day->to, lag, arguments.topics}, until, [&](const auto& summary) {
        if (!any && arguments.format == Format::table) print(heading(*day, until, lag));
        any = true;
        return output.row(cells_of(summary, *day));
      });
  if (!contents) return fail(kExitFailed, contents.error());
  if (any && (!output.finish() || std::fflush(stdout) != 0) && errno != EPIPE)
    return fail(kExitFailed, fmt::format("cannot write: {}", std::strerror(errno)));
  return told(*contents, any, *day);
}

int run(const CommandLine& line, const SummarizeArguments& arguments) {
  if (!arguments.archive.empty()) return summarize(arguments.archive, TimeConfig{}.lag, arguments);
  const auto config = line.load();
  return config ? summarize(archive_folder(config->state), config->time.lag, arguments) : config.error();
}

void add_options(CLI::App& command, SummarizeArguments& arguments) {
  command.add_option("--day", arguments.day, "2026-11-22, today or yesterday")->required();
  command.add_option("--zone", arguments.zone, "Whose day: a time zone such as Europe/Berlin")
      ->capture_default_str();
  command.add_option("--topics", arguments.topics, "MQTT filter, such as sensors/wildfire/north/#");
  const std::map<std::string, Format> formats{
      {"table", Format::table}, {"csv", Format::csv}, {"ndjson", Format::ndjson}};
  const auto take = [&arguments, formats](const CLI::results_t& words) {
    arguments.format = formats.at(words.front());
    return true;
  };
  command.add_option("--format", take, "How; default: table")
      ->check(CLI::IsMember(formats))
      ->type_name("WORD");
  command.add_flag_callback(
      "--json", [&arguments] { arguments.format = Format::ndjson; }, "The same as --format ndjson");
  command.add_option("--archive", arguments.archive,
                     "The archive to read, or one file of it, with a lag of 1m; default: that of the "
                     "configuration's state folder");
}

}  // namespace

void add_summarize(CommandLine& line) {
  const auto arguments = std::make_shared<SummarizeArguments>();
  CLI::App& command = line.command("summarize", "Summarize a day per sensor, region and network",
                                   [&line, arguments] { return run(line, *arguments); });
  line.with_config(command);
  add_options(command, *arguments);
}

}  // namespace lookout
