#include "bridge/status_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/exit_code.h"
#include "common/file.h"
#include "common/timestamp.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr const char* kFile = "status.json";
constexpr auto kTooOld = 30s;           // they are written every 10 s
constexpr std::uint64_t kBatch = 4000;  // messages: less far behind is a bridge at work

/// 1234567 as 1,234,567.
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::uint64_t number_at(const Json& statistics, const char* pointer) {
  const Json value = statistics.value(Json::json_pointer(pointer), Json{});
  return value.is_number() ? static_cast<std::uint64_t>(std::max(0.0, value.get<double>())) : 0;
}

std::string text_at(const Json& statistics, const char* pointer) {
  const Json value = statistics.value(Json::json_pointer(pointer), Json{});
  return value.is_string() ? value.get<std::string>() : std::string{};
}

std::string when_drained(const Json& statistics) {
  const Json drain = statistics.value("drain_s", Json{});
  if (!drain.is_number()) return "at this rate never drained";
  return fmt::format("drained in {} s", grouped(static_cast<std::uint64_t>(drain.get<double>())));
}

std::string kafka_line(const Json& statistics) {
  const std::string state = text_at(statistics, "/kafka/state");
  if (state == "off") return "Kafka    not configured: everything stays in the archive\n";
  const std::uint64_t pending = number_at(statistics, "/pending");
  std::string line = fmt::format("Kafka    {}: {} messages forwarded, {} behind; {}/s out, {}/s in{}\n",
                                 state, grouped(number_at(statistics, "/forwarded/messages")),
                                 grouped(pending), grouped(number_at(statistics, "/kafka/out_per_s")),
                                 grouped(number_at(statistics, "/kafka/in_per_s")),
                                 pending == 0 ? "" : ": " + when_drained(statistics));
  if (const std::string error = text_at(statistics, "/kafka/error"); !error.empty())
    line += fmt::format("         {}\n", error);
  return line;
}

bool runs(const Json& statistics, Timestamp time, Timestamp now) {
  return now - time < kTooOld && text_at(statistics, "/archive/state") != "stopped";
}

std::string archive_trouble(const Json& statistics) {
  const std::string state = text_at(statistics, "/archive/state"),
                    error = text_at(statistics, "/archive/error");
  if (state != "held_up" && error.empty()) return {};
  return fmt::format("         {}{}\n", state == "held_up" ? "takes nothing now, messages wait: " : "",
                     error);
}

std::string_view journal_trouble(const Json& statistics) {
  if (statistics.value("journal_full", false)) return ", full: the broker queues";
  return statistics.value("disk_full", false) ? ", and the disk has no room for more: the broker queues" : "";
}

std::string render(const Json& statistics) {
  constexpr double kMiB = 1 << 20;
  const auto mebibytes = [&](const char* pointer) {
    return static_cast<double>(number_at(statistics, pointer)) / kMiB;
  };
  return fmt::format(
      "archive  offsets {} to {} in {} files, {:.1f} MiB; epoch {}; {} evicted since the start, {} of them "
      "not forwarded\n{}"
      "journal  {} messages wait; {:.1f} MiB of {:.0f}{}\n{}",
      grouped(number_at(statistics, "/archive/first_offset")),
      grouped(number_at(statistics, "/archive/next_offset")), number_at(statistics, "/archive/files"),
      mebibytes("/archive/bytes"), text_at(statistics, "/archive/epoch"),
      grouped(number_at(statistics, "/evicted")), grouped(number_at(statistics, "/evicted_unforwarded")),
      archive_trouble(statistics), grouped(number_at(statistics, "/lag/records")),
      mebibytes("/journal_bytes"), mebibytes("/journal_limit"), journal_trouble(statistics),
      kafka_line(statistics));
}

}  // namespace

// A reader may at worst see it half written.
Result<void> save_status(const std::filesystem::path& folder, const std::string& statistics) {
  return replace_or_write_over(folder / kFile, statistics + '\n', false);
}

std::optional<Behind> is_behind(const std::filesystem::path& folder, Timestamp now) {
  const Json statistics = Json::parse(read_file(folder / kFile).value_or(""), nullptr, false);
  const auto time = parse_rfc3339(statistics.is_object() ? text_at(statistics, "/time") : "");
  if (!time || !runs(statistics, *time, now)) return Behind{"the bridge does not run, or is stuck"};
  if (text_at(statistics, "/archive/state") == "held_up")
    return Behind{"the archive takes nothing now: " + text_at(statistics, "/archive/error")};
  if (!journal_trouble(statistics).empty()) return Behind{"the bridge has no room for what comes", true};
  if (const std::uint64_t lag = number_at(statistics, "/lag/records"); lag > kBatch)
    return Behind{fmt::format("the bridge is {} messages behind", grouped(lag)), true};
  return std::nullopt;
}

int status_command(const std::filesystem::path& folder, bool json) {
  const auto text = read_file(folder / kFile);
  const Json statistics = Json::parse(text.value_or(""), nullptr, false);
  const auto time = parse_rfc3339(statistics.is_object() ? text_at(statistics, "/time") : "");
  if (!time) {
    fmt::print(stderr, "lookout-bridge: no bridge has run with the state folder '{}' yet{}\n",
               folder.string(), text ? ", or its status cannot be read" : "");
    return kExitFailed;
  }
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(wall_clock_now() - *time);
  const bool is_running = runs(statistics, *time, wall_clock_now());
  if (json) {
    fmt::print("{}", *text);
  } else {
    fmt::print("lookout-bridge {}; figures of {}, {} s ago\n{}",
               is_running ? "runs" : "does not run, or is stuck", to_rfc3339(*time), age.count(),
               render(statistics));
  }
  return is_running ? kExitDone : kExitFailed;
}

}  // namespace lookout
