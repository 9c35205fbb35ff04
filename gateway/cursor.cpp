#include "gateway/cursor.h"

#include <spdlog/spdlog.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "common/file.h"

namespace lookout {
namespace {

// Two places in turn, a disk's sector apart: one of them is whole, whatever happens while the other is
// written. In place, so that a full disk has room for it.
constexpr std::uint64_t kDistance = 512;

struct Slot {
  std::uint64_t offset = 0, index = 0, hash = 0;
  [[nodiscard]] std::uint64_t true_hash() const { return XXH3_64bits(this, sizeof(offset) + sizeof(index)); }
};
using Slots = std::array<std::optional<Cursor>, 2>;

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

Result<void> save_in_place(File& file, const Cursor& cursor) {
  const auto slots = read_slots(file);
  if (!slots) return Failure(slots.error());
  const std::size_t older = (*slots)[1] < (*slots)[0] ? 1 : 0;
  Slot slot{cursor.offset, cursor.index, 0};
  slot.hash = slot.true_hash();
  const std::array parts{std::string_view(reinterpret_cast<const char*>(&slot), sizeof(slot))};
  return file.write(older * kDistance, parts);
}

}  // namespace

Cursor load_cursor(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return {};
  const auto file = system_files().open(path, FileSystem::Open::to_read);
  const auto slots = file ? read_slots(**file) : Result<Slots>(Failure(file.error()));
  if (const auto newest = slots ? std::max((*slots)[0], (*slots)[1]) : std::nullopt) return *newest;
  spdlog::warn("'{}' cannot be read: everything in the journal is published again", path.string());
  return {};
}

Result<void> save_cursor(const std::filesystem::path& path, const Cursor& cursor) {
  const bool is_there = std::filesystem::exists(path);
  auto file = system_files().open(path, is_there ? FileSystem::Open::to_change : FileSystem::Open::anew);
  if (!file) return Failure(file.error());
  auto saved = is_there ? Result<void>{} : (*file)->reserve(2 * kDistance);
  if (saved) saved = save_in_place(**file, cursor);
  if (!saved) return Failure("cannot save '" + path.string() + "': " + saved.error());
  return {};
}

}  // namespace lookout
