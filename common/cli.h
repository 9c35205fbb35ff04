#pragma once

#include <CLI/CLI.hpp>
#include <expected>
#include <string>

#include "common/config.h"

namespace lookout {

/// The options that every program has, and the rules for all: usage errors exit with 2, --help and --version
/// with 0.
struct CommandLine {
  explicit CommandLine(const std::string& description);

  /// Adds --config to a command that reads the configuration.
  void with_config(CLI::App& command);
  /// Adds a command; `run` is its exit code.
  CLI::App& command(const std::string& name, const std::string& description, std::function<int()> run);

  /// Parses, starts logging, runs the chosen command.
  int run(int argc, char** argv);

  /// What else may be wrong with a configuration, beyond what the file alone can tell.
  using Check = std::function<std::vector<Problem>(const Config&)>;

  /// Reads the configuration named by --config; prints one line per problem, those that `check` finds
  /// included, and gives the exit code where there is one.
  [[nodiscard]] std::expected<Config, int> load(const Check& check = {}) const;

  CLI::App app;
  std::string config_file = "/etc/lookout/lookout.toml";
  std::string log_level = "info";
};

}  // namespace lookout
