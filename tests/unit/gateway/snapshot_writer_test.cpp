#include "gateway/snapshot_writer.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>

#include "tests/support/temp_folder.h"
#include "tests/support/wait.h"
#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

/// The system's files, with something that happens before a file is synced: in the copy of the process.
class HookedFiles final : public FileSystem {
 public:
  explicit HookedFiles(std::function<void()> before_sync) : before_sync_(std::move(before_sync)) {}

  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, Open how) override {
    auto file = system_files().open(path, how);
    if (!file) return file;
    return std::make_unique<HookedFile>(std::move(*file), before_sync_);
  }
  Result<std::vector<Entry>> list(const std::filesystem::path& folder) override {
    return system_files().list(folder);
  }
  Result<void> make_folder(const std::filesystem::path& path) override {
    return system_files().make_folder(path);
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return system_files().rename(from, to);
  }
  Result<void> remove(const std::filesystem::path& path) override { return system_files().remove(path); }
  Result<void> sync_folder(const std::filesystem::path& folder) override {
    return system_files().sync_folder(folder);
  }

 private:
  struct HookedFile final : File {
    HookedFile(std::unique_ptr<File> made, const std::function<void()>& hook)
        : file(std::move(made)), before_sync(hook) {}
    Result<std::size_t> read(std::uint64_t position, std::span<char> to) override {
      return file->read(position, to);
    }
    Result<std::uint64_t> size() override { return file->size(); }
    Result<void> write(std::uint64_t position, std::span<const std::string_view> parts) override {
      return file->write(position, parts);
    }
    Result<void> reserve(std::uint64_t size) override { return file->reserve(size); }
    Result<void> cut(std::uint64_t size) override { return file->cut(size); }
    Result<void> sync() override {
      before_sync();
      return file->sync();
    }
    std::unique_ptr<File> file;
    const std::function<void()>& before_sync;
  };
  std::function<void()> before_sync_;
};

void hang() {
  while (true) ::pause();
}

Config config() { return MachineRig::config({MachineRig::tumbling("w", 5min, {GroupBy::sensor})}); }

struct Rig {
  explicit Rig(
      const std::filesystem::path& where, std::function<void()> before_sync = [] {})
      : files(std::move(before_sync)), store(where, files) {}
  auto begin(std::uint64_t offset) { return writer.begin({offset, {}, {}, {}}, machine.machine, replay); }
  std::optional<Result<void>> end() { return writer.await_until(std::chrono::steady_clock::now() + 30s); }

  HookedFiles files;
  const SnapshotStore store;
  SnapshotWriter writer{store};
  MachineRig machine{config()};
  Replay replay{config(), "box"};
};

// As a process that has ended and that nobody waited for.
bool is_gone(pid_t pid) {
  const std::string status = slurp("/proc/" + std::to_string(pid) + "/status");
  return status.empty() || status.find("State:\tZ") != std::string::npos;
}

}  // namespace

TEST_CASE("a snapshot is written beside the work, and told of once") {
  const TempFolder folder;
  Rig rig(folder.path());
  CHECK_FALSE(rig.writer.finished());
  CHECK_FALSE(rig.writer.await_until(std::chrono::steady_clock::now() + 1h));
  for (const std::uint64_t offset : {7U, 8U}) {
    REQUIRE(rig.begin(offset));
    CHECK(rig.writer.busy());
    const auto done = rig.end();
    REQUIRE(done);
    CHECK(done->has_value());
    CHECK_FALSE(rig.writer.busy());
    CHECK_FALSE(rig.writer.finished());
    CHECK(std::filesystem::exists(folder.path() / fmt::format("{:020}.snapshot", offset)));
  }
  CHECK(rig.store.older() == 7U);
}

TEST_CASE("a snapshot that cannot be written says why, and one that is ended says that") {
  Rig nowhere("/nonexistent");
  REQUIRE(nowhere.begin(7));
  const auto refused = nowhere.end();
  REQUIRE(refused);
  REQUIRE_FALSE(refused->has_value());
  CHECK_THAT(refused->error(), Catch::Contains("/nonexistent"));

  const TempFolder folder;
  Rig killed(folder.path(), [] { ::raise(SIGKILL); });
  REQUIRE(killed.begin(7));
  const auto interrupted = killed.end();
  REQUIRE(interrupted);
  REQUIRE_FALSE(interrupted->has_value());
  CHECK_THAT(interrupted->error(), Catch::Contains("interrupted"));
  CHECK_FALSE(killed.store.older());
}

TEST_CASE("a snapshot of whose end nobody knows is none that was written") {
  const TempFolder folder;
  Rig rig(folder.path());
  REQUIRE(rig.begin(7));
  REQUIRE(::waitpid(-1, nullptr, 0) > 0);
  const auto done = rig.writer.finished();
  REQUIRE(done);
  CHECK_FALSE(done->has_value());
  CHECK_FALSE(rig.writer.busy());
}

TEST_CASE("a snapshot that takes too long is given up, and takes no place") {
  const TempFolder folder;
  Rig rig(folder.path(), hang);
  const bool waits = GENERATE(true, false);
  REQUIRE(rig.begin(7));
  CHECK_FALSE(rig.writer.await_until(std::chrono::steady_clock::now() + 100ms));
  CHECK(rig.writer.busy());
  waits ? rig.writer.give_up() : rig.writer.abandon();
  CHECK_FALSE(rig.writer.busy());
  CHECK_FALSE(rig.writer.finished());
  if (!waits) REQUIRE(::waitpid(-1, nullptr, 0) > 0);
  CHECK(rig.store.newest_size() == 0);
  // What it leaves is in nobody's way.
  Rig other(folder.path());
  REQUIRE(other.begin(8));
  CHECK(other.end().value().has_value());
  CHECK(other.store.newest_size() > 0);
}

TEST_CASE("who writes a snapshot ends with the process that wants it") {
  const TempFolder folder;
  auto* const copy = static_cast<volatile pid_t*>(
      ::mmap(nullptr, sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const auto known = [&] { return wait_until([&] { return *copy != 0; }); };
  const pid_t parent = ::fork();
  if (parent == 0) {
    Rig rig(folder.path(), [&] {
      *copy = ::getpid();
      hang();
    });
    const bool begun = rig.begin(7) && known();
    ::_exit(begun ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(parent, &status, 0) == parent);
  REQUIRE(status == 0);
  CHECK(wait_until([&] { return is_gone(*copy); }));
}
