// lookout-bridge: keeps everything. Started by systemd (lookout-bridge.service) as `run`, by people for the
// rest.
//
// Reads   the configuration; over MQTT what sensors send and what the gateway makes of it; the archive, for
//         whoever asks, for Kafka and for the summaries of days; from Kafka how far it was forwarded.
// Writes  below [box] state in bridge/: the journal (messages, before they are acknowledged to the broker),
//         the archive (a folder of files), and small files that may be lost; over MQTT
//         lookout/bridge/{box}/... and aggregates/{network}/day/...; to Kafka, where one is configured, the
//         archive. `replay` writes to replay/{job}/..., and with `--into live` to aggregates/...
// Killed  at any moment: what was acknowledged is in the journal; what was archived is there whole, and its
//         newest offset tells the next start where to go on, as the cursor in Kafka does for the forwarder.
//         Nothing is lost, nothing is there twice.
#include <fmt/format.h>
#include <malloc.h>

#include <limits>
#include <map>

#include "bridge/archive/archive_name.h"
#include "bridge/books_command.h"
#include "bridge/days/summarize_command.h"
#include "bridge/kafka/forward_command.h"
#include "bridge/kafka/rdkafka_client.h"
#include "bridge/query.h"
#include "bridge/relay.h"
#include "bridge/replay/replay_command.h"
#include "bridge/status_command.h"
#include "bridge/subscriptions.h"
#include "common/cli.h"
#include "common/exit_code.h"

namespace lookout {
namespace {

template <typename T, typename Target>
void add_choice(CLI::App& command, const std::string& option, Target& target,
                const std::map<std::string, T>& choices, const std::string& description) {
  const auto take = [&target, choices](const CLI::results_t& words) {
    target = choices.at(words.front());
    return true;
  };
  command.add_option(option, take, description)->check(CLI::IsMember(choices))->type_name("WORD");
}

int check(const CommandLine& line) {
  const auto config = line.load(check_kafka);
  if (!config) return config.error();
  fmt::print("configuration is good\nsubscribes to: {}\n", fmt::join(subscriptions(*config), " "));
  return kExitDone;
}

// What is as large as that goes back to the system at once when it is freed. Left alone, glibc takes the
// largest that was ever given back for the measure of both, and keeps as much for good: a batch for Kafka,
// for days.
constexpr int kLargeBytes = 128 << 10;

int run(const CommandLine& line) {
  ::mallopt(M_MMAP_THRESHOLD, kLargeBytes);
  ::mallopt(M_TRIM_THRESHOLD, kLargeBytes);
  // librdkafka has a dozen threads, and each one's own heap would keep the most that it ever needed.
  ::mallopt(M_ARENA_MAX, 1);
  const auto config = line.load(check_kafka);
  return config ? run_relay(*config) : config.error();
}

int query(const CommandLine& line, const std::string& archive, const QueryArguments& arguments) {
  if (!archive.empty()) return run_query(archive, arguments);
  const auto config = line.load();
  return config ? run_query(archive_folder(config->state), arguments) : config.error();
}

void add_query_options(CLI::App& command, std::string& archive, QueryArguments& arguments) {
  command.add_option("--from", arguments.from,
                     "First time wanted: 2026-11-22T11:20:00Z, 2026-11-22, 11:20, -2h");
  command.add_option("--to", arguments.to, "First time not wanted any more");
  command.add_option("--topics", arguments.topics, "MQTT filter, such as sensors/wildfire/north/#");
  add_choice<TimeAxis>(command, "--time", arguments.axis,
                       {{"event", TimeAxis::event}, {"arrival", TimeAxis::arrival}},
                       "Which time; default: event, which of an aggregate is the window's start; of messages "
                       "arrival");
  add_choice<RowKind>(
      command, "--kind", arguments.kind,
      {{"readings", RowKind::readings}, {"aggregates", RowKind::aggregates}, {"messages", RowKind::messages}},
      "What to print; default: readings. Messages as backtest reads them");
  add_choice<Format>(command, "--format", arguments.format,
                     {{"table", Format::table}, {"csv", Format::csv}, {"ndjson", Format::ndjson}},
                     "How; default: table, of export ndjson");
  command.add_flag_callback(
      "--json", [&arguments] { arguments.format = Format::ndjson; }, "The same as --format ndjson");
  command.add_option("--limit", arguments.limit, "At most so many rows")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()).description(""));
  command.add_option(
      "--archive", archive,
      "The archive to read, or one file of it; default: that of the configuration's state folder");
}

void add_export_options(CLI::App& command, QueryArguments& arguments) {
  arguments.format = Format::ndjson;
  command.add_option("--output", arguments.output,
                     "File to write, made or replaced; default: standard output");
}

int forward(const CommandLine& line, const ForwardArguments& arguments) {
  const auto config = line.load(check_kafka);
  return config ? run_forward(*config, arguments) : config.error();
}

void add_forward_command(CommandLine& line, ForwardArguments& arguments) {
  CLI::App& command = line.command("forward", "Forward a stretch of the archive to Kafka once more",
                                   [&] { return forward(line, arguments); });
  line.with_config(command);
  command
      .add_option("--from", arguments.from, "First time wanted: 2026-11-22T11:20:00Z, 2026-11-22, 11:20, -2h")
      ->required();
  command.add_option("--to", arguments.to, "First time not wanted any more; default: to the end");
  add_choice<TimeAxis>(command, "--time", arguments.axis,
                       {{"event", TimeAxis::event}, {"arrival", TimeAxis::arrival}},
                       "Which time; default: arrival");
  command.add_option("--topic", arguments.topic,
                     "Topic of Kafka for all records; default: those of the bridge");
  command.add_option("--job", arguments.job, "Name of the job; default: made of the other words");
}

void add_status_command(CommandLine& line, bool& json) {
  CLI::App& command = line.command("status", "Print how the running bridge is", [&] {
    const auto config = line.load();
    return config ? status_command(config->state / "bridge", json) : config.error();
  });
  line.with_config(command);
  command.add_flag("--json", json, "The statistics as the bridge publishes them");
}

void add_books_command(CommandLine& line, bool& json) {
  CLI::App& command =
      line.command("books", "Print what became of the messages that were to be forwarded", [&] {
        const auto config = line.load();
        return config ? books_command(config->state / "bridge", json) : config.error();
      });
  line.with_config(command);
  command.add_flag("--json", json, "One JSON object");
}

void add_replay_command(CommandLine& line, ReplayArguments& arguments) {
  CLI::App& command = line.command("replay", "Send a stretch of the archive through the gateway again", [&] {
    const auto config = line.load();
    return config ? run_replay(*config, arguments) : config.error();
  });
  line.with_config(command);
  command
      .add_option("--from", arguments.from, "First time wanted: 2026-11-22T11:20:00Z, 2026-11-22, 11:20, -2h")
      ->required();
  command.add_option("--to", arguments.to, "First time not wanted any more")->required();
  add_choice<ReplayOrder>(command, "--by", arguments.order,
                          {{"event", ReplayOrder::event}, {"arrival", ReplayOrder::arrival}},
                          "Time of range and order; default: event, which restores what live refused; by "
                          "arrival comes what live saw");
  command.add_option("--topics", arguments.topics, "MQTT filter, such as sensors/wildfire/north/#");
  command.add_option("--speed", arguments.speed, "60x: pauses a sixtieth as long; max: none")
      ->capture_default_str();
  command
      .add_option(
          "--rate", arguments.rate,
          "At most so many messages a second, fewer where live ones would be kept waiting; 0: as fast as it "
          "goes, whoever waits")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000}).description(""))
      ->capture_default_str();
  command.add_option("--job", arguments.job, "Its name, for topics: replay/NAME/...; default: one is made");
  command
      .add_option_function<std::string>(
          "--into", [&](const std::string&) { arguments.into_live = true; },
          "Publish what differs in place of the live results; needs --by event")
      ->check(CLI::IsMember({"live"}))
      ->type_name("live");
  command.add_flag("--json", arguments.json, "Print the summary as one line of JSON");
}

}  // namespace
}  // namespace lookout

int main(int argc, char** argv) {
  using namespace lookout;
  CommandLine line("Lookout's bridge: archives every message and answers from the archive");
  std::string archive;
  QueryArguments arguments, to_export;
  line.with_config(line.command("run", "Archive until SIGTERM", [&] { return run(line); }));
  line.with_config(line.command("check", "Validate the configuration", [&] { return check(line); }));
  CLI::App& query_command = line.command("query", "Print archived readings, aggregates or messages",
                                         [&] { return query(line, archive, arguments); });
  line.with_config(query_command);
  add_query_options(query_command, archive, arguments);
  CLI::App& export_command =
      line.command("export", "Write archived readings, aggregates or messages to a file",
                   [&] { return query(line, archive, to_export); });
  line.with_config(export_command);
  add_query_options(export_command, archive, to_export);
  add_export_options(export_command, to_export);
  ForwardArguments forwarding;
  add_forward_command(line, forwarding);
  bool status_as_json = false;
  add_status_command(line, status_as_json);
  bool books_as_json = false;
  add_books_command(line, books_as_json);
  add_summarize(line);
  ReplayArguments to_replay;
  add_replay_command(line, to_replay);
  return line.run(argc, argv);
}
