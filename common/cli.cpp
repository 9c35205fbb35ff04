#include "common/cli.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "common/exit_code.h"
#include "common/log.h"
#include "common/version.h"

namespace lookout {

CommandLine::CommandLine(const std::string& description) : app(description) {
  app.set_version_flag("--version", kVersion);
  app.set_help_all_flag("--help-all", "Print this help with that of every command");
  app.add_option("--log-level", log_level, "What goes to stderr")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();
}

void CommandLine::with_config(CLI::App& command) {
  command.add_option("--config", config_file, "The configuration; conf.d/*.toml beside it is read too")
      ->capture_default_str();
}

CLI::App& CommandLine::command(const std::string& name, const std::string& description,
                               std::function<int()> run) {
  CLI::App* added = app.add_subcommand(name, description);
  added->fallthrough();
  // CLI11 calls back after everything is parsed; the exit code travels as its own "error" type.
  added->final_callback([run = std::move(run), this] {
    start_logging(log_level);
    throw CLI::RuntimeError(run());
  });
  return *added;
}

int CommandLine::run(int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& finished) {
    return finished.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  return kExitUsage;
}

std::expected<Config, int> CommandLine::load(const Check& check) const {
  auto [config, problems] = load_config(config_file);
  if (check) std::ranges::move(check(config), std::back_inserter(problems));
  if (problems.empty()) return config;
  for (const Problem& problem : problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
  return std::unexpected(static_cast<int>(kExitConfiguration));
}

}  // namespace lookout
