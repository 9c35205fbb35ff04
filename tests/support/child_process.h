#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lookout::test {

/// A program that a test runs; ended by its pid with the object. Output goes to files.
class ChildProcess {
 public:
  struct Options {
    std::filesystem::path out = "/dev/null", err = "/dev/null";
  };
  ChildProcess(const std::vector<std::string>& command, const Options& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  bool running();
  void send(int signal) const;
  /// The exit code, 128 + signal where one ended it, or nothing when it still runs after `patience`.
  std::optional<int> wait(std::chrono::seconds patience = std::chrono::seconds{60});
  /// SIGTERM and wait; SIGKILL and wait.
  std::optional<int> stop();
  void kill();

 private:
  bool reap();
  pid_t pid_ = -1;
  std::optional<int> status_;
};

/// A command run to its end: exit code and what it wrote.
struct Finished {
  int code;
  std::string out, err;
};
Finished run(const std::vector<std::string>& command,
             std::chrono::seconds patience = std::chrono::seconds{60});

/// The path of one of Lookout's programs in this build: "gateway", "bridge", "simulator".
std::string program(const std::string& name);
/// Of a file or folder in the source tree.
std::string source_path(const std::string& path);

}  // namespace lookout::test
