#include "common/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

Result<void> replace_file(const std::filesystem::path& path, std::string_view content, bool durable,
                          FileSystem& files) {
  const std::filesystem::path temporary = path.string() + ".new";
  auto file = files.open(temporary, FileSystem::Open::anew);
  if (!file) return Failure(file.error());
  const std::array parts{content};
  auto written = (*file)->write(0, parts);
  if (written && durable) written = (*file)->sync();
  if (!written) return Failure(fmt::format("cannot replace '{}': {}", path.string(), written.error()));
  if (auto renamed = files.rename(temporary, path); !renamed) return renamed;
  return durable ? files.sync_folder(path.parent_path()) : Result<void>{};
}

Result<void> replace_or_write_over(const std::filesystem::path& path, std::string_view content, bool durable,
                                   FileSystem& files) {
  auto replaced = replace_file(path, content, durable, files);
  if (replaced) return replaced;
  const auto file = files.open(path, FileSystem::Open::to_change);
  if (!file) return replaced;
  const std::array parts{content};
  auto written = (*file)->write(0, parts);
  if (written) written = (*file)->cut(content.size());
  return written && durable ? (*file)->sync() : written;
}

Result<std::string> read_file(const std::filesystem::path& path, FileSystem& files) {
  constexpr std::size_t kChunk = 4096;
  auto file = files.open(path, FileSystem::Open::to_read);
  if (!file) return Failure(file.error());
  std::string content;
  while (true) {
    const std::size_t before = content.size();
    content.resize(before + kChunk);
    const auto got = (*file)->read(before, {content.data() + before, kChunk});
    if (!got) return Failure(fmt::format("cannot read '{}': {}", path.string(), got.error()));
    content.resize(before + *got);
    if (*got == 0) return content;
  }
}

}  // namespace lookout
