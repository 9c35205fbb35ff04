#include "bridge/archive/retention.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr std::uint64_t kFilesOfArchive = 128;
constexpr std::uint64_t kSmallestFile = std::uint64_t{1} << 20, kLargestFile = std::uint64_t{128} << 20;

// Messages came in the order of their offsets, whatever the clock said.
std::optional<Timestamp> newest_arrival_of_oldest(const std::vector<ClosedFile>& files) {
  std::optional<Timestamp> newest;
  for (const ClosedFile& file : files) {
    if (!file.damage && file.summary.arrivals)
      newest = std::min(newest.value_or(file.summary.arrivals->to), file.summary.arrivals->to);
  }
  return newest;
}

}  // namespace

std::vector<ClosedFile>::const_iterator oldest_of(const std::vector<ClosedFile>& files) {
  return std::ranges::find_if(files, [](const ClosedFile& file) { return !file.damage; });
}

bool is_due(const std::vector<ClosedFile>& files, std::uint64_t open_bytes, const ArchiveConfig& limits,
            std::optional<Timestamp> now) {
  if (oldest_of(files) == files.end()) return false;
  std::uint64_t bytes = open_bytes;
  for (const ClosedFile& file : files) bytes += file.damage ? 0 : file.bytes;
  if (bytes > limits.retention_size) return true;
  const auto newest = newest_arrival_of_oldest(files);
  return now && newest && *newest < *now - limits.retention_age;
}

bool may_go(const FileSummary& file, std::uint64_t forwarded, const ArchiveConfig& limits) {
  return limits.evict_unforwarded || file.end_offset <= forwarded;
}

std::uint64_t file_size(const ArchiveConfig& limits, std::uint64_t disk_size) {
  return std::clamp(std::min(limits.retention_size, disk_size) / kFilesOfArchive, kSmallestFile,
                    kLargestFile);
}

}  // namespace lookout
