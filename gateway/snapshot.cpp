// The one door to cereal.
#include "gateway/snapshot.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
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
class BoundedArchive;
}
}  // namespace lookout

// Enumerations are read as what the other archive writes.
template <>
struct cereal::traits::detail::get_output_from_input<lookout::BoundedArchive> {
  using type = cereal::BinaryOutputArchive;
};

namespace lookout {
namespace {

constexpr std::string_view kMagic = "LKSNAP06";
constexpr std::string_view kMagicOfAll = kMagic.substr(0, 6);  // the rest is the version
constexpr std::string_view kAside = ".snapshot.corrupt.";
constexpr std::ptrdiff_t kAsideAtMost = 2;
constexpr const char* kExtension = ".snapshot";
constexpr std::size_t kBuffer = std::size_t{256} << 10;

/// Writes to a file and hashes what it writes.
class HashingBuffer final : public std::streambuf {
 public:
  explicit HashingBuffer(File& file) : file_(file), buffer_(kBuffer) {
    XXH3_64bits_reset(hash_.get());
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }
  /// Writes what is left and behind it the hash of everything, and makes it last.
  Result<void> finish() {
    if (!flush()) return outcome_;
    const std::uint64_t hash = XXH3_64bits_digest(hash_.get());
    sputn(reinterpret_cast<const char*>(&hash), sizeof(hash));
    return flush() ? file_.sync() : outcome_;
  }
  /// Why the last write failed.
  [[nodiscard]] const Result<void>& outcome() const { return outcome_; }

 private:
  int_type overflow(int_type next) override {
    if (!flush()) return traits_type::eof();
    *pptr() = traits_type::to_char_type(next);
    pbump(1);
    return next;
  }
  bool flush() {
    const std::string_view full(pbase(), static_cast<std::size_t>(pptr() - pbase()));
    XXH3_64bits_update(hash_.get(), full.data(), full.size());
    outcome_ = file_.write(position_, {&full, 1});
    position_ += full.size();
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return outcome_.has_value();
  }

  File& file_;
  std::uint64_t position_ = 0;
  std::vector<char> buffer_;
  Result<void> outcome_;
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash_{XXH3_createState(), &XXH3_freeState};
};

/// Reads as cereal::BinaryInputArchive does, and believes no length beyond what is left to read: it would be
/// reserved before anything is found to be missing.
class BoundedArchive final : public cereal::InputArchive<BoundedArchive, cereal::AllowEmptyClassElision> {
 public:
  explicit BoundedArchive(std::istream& in) : InputArchive(this), in_(*in.rdbuf()) {
    const auto here = in.tellg();
    in.seekg(0, std::ios::end);
    left_ = static_cast<std::uint64_t>(in.tellg() - here);
    in.seekg(here);
  }
  void load(void* data, std::uint64_t size) {
    if (size > left_) throw cereal::Exception("it ends too early");
    left_ -= size;
    in_.sgetn(static_cast<char*>(data), static_cast<std::streamsize>(size));
  }
  [[nodiscard]] std::uint64_t left() const { return left_; }

 private:
  std::streambuf& in_;
  std::uint64_t left_;
};

template <typename Number>
  requires std::is_arithmetic_v<Number>
void load(BoundedArchive& archive, Number& number) {
  if constexpr (std::is_same_v<Number, bool>) {
    std::uint8_t byte = 0;
    archive.load(&byte, sizeof(byte));
    if (byte > 1) throw cereal::Exception("a flag in it is wrong");
    number = byte == 1;
  } else {
    archive.load(&number, sizeof(number));
  }
}

template <typename Value>
void load(BoundedArchive& archive, cereal::NameValuePair<Value>& pair) {
  archive(pair.value);
}

template <typename Data>
void load(BoundedArchive& archive, cereal::BinaryData<Data>& data) {
  archive.load(data.data, data.size);
}

template <typename Size>
void load(BoundedArchive& archive, cereal::SizeTag<Size>& tag) {
  archive(tag.size);
  if (tag.size > archive.left()) throw cereal::Exception("a length in it is wrong");
}

Result<void> write_all(File& file, SnapshotHead& head, Machine& machine, Replay& replay) {
  HashingBuffer buffer(file);
  std::ostream out(&buffer);
  try {
    out.write(kMagic.data(), static_cast<std::streamsize>(kMagic.size()));
    cereal::BinaryOutputArchive{out}(head);
    write_state(out, machine);
    cereal::BinaryOutputArchive{out}(replay);
  } catch (const cereal::Exception&) {  // the stream took no more
    return buffer.outcome();
  }
  return buffer.finish();
}

/// Why a snapshot is not read.
struct Unreadable {
  std::string why;
  bool foreign = false;  // it is whole, and of another version of the program
};
template <typename Value>
using Read = std::expected<Value, Unreadable>;

std::unexpected<Unreadable> damaged(std::string why) {
  return std::unexpected(Unreadable{.why = std::move(why)});
}
std::unexpected<Unreadable> foreign(std::string why) {
  return std::unexpected(Unreadable{.why = std::move(why), .foreign = true});
}

// The body of a file that is whole. Of all versions the magic comes first and the hash last.
Read<std::string_view> body_of(std::string_view content) {
  std::uint64_t hash = 0;
  if (content.size() < kMagic.size() + sizeof(hash)) return damaged("it is too short");
  const std::string_view hashed = content.substr(0, content.size() - sizeof(hash));
  std::memcpy(&hash, content.data() + hashed.size(), sizeof(hash));
  if (XXH3_64bits(hashed.data(), hashed.size()) != hash) return damaged("it is damaged");
  if (hashed.starts_with(kMagic)) return hashed.substr(kMagic.size());
  if (!hashed.starts_with(kMagicOfAll)) return damaged("it is no snapshot");
  return foreign(fmt::format("it is of version {} of the format, and this program reads {}",
                             hashed.substr(kMagicOfAll.size(), 2), kMagic.substr(kMagicOfAll.size())));
}

// What another version had accepted.
std::unexpected<Unreadable> refused(const Problem& problem) {
  return foreign("this version does not take the configuration in it: " + problem.text());
}

Read<SnapshotStore::Restored> read_body(std::string_view body, const std::string& box_id) {
  try {
    std::ispanstream in(body);
    SnapshotHead head;
    BoundedArchive{in}(head);
    const auto loaded = parse_config(head.config);
    if (!loaded.problems.empty()) return refused(loaded.problems[0]);
    auto machine = Machine::create(loaded.config, box_id);
    if (!machine) return refused(machine.error()[0]);
    read_state(in, *machine);
    Replay replay(loaded.config, box_id);
    BoundedArchive{in}(replay);
    return SnapshotStore::Restored{std::move(head), std::move(*machine), std::move(replay)};
  } catch (const std::exception& error) {  // cereal's own, or what nobody has the memory for
    return damaged(error.what());
  }
}

Read<SnapshotStore::Restored> read_all(const std::filesystem::path& path, const std::string& box_id,
                                       FileSystem& files) {
  const auto content = read_file(path, files);
  if (!content) return damaged(content.error());
  const auto body = body_of(*content);
  if (!body) return std::unexpected(body.error());
  return read_body(*body, box_id);
}

}  // namespace

void write_state(std::ostream& out, Machine& machine) { cereal::BinaryOutputArchive{out}(machine); }

void read_state(std::istream& in, Machine& machine) { BoundedArchive{in}(machine); }

Result<void> SnapshotStore::write(SnapshotHead head, Machine& machine, Replay& replay) const {
  const auto temporary = folder_ / "snapshot.new";
  // Another file than one that is still written to, by a copy of the process that was given up.
  if (auto removed = files_.remove(temporary); !removed) return removed;
  if (auto written = write_beside(temporary, head, machine, replay); !written) {
    [[maybe_unused]] const auto removed = files_.remove(temporary);
    return Failure(fmt::format("cannot write '{}': {}", temporary.string(), written.error()));
  }
  if (auto renamed = files_.rename(temporary, path_of(head.offset)); !renamed) return renamed;
  if (auto synced = files_.sync_folder(folder_); !synced) return synced;
  const auto kept = offsets();
  for (std::size_t i = 2; i < kept.size(); ++i) {
    if (auto removed = files_.remove(path_of(kept[i])); !removed) return removed;
  }
  return {};
}

Result<void> SnapshotStore::write_beside(const std::filesystem::path& path, SnapshotHead& head,
                                         Machine& machine, Replay& replay) const {
  const auto file = files_.open(path, FileSystem::Open::anew);
  if (!file) return Failure(file.error());
  return write_all(**file, head, machine, replay);
}

std::optional<SnapshotStore::Restored> SnapshotStore::load(const std::string& box_id) const {
  for (const std::uint64_t offset : offsets()) {
    const auto path = path_of(offset);
    auto restored = read_all(path, box_id, files_);
    if (restored && restored->head.offset == offset) return std::move(*restored);
    spdlog::error("snapshot: '{}' cannot be read: {}", path.string(),
                  restored ? "it is that of another offset" : restored.error().why);
    if (!restored && restored.error().foreign) {
      spdlog::error("snapshot: left where it is, until two newer ones take its place");
      continue;
    }
    if (const auto done = set_aside(path); !done) spdlog::error("{}", done.error());
  }
  return std::nullopt;
}

// Somebody may want to know what is wrong with it; of many nobody does.
Result<void> SnapshotStore::set_aside(const std::filesystem::path& path) const {
  const auto listed = files_.list(folder_).value_or(std::vector<FileSystem::Entry>{});
  const auto others = std::ranges::count_if(
      listed, [](const auto& entry) { return entry.name.find(kAside) != std::string::npos; });
  if (others >= kAsideAtMost) {
    spdlog::error("snapshot: removed: there are {} others set aside already", others);
    return files_.remove(path);
  }
  const std::string aside = fmt::format("{}.corrupt.{}", path.string(), std::time(nullptr));
  spdlog::error("snapshot: set aside as '{}'", aside);
  return files_.rename(path, aside);
}

std::optional<SnapshotStore::Restored> SnapshotStore::read_newest(const std::string& box_id) const {
  for (const std::uint64_t offset : offsets()) {
    if (auto restored = read_all(path_of(offset), box_id, files_)) return std::move(*restored);
  }
  return std::nullopt;
}

std::vector<std::uint64_t> SnapshotStore::offsets() const {
  std::vector<std::uint64_t> offsets;
  for (const auto& [name, size] : files_.list(folder_).value_or(std::vector<FileSystem::Entry>{})) {
    std::uint64_t offset = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), offset);
    if (parsed.ec == std::errc{} && std::string_view(parsed.ptr) == kExtension) offsets.push_back(offset);
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
  if (kept.empty()) return 0;
  const auto listed = files_.list(folder_).value_or(std::vector<FileSystem::Entry>{});
  const auto newest =
      std::ranges::find(listed, path_of(kept[0]).filename().string(), &FileSystem::Entry::name);
  return newest == listed.end() ? 0 : newest->size;
}

std::filesystem::path SnapshotStore::path_of(std::uint64_t offset) const {
  return folder_ / fmt::format("{:020}{}", offset, kExtension);
}

}  // namespace lookout
