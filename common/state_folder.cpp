#include "common/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <random>

#include "common/names.h"

namespace lookout {
namespace {

// Gateway and bridge may start at the same moment: who makes the file first decides, and link(2) makes it
// whole.
Result<std::string> make_box_id(const std::filesystem::path& state) {
  const auto path = state / "box_id";
  if (const auto known = read_file(path); known && is_valid_name(*known)) return *known;
  std::string made = fmt::format("box-{:08x}", std::random_device{}());
  const std::filesystem::path temporary = fmt::format("{}.{}", path.string(), ::getpid());
  if (auto written = replace_file(temporary, made, true); !written) return Failure(written.error());
  const bool first = ::link(temporary.c_str(), path.c_str()) == 0;
  ::unlink(temporary.c_str());
  if (first) return made;
  auto known = read_file(path);
  if (known && !is_valid_name(*known))
    return Failure(fmt::format("'{}' holds no valid box id", path.string()));
  return known;
}

// A program that was once started as another user leaves files that this one cannot open, which must not be
// taken for damaged ones. The archive's owner sees to it itself: the bridge waits for it, and says so.
Result<void> check_access(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string path = it->path().string();
    if (path.find(".corrupt.") != std::string::npos) continue;
    if (it.depth() == 0 && it->path().filename() == "archive") {
      it.disable_recursion_pending();
      continue;
    }
    if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) != 0 && errno != ENOENT)
      return Failure(describe_errno("cannot read and write", path) + ": does it belong to another user?");
  }
  if (error) return Failure(fmt::format("cannot list '{}': {}", folder.string(), error.message()));
  return {};
}

}  // namespace

Result<std::string> known_box_id(const Config& config) {
  if (!config.box_id.empty()) return config.box_id;
  return read_file(config.state / "box_id");
}

Result<StateFolder> StateFolder::open(const Config& config, const std::string& program) {
  StateFolder folder;
  folder.path_ = config.state / program;
  std::error_code error;
  std::filesystem::create_directories(folder.path_, error);
  if (error)
    return Failure(
        fmt::format("cannot make the state folder '{}': {}", folder.path_.string(), error.message()));
  auto lock = open_file(folder.path_ / "lock", O_RDWR | O_CREAT);
  if (!lock) return Failure(lock.error());
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
    return Failure(fmt::format("'{}' is in use by another lookout-{}", folder.path_.string(), program));
  }
  folder.lock_ = std::move(*lock);
  if (auto accessible = check_access(folder.path_); !accessible) return Failure(accessible.error());
  if (!config.box_id.empty()) {
    folder.box_id_ = config.box_id;
    return folder;
  }
  auto id = make_box_id(config.state);
  if (!id) return Failure(id.error());
  folder.box_id_ = *id;
  return folder;
}

}  // namespace lookout
