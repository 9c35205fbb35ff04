#include "common/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

namespace lookout {

FileHandle::~FileHandle() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string describe_errno(std::string_view what, const std::filesystem::path& path) {
  return fmt::format("{} '{}': {}", what, path.string(), std::generic_category().message(errno));
}

Result<FileHandle> open_file(const std::filesystem::path& path, int flags) {
  FileHandle handle(::open(path.c_str(), flags | O_CLOEXEC, 0640));
  if (!handle) return Failure(describe_errno("cannot open", path));
  return handle;
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  auto handle = open_file(folder, O_RDONLY | O_DIRECTORY);
  if (!handle) return Failure(handle.error());
  if (::fsync(handle->get()) != 0) return Failure(describe_errno("cannot sync", folder));
  return {};
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view content, bool durable) {
  const std::filesystem::path temporary = path.string() + ".new";
  auto handle = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (!handle) return Failure(handle.error());
  if (::write(handle->get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      (durable && ::fsync(handle->get()) != 0) || ::rename(temporary.c_str(), path.c_str()) != 0) {
    return Failure(describe_errno("cannot replace", path));
  }
  return durable ? sync_folder(path.parent_path()) : Result<void>{};
}

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  if (!in || !(content << in.rdbuf())) {
    if (in && in.peek() == std::ifstream::traits_type::eof()) return std::string{};
    return Failure(describe_errno("cannot read", path));
  }
  return content.str();
}

}  // namespace lookout
