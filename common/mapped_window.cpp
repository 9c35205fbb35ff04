#include "common/mapped_window.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <string_view>

#include "common/exit_code.h"

namespace lookout {
namespace {

constexpr std::uint64_t kAlignment = 64 << 10;  // a multiple of every machine's page
constexpr std::size_t kLength = 512 << 10;      // what may be resident

extern "C" void end_without_disk(int /*signal*/) {
  constexpr std::string_view kText =
      "[critical] a file is not all there any more while it is written: its disk fails, or another program "
      "cut "
      "it: ending, so that the broker keeps what was not stored\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(kExitTryAgain);
}

void end_on_failing_disk() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_handler = end_without_disk;
    ::sigaction(SIGBUS, &action, nullptr);
  });
}

}  // namespace

char* MappedWindow::at(int file, std::uint64_t position, std::size_t size) {
  if (position < begin_ || position + size > begin_ + length_) move(file, position, size);
  return memory_ ? memory_ + (position - begin_) : nullptr;
}

void MappedWindow::move(int file, std::uint64_t position, std::size_t size) {
  end_on_failing_disk();
  close();
  const std::uint64_t begin = position / kAlignment * kAlignment;
  const std::size_t length = std::max<std::size_t>(kLength, position - begin + size);
  void* const memory =
      ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, static_cast<off_t>(begin));
  if (memory == MAP_FAILED) return;
  memory_ = static_cast<char*>(memory);
  begin_ = begin;
  length_ = length;
}

void MappedWindow::close() {
  if (memory_) ::munmap(memory_, length_);
  memory_ = nullptr;
  length_ = 0;
}

}  // namespace lookout
