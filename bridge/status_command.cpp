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
constexpr auto kTooOld = 30s;  // they are written every 10 s

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

std::string render(const Json& statistics) {
  constexpr double kMiB = 1 << 20;
  const auto mebibytes = [&](const char* pointer) {
    return static_cast<double>(number_at(statistics, pointer)) / kMiB;
  };
  return fmt::format(
      "archive  offsets {} to {} in {} files, {:.1f} MiB; epoch {}; {} evicted, {} of them not forwarded\n"
      "journal  {} messages wait; {:.1f} MiB of {:.0f}{}\n{}",
      grouped(number_at(statistics, "/archive/first_offset")),
      grouped(number_at(statistics, "/archive/next_offset")), number_at(statistics, "/archive/files"),
      mebibytes("/archive/bytes"), text_at(statistics, "/archive/epoch"),
      grouped(number_at(statistics, "/evicted")), grouped(number_at(statistics, "/evicted_unforwarded")),
      grouped(number_at(statistics, "/lag/records")), mebibytes("/journal_bytes"),
      mebibytes("/journal_limit"), statistics.value("journal_full", false) ? ", full: the broker queues" : "",
      kafka_line(statistics));
}

}  // namespace

Result<void> save_status(const std::filesystem::path& folder, const std::string& statistics) {
  return replace_file(folder / kFile, statistics + '\n', false);
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
  const bool runs = age < kTooOld;
  if (json) {
    fmt::print("{}", *text);
  } else {
    fmt::print("lookout-bridge {}; figures of {}, {} s ago\n{}", runs ? "runs" : "does not run, or is stuck",
               to_rfc3339(*time), age.count(), render(statistics));
  }
  return runs ? kExitDone : kExitFailed;
}

}  // namespace lookout
