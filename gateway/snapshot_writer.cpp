#include "gateway/snapshot_writer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

namespace lookout {
namespace {

constexpr int kComplaintDescriptor = 3;

std::string read_all(const FileHandle& from) {
  std::array<char, 1024> text{};
  const ssize_t size = ::read(from.get(), text.data(), text.size());
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

}  // namespace

void SnapshotWriter::give_up() {
  const pid_t child = child_;
  abandon();
  if (child > 0) ::waitpid(child, nullptr, 0);
}

void SnapshotWriter::abandon() {
  if (busy()) ::kill(child_, SIGKILL);
  child_ = 0;
}

Result<void> SnapshotWriter::begin(const SnapshotHead& head, Machine& machine, Replay& replay) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return Failure(std::string("cannot begin a snapshot: ") + std::strerror(errno));
  complaint_ = FileHandle(ends[0]);
  const FileHandle write_end(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return Failure(std::string("cannot begin a snapshot: ") + std::strerror(errno));
  if (child == 0) {
    ::dup2(write_end.get(), kComplaintDescriptor);
    write_and_end(head, machine, replay, parent);
  }
  child_ = child;
  return {};
}

// Nothing here may wait for a lock that another thread held when the process was copied: no logging. Of the
// descriptors none may stay open: a connection would outlive its owner, and so would the lock of the state
// folder.
void SnapshotWriter::write_and_end(const SnapshotHead& head, Machine& machine, Replay& replay, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::close_range(kComplaintDescriptor + 1, ~0U, 0);
  if (::getppid() != parent) ::_exit(1);
  const auto written = store_.write(head, machine, replay);
  if (!written) {
    [[maybe_unused]] const auto said =
        ::write(kComplaintDescriptor, written.error().data(), written.error().size());
  }
  ::_exit(written ? 0 : 1);
}

std::optional<Result<void>> SnapshotWriter::finished() {
  int status = 0;
  const pid_t ended = busy() ? ::waitpid(child_, &status, WNOHANG) : 0;
  if (ended == 0) return std::nullopt;
  child_ = 0;
  if (ended < 0) return Failure(std::string("the end of a snapshot was missed: ") + std::strerror(errno));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Result<void>{};
  std::string why = read_all(complaint_);
  return Failure(why.empty() ? "the writing of a snapshot was interrupted" : std::move(why));
}

std::optional<Result<void>> SnapshotWriter::await_until(std::chrono::steady_clock::time_point deadline) {
  constexpr auto kPause = std::chrono::milliseconds{2};
  auto done = finished();
  while (!done && busy() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPause);
    done = finished();
  }
  return done;
}

}  // namespace lookout
