#include "common/file_system.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "common/exit_code.h"
#include "tests/support/temp_folder.h"

using namespace lookout;
using namespace lookout::test;

namespace {

constexpr std::size_t kSize = 3 << 20;  // over several windows of memory

std::unique_ptr<File> reserved_file(const std::filesystem::path& path) {
  auto file = system_files().open(path, FileSystem::Open::anew);
  REQUIRE(file.has_value());
  REQUIRE((*file)->reserve(kSize).has_value());
  return std::move(*file);
}

void write(File& file, std::uint64_t position, std::string_view text) {
  const std::array parts{text};
  const auto written = file.write(position, parts);
  if (!written) ::_exit(1);  // of a child: no assertion there
}

// Runs `work` in a process of its own; its wait status.
template <typename Work>
int in_child(Work work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

TEST_CASE("a reserved file holds what was written to it, wherever, as another reader sees it") {
  const TempFolder folder;
  const auto file = reserved_file(folder / "file");
  std::string expected(kSize, '\0');
  std::minstd_rand random(7);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t size = 1 + random() % (i % 100 == 0 ? 600'000 : 300);
    const std::size_t position =
        i % 10 == 0 ? random() % (kSize - size) : static_cast<std::size_t>(i) * (kSize - size) / 2000;
    const std::string text(size, static_cast<char>('a' + i % 26));
    write(*file, position, text);
    expected.replace(position, size, text);
  }
  CHECK(slurp(folder / "file") == expected);
}

TEST_CASE("a write that crosses the end of what is reserved makes the file longer") {
  const TempFolder folder;
  const auto file = reserved_file(folder / "file");
  write(*file, kSize - 2, "across");
  CHECK(slurp(folder / "file").substr(kSize - 2) == "across");
}

TEST_CASE("behind a cut a file is as long as what is written to it") {
  const TempFolder folder;
  const auto file = reserved_file(folder / "file");
  write(*file, 0, "0123456789");
  REQUIRE(file->cut(4).has_value());
  write(*file, 4, "x");
  CHECK(slurp(folder / "file") == "0123x");
}

TEST_CASE("what a killed process wrote to a reserved file is there") {
  const TempFolder folder;
  const int status = in_child([&] {
    const auto file = reserved_file(folder / "file");
    write(*file, 1 << 20, "the last word");
    ::kill(::getpid(), SIGKILL);
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(slurp(folder / "file").substr(1 << 20, 13) == "the last word");
}

TEST_CASE("a reserved file that another program cut short ends the process, which says why") {
  const TempFolder folder;
  const int status = in_child([&] {
    const int log = ::open((folder / "log").c_str(), O_CREAT | O_WRONLY, 0600);
    ::dup2(log, STDERR_FILENO);
    const auto file = reserved_file(folder / "file");
    write(*file, 0, "a window is open");
    if (::truncate((folder / "file").c_str(), 0) != 0) ::_exit(1);
    write(*file, 20, "nowhere to go");
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == kExitTryAgain);
  CHECK(slurp(folder / "log").find("its disk fails, or another program cut it") != std::string::npos);
}
