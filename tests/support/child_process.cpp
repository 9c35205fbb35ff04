#include "tests/support/child_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "tests/support/temp_folder.h"
#include "tests/support/wait.h"

namespace lookout::test {

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Options& options) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ > 0) return;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND;
  ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
  ::dup2(::open(options.out.c_str(), kFlags, 0600), STDOUT_FILENO);
  ::dup2(::open(options.err.c_str(), kFlags, 0600), STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) kill();
}

bool ChildProcess::reap() {
  if (status_) return true;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool ChildProcess::running() { return pid_ > 0 && !reap(); }

void ChildProcess::send(int signal) const {
  if (pid_ > 0 && !status_) ::kill(pid_, signal);
}

std::optional<int> ChildProcess::wait(std::chrono::seconds patience) {
  wait_until([&] { return reap(); }, patience);
  return status_;
}

std::optional<int> ChildProcess::stop() {
  send(SIGTERM);
  return wait();
}

void ChildProcess::kill() {
  send(SIGKILL);
  wait();
}

Finished run(const std::vector<std::string>& command, std::chrono::seconds patience) {
  const TempFolder folder;
  ChildProcess child(command, {folder / "out", folder / "err"});
  const auto code = child.wait(patience);
  return {code.value_or(-1), slurp(folder / "out"), slurp(folder / "err")};
}

std::string program(const std::string& name) { return std::string(LOOKOUT_BIN) + "/lookout-" + name; }

std::string source_path(const std::string& path) { return std::string(LOOKOUT_SOURCE) + "/" + path; }

}  // namespace lookout::test
