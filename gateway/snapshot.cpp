// The one door to cereal.
#include "gateway/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cereal/archives/binary.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>
#include <charconv>
#include <cstring>
#include <ctime>
#include <spanstream>
#include <streambuf>

#include "common/file.h"

namespace lookout {
namespace {

constexpr std::string_view kMagic = "LKSNAP01";
constexpr const char* kExtension = ".snapshot";
constexpr std::size_t kBuffer = std::size_t{256} << 10;

/// Writes to a file and hashes what it writes.
class HashingBuffer final : public std::streambuf {
 public:
  explicit HashingBuffer(const FileHandle& file) : file_(file), buffer_(kBuffer) {
    XXH3_64bits_reset(hash_.get());
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }
  /// Of everything so far. Nothing when not all of it could be written.
  std::optional<std::uint64_t> finish() {
    return flush() ? std::optional(XXH3_64bits_digest(hash_.get())) : std::nullopt;
  }

 private:
  int_type overflow(int_type next) override {
    if (!flush()) return traits_type::eof();
    *pptr() = traits_type::to_char_type(next);
    pbump(1);
    return next;
  }
  bool flush() {
    const auto size = static_cast<std::size_t>(pptr() - pbase());
    XXH3_64bits_update(hash_.get(), pbase(), size);
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return ::write(file_.get(), buffer_.data(), size) == static_cast<ssize_t>(size);
  }

  const FileHandle& file_;
  std::vector<char> buffer_;
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash_{XXH3_createState(), &XXH3_freeState};
};

Result<void> write_all(const FileHandle& file, SnapshotHead& head, Machine& machine) {
  HashingBuffer buffer(file);
  std::ostream out(&buffer);
  try {
    out.write(kMagic.data(), static_cast<std::streamsize>(kMagic.size()));
    cereal::BinaryOutputArchive{out}(head);
    write_state(out, machine);
  } catch (const cereal::Exception&) {
    return Failure("cannot write the snapshot: " + std::generic_category().message(errno));
  }
  const auto hash = buffer.finish();
  if (hash && ::write(file.get(), &*hash, sizeof(*hash)) == sizeof(*hash) && ::fsync(file.get()) == 0)
    return {};
  return Failure("cannot write the snapshot: " + std::generic_category().message(errno));
}

// The body of a file that is whole.
Result<std::string_view> body_of(std::string_view content) {
  std::uint64_t hash = 0;
  if (content.size() < kMagic.size() + sizeof(hash)) return Failure("it is too short");
  if (!content.starts_with(kMagic)) return Failure("it is no snapshot, or one of another version");
  const std::string_view hashed = content.substr(0, content.size() - sizeof(hash));
  std::memcpy(&hash, content.data() + hashed.size(), sizeof(hash));
  if (XXH3_64bits(hashed.data(), hashed.size()) != hash) return Failure("it is damaged");
  return hashed.substr(kMagic.size());
}

Result<SnapshotStore::Restored> read_all(const std::filesystem::path& path, const std::string& box_id) {
  const auto content = read_file(path);
  if (!content) return Failure(content.error());
  const auto body = body_of(*content);
  if (!body) return Failure(body.error());
  try {
    std::ispanstream in(*body);
    SnapshotHead head;
    cereal::BinaryInputArchive{in}(head);
    const auto loaded = parse_config(head.config);
    if (!loaded.problems.empty())
      return Failure("its configuration is not good: " + loaded.problems[0].text());
    auto machine = Machine::create(loaded.config, box_id);
    if (!machine) return Failure("its configuration is not good: " + machine.error()[0].text());
    read_state(in, *machine);
    return SnapshotStore::Restored{std::move(head), std::move(*machine)};
  } catch (const std::exception& error) {  // cereal's own, or a length that nobody has the memory for
    return Failure(error.what());
  }
}

}  // namespace

void write_state(std::ostream& out, Machine& machine) { cereal::BinaryOutputArchive{out}(machine); }

void read_state(std::istream& in, Machine& machine) { cereal::BinaryInputArchive{in}(machine); }

Result<void> SnapshotStore::write(SnapshotHead head, Machine& machine) const {
  const auto temporary = folder_ / "snapshot.new";
  const auto path = path_of(head.offset);
  {
    const auto file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return Failure(file.error());
    if (auto written = write_all(*file, head, machine); !written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return Failure(describe_errno("cannot replace", path));
  if (auto synced = sync_folder(folder_); !synced) return synced;
  const auto kept = offsets();
  for (std::size_t i = 2; i < kept.size(); ++i) ::unlink(path_of(kept[i]).c_str());
  return {};
}

std::optional<SnapshotStore::Restored> SnapshotStore::load(const std::string& box_id) const {
  for (const std::uint64_t offset : offsets()) {
    const auto path = path_of(offset);
    auto restored = read_all(path, box_id);
    if (restored && restored->head.offset == offset) return std::move(*restored);
    const std::string aside = fmt::format("{}.corrupt.{}", path.string(), std::time(nullptr));
    spdlog::error("snapshot: '{}' cannot be read: {}: set aside as '{}'", path.string(),
                  restored ? "it is that of another offset" : restored.error(), aside);
    ::rename(path.c_str(), aside.c_str());
  }
  return std::nullopt;
}

std::vector<std::uint64_t> SnapshotStore::offsets() const {
  std::vector<std::uint64_t> offsets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    if (entry.path().extension() != kExtension) continue;
    const std::string stem = entry.path().stem().string();
    std::uint64_t offset = 0;
    const auto parsed = std::from_chars(stem.data(), stem.data() + stem.size(), offset);
    if (parsed.ec == std::errc{} && parsed.ptr == stem.data() + stem.size()) offsets.push_back(offset);
  }
  std::ranges::sort(offsets, std::greater{});
  return offsets;
}

std::optional<std::uint64_t> SnapshotStore::older() const {
  const auto kept = offsets();
  return kept.size() < 2 ? std::nullopt : std::optional(kept[1]);
}

std::uint64_t SnapshotStore::newest_size() const {
  const auto kept = offsets();
  std::error_code error;
  return kept.empty() ? 0 : std::filesystem::file_size(path_of(kept[0]), error);
}

std::filesystem::path SnapshotStore::path_of(std::uint64_t offset) const {
  return folder_ / fmt::format("{:020}{}", offset, kExtension);
}

}  // namespace lookout
