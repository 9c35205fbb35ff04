#include "gateway/cursor.h"

#include <spdlog/spdlog.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace lookout {
namespace {

// Three places, a disk's sector apart: what is written to one of them takes nothing from the others.
constexpr std::size_t kSlots = 3;
constexpr std::uint64_t kDistance = 512;

struct Slot {
  std::uint64_t offset = 0, index = 0, hash = 0;
  [[nodiscard]] std::uint64_t true_hash() const { return XXH3_64bits(this, sizeof(offset) + sizeof(index)); }
};
using Slots = std::array<std::optional<Cursor>, kSlots>;

Result<Slots> read_slots(File& file) {
  Slots slots;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    std::array<char, sizeof(Slot)> bytes{};
    const auto got = file.read(i * kDistance, bytes);
    if (!got) return Failure(got.error());
    Slot slot;
    std::memcpy(&slot, bytes.data(), sizeof(slot));
    if (*got == sizeof(slot) && slot.hash == slot.true_hash()) slots.at(i) = Cursor{slot.offset, slot.index};
  }
  return slots;
}

Result<bool> is_there(FileSystem& files, const std::filesystem::path& path) {
  const auto listed = files.list(path.parent_path());
  if (!listed) return Failure(listed.error());
  return std::ranges::find(*listed, path.filename().string(), &FileSystem::Entry::name) != listed->end();
}

}  // namespace

Cursor load_cursor(const std::filesystem::path& path, FileSystem& files) {
  if (const auto there = is_there(files, path); there && !*there) return {};
  const auto file = files.open(path, FileSystem::Open::to_read);
  const auto slots = file ? read_slots(**file) : Result<Slots>(Failure(file.error()));
  if (const auto newest = slots ? *std::ranges::max_element(*slots) : std::nullopt) return *newest;
  spdlog::warn("'{}' cannot be read: everything in the journal is published again", path.string());
  return {};
}

// The disk space of all places is taken at first. A kill may have left the newest unsynced, and the next one
// is about to be written over another.
Result<void> CursorFile::open() {
  const auto there = is_there(files_, path_);
  if (!there) return Failure(there.error());
  auto file = files_.open(path_, *there ? FileSystem::Open::to_change : FileSystem::Open::anew);
  if (!file) return Failure(file.error());
  const std::string zeros(kSlots * kDistance, '\0');
  const std::array parts{std::string_view(zeros)};
  auto opened = *there ? Result<void>{} : (*file)->write(0, parts);
  if (opened) opened = (*file)->sync();
  if (opened) opened = files_.sync_folder(path_.parent_path());
  if (!opened) return opened;
  const auto slots = read_slots(**file);
  if (!slots) return Failure(slots.error());
  newest_ = synced_ = static_cast<std::size_t>(std::ranges::max_element(*slots) - slots->begin());
  file_ = std::move(*file);
  return {};
}

Result<void> CursorFile::save(const Cursor& cursor) {
  const std::lock_guard lock(mutex_);
  auto saved = file_ ? Result<void>{} : open();
  if (saved) {
    std::size_t place = newest_;
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (i != newest_ && i != synced_ && i != syncing_) place = i;
    }
    Slot slot{cursor.offset, cursor.index, 0};
    slot.hash = slot.true_hash();
    const std::array parts{std::string_view(reinterpret_cast<const char*>(&slot), sizeof(slot))};
    saved = file_->write(place * kDistance, parts);
    if (saved) newest_ = place;
  }
  if (!saved) return Failure("cannot save '" + path_.string() + "': " + saved.error());
  return {};
}

Result<void> CursorFile::sync() {
  {
    const std::lock_guard lock(mutex_);
    if (!file_ || newest_ == synced_) return {};
    syncing_ = newest_;
  }
  const auto done = file_->sync();
  const std::lock_guard lock(mutex_);
  if (done) synced_ = *syncing_;
  syncing_.reset();
  if (!done) return Failure("cannot sync '" + path_.string() + "': " + done.error());
  return {};
}

}  // namespace lookout
