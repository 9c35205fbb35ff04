// lookout-gateway: turns sensor readings into aggregates and alerts.
//
// Started by systemd (lookout-gateway.service) or by hand: lookout-gateway run --config lookout.toml
// Reads:  MQTT, the topics of every [[input]], also on replay/; its own journal, cursor and snapshots in
// <state>/gateway.
// Writes: MQTT, aggregates/ alerts/ late/ rejected/ replay/ lookout/gateway/; the journal before it
// acknowledges a message; snapshots of its state. backtest and lateness run over recorded messages instead:
// they read a file or standard input, write to standard output, and touch neither MQTT nor state; journal and
// books only read the state. Killed at any moment: the broker keeps what was not acknowledged, the journal
// has what was. The next start takes the newest snapshot, reads the journal from there through the same
// machine and goes on publishing where the broker had confirmed.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/cli.h"
#include "common/exit_code.h"
#include "common/service.h"
#include "gateway/backtest.h"
#include "gateway/books_command.h"
#include "gateway/journal_command.h"
#include "gateway/lateness_report.h"
#include "gateway/machine.h"
#include "gateway/replay_message.h"
#include "gateway/worker.h"

namespace lookout {
namespace {

std::vector<std::string> input_filters(const Config& config) {
  std::vector<std::string> filters;
  filters.reserve(config.inputs.size());
  for (const InputConfig& input : config.inputs) filters.push_back(input.topic.filter());
  std::ranges::sort(filters);
  filters.erase(std::ranges::unique(filters).begin(), filters.end());
  return filters;
}

std::vector<Problem> check_rules(const Config& config) {
  auto alerts = Alerts::create(config.rules, "check");
  return alerts ? std::vector<Problem>{} : std::move(alerts.error());
}

int check(const CommandLine& line) {
  const auto config = line.load(check_rules);
  if (!config) return config.error();
  fmt::print("configuration is good: {} inputs, {} windows, {} rules; subscribes to {}\n",
             config->inputs.size(), config->windows.size(), config->rules.size(),
             fmt::join(input_filters(*config), " "));
  return kExitDone;
}

int run(const CommandLine& line) {
  const auto config = line.load(check_rules);
  if (!config) return config.error();
  const auto folder = StateFolder::open(*config, "gateway");
  if (!folder) {
    spdlog::critical("{}", folder.error());
    return kExitTryAgain;
  }
  const auto worker = Worker::create(*config, folder->box_id(), folder->path());
  if (!worker) return kExitConfiguration;  // check_rules has said why
  Service::Options options;
  options.program = "gateway";
  options.filters = input_filters(*config);
  std::ranges::copy(replay_filters(options.filters), std::back_inserter(options.filters));
  options.first_offset = (*worker)->first_unused_offset();
  options.record_link_and_clock = true;
  options.configuration = to_json(config->sources);
  options.on_acknowledged = [&](std::uint64_t tag) { (*worker)->confirmed(tag); };
  const auto service = Service::create(*config, *folder, std::move(options));
  if (!service) {
    spdlog::critical("{}", service.error());
    return kExitTryAgain;
  }
  const int code =
      (*service)->run([&](const std::stop_token& stop) { return (*worker)->run(**service, stop); },
                      [&] { (*worker)->begin_last_snapshot(**service); });
  (*worker)->finish();
  return code;
}

struct RecordedOptions {
  PlaybackOptions playback{};
  LatenessOptions lateness{};
};

// What both commands over recordings begin with: the configuration, and a machine that the box's own state
// does not touch.
template <typename Then>
int over_recording(const CommandLine& line, RecordedOptions& options, Then then) {
  const auto config = line.load(check_rules);
  if (!config) return config.error();
  auto machine = Machine::create(*config, config->box_id.empty() ? "backtest" : config->box_id);
  if (!machine) return kExitConfiguration;  // check_rules has said why
  options.playback.trusted = config->clock != ClockSetting::untrusted;
  return then(*config, std::move(*machine));
}

void add_recording_commands(CommandLine& line, RecordedOptions& options) {
  const auto with_input = [&](CLI::App& command) -> CLI::App& {
    line.with_config(command);
    command
        .add_option("--input", options.playback.input, "Recorded messages, one a line; - is standard input")
        ->required();
    return command;
  };
  CLI::App& backtest_command =
      with_input(line.command("backtest", "Print what would have come out of recorded messages", [&] {
        return over_recording(line, options, [&](const Config&, Machine machine) {
          return backtest(std::move(machine), options.playback);
        });
      }));
  backtest_command.add_flag_callback(
      "--no-flush", [&] { options.playback.flush = false; },
      "Leave windows open that are open at the end of input");
  CLI::App& lateness_command =
      with_input(line.command("lateness", "Print how late the readings of recorded messages come", [&] {
        return over_recording(line, options, [&](const Config& config, Machine machine) {
          return report_lateness(config, std::move(machine), options.playback, options.lateness);
        });
      }));
  lateness_command.add_flag("--json", options.lateness.json, "One JSON object with every sensor");
  lateness_command
      .add_option("--sensors", options.lateness.sensors, "How many sensors to list, the latest first")
      ->capture_default_str();
}

void add_books_command(CommandLine& line, bool& json) {
  CLI::App& command =
      line.command("books", "Print the account of all readings, also while the gateway runs", [&] {
        const auto config = line.load(check_rules);
        return config ? books_command(*config, json) : config.error();
      });
  line.with_config(command);
  command.add_flag("--json", json, "One JSON object");
}

void add_journal_command(CommandLine& line, JournalCommandOptions& options) {
  CLI::App& command = line.command("journal", "Look into the journal, also while the gateway runs", [&] {
    const auto config = line.load();
    return config ? journal_command(config->state / "gateway" / "journal", options) : config.error();
  });
  line.with_config(command);
  command
      .add_option("action", options.action, "list the segments, check all records, or dump them as NDJSON")
      ->check(CLI::IsMember({"list", "check", "dump"}))
      ->capture_default_str();
  command.add_flag("--json", options.json, "One JSON object, where a table or text is printed otherwise");
  command.add_option("--from", options.from, "The first offset to dump");
  command.add_option("--to", options.to, "The offset to dump up to, itself not included");
}

}  // namespace
}  // namespace lookout

int main(int argc, char** argv) {
  lookout::CommandLine line("Turns sensor readings into aggregates and alerts");
  line.with_config(line.command("run", "Run until SIGTERM", [&] { return lookout::run(line); }));
  line.with_config(line.command("check", "Validate the configuration", [&] { return lookout::check(line); }));
  lookout::RecordedOptions recorded;
  lookout::add_recording_commands(line, recorded);
  lookout::JournalCommandOptions journal;
  lookout::add_journal_command(line, journal);
  bool books_as_json = false;
  lookout::add_books_command(line, books_as_json);
  return line.run(argc, argv);
}
