#include "common/file_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "common/file.h"
#include "common/mapped_window.h"

namespace lookout {
namespace {

Failure reason(int error) { return Failure(std::generic_category().message(error)); }

Result<void> done_or_reason(int code) { return code == 0 ? Result<void>{} : reason(errno); }

class SystemFile final : public File {
 public:
  explicit SystemFile(FileHandle handle) : handle_(std::move(handle)) {}

  Result<std::size_t> read(std::uint64_t position, std::span<char> to) override {
    // A read that meets a place which cannot be read gives what is before it, and says why only when asked
    // again.
    for (std::size_t done = 0; done < to.size();) {
      const ssize_t got =
          ::pread(handle_.get(), to.data() + done, to.size() - done, static_cast<off_t>(position + done));
      if (got < 0) return reason(errno);
      if (got == 0) return done;
      done += static_cast<std::size_t>(got);
    }
    return to.size();
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(handle_.get(), &status) != 0) return reason(errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> write(std::uint64_t position, std::span<const std::string_view> parts) override {
    std::array<iovec, 4> vectors;
    std::size_t size = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      vectors.at(i) = {const_cast<char*>(parts[i].data()), parts[i].size()};
      size += parts[i].size();
    }
    if (copy_to_window(position, size, parts)) return {};
    const ssize_t written = ::pwritev(handle_.get(), vectors.data(), static_cast<int>(parts.size()),
                                      static_cast<off_t>(position));
    // A write that is cut short says nothing of why: on a regular file it is the disk's end.
    if (written != static_cast<ssize_t>(size)) return reason(written < 0 ? errno : ENOSPC);
    return {};
  }

  Result<void> reserve(std::uint64_t size) override {
    // posix_fallocate returns the error; it does not set errno.
    if (const int error = ::posix_fallocate(handle_.get(), 0, static_cast<off_t>(size)); error != 0)
      return reason(error);
    reserved_ = size;
    return {};
  }

  Result<void> cut(std::uint64_t size) override {
    reserved_ = std::min(reserved_, size);
    window_.close();
    return done_or_reason(::ftruncate(handle_.get(), static_cast<off_t>(size)));
  }

  Result<void> sync() override { return done_or_reason(::fdatasync(handle_.get())); }

 private:
  // The last byte comes last: where it is there after a kill, so is all before it.
  bool copy_to_window(std::uint64_t position, std::size_t size, std::span<const std::string_view> parts) {
    char* to = position + size <= reserved_ ? window_.at(handle_.get(), position, size) : nullptr;
    if (!to || size == 0) return false;
    char* const end = to + size - 1;
    char last = 0;
    for (const std::string_view part : parts) {
      const auto copied = std::min(part.size(), static_cast<std::size_t>(end - to));
      to += part.copy(to, copied);
      if (copied < part.size()) last = part[copied];
    }
    std::atomic_signal_fence(std::memory_order_release);
    *end = last;
    return true;
  }

  FileHandle handle_;
  std::uint64_t reserved_ = 0;
  MappedWindow window_;
};

class SystemFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, Open how) override {
    const int flags = how == Open::to_read     ? O_RDONLY
                      : how == Open::to_change ? O_RDWR
                                               : O_RDWR | O_CREAT | O_TRUNC;
    auto handle = open_file(path, flags);
    if (!handle) return Failure(handle.error());
    return std::make_unique<SystemFile>(std::move(*handle));
  }

  Result<std::vector<Entry>> list(const std::filesystem::path& folder) override {
    std::vector<Entry> entries;
    std::error_code error, gone;
    // A file that goes while we look is not there.
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
      const auto size = it->is_regular_file(gone) ? it->file_size(gone) : static_cast<std::uintmax_t>(-1);
      if (size != static_cast<std::uintmax_t>(-1)) entries.push_back({it->path().filename().string(), size});
    }
    if (error) return Failure(fmt::format("cannot list '{}': {}", folder.string(), error.message()));
    return entries;
  }

  Result<void> make_folder(const std::filesystem::path& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return Failure(fmt::format("cannot make '{}': {}", path.string(), error.message()));
    return {};
  }

  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return Failure(describe_errno("cannot rename to", to));
    return {};
  }

  Result<void> remove(const std::filesystem::path& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failure(describe_errno("cannot remove", path));
    return {};
  }

  Result<void> sync_folder(const std::filesystem::path& folder) override {
    auto handle = open_file(folder, O_RDONLY | O_DIRECTORY);
    if (!handle) return Failure(handle.error());
    if (::fsync(handle->get()) != 0) return Failure(describe_errno("cannot sync", folder));
    return {};
  }
};

}  // namespace

FileSystem& system_files() {
  static SystemFiles files;
  return files;
}

}  // namespace lookout
