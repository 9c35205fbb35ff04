#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace lookout {

/// Bytes that may still be written on the disk of a folder; nothing where that cannot be told.
std::optional<std::uint64_t> disk_room(const std::filesystem::path& folder);
/// How large that disk is; the largest number where that cannot be told.
std::uint64_t disk_size(const std::filesystem::path& folder);
/// Whether two folders share a disk, so that what goes from one makes room for the other.
bool on_one_disk(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace lookout
