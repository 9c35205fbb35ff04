#include "tests/support/crash_file_system.h"

#include <algorithm>
#include <utility>

namespace lookout::test {

class CrashFileSystem::OpenFile final : public File {
 public:
  OpenFile(CrashFileSystem& disk, std::shared_ptr<Inode> inode) : disk_(disk), inode_(std::move(inode)) {}

  Result<std::size_t> read(std::uint64_t position, std::span<char> to) override {
    const std::lock_guard lock(disk_.mutex_);
    if (disk_.ended()) return Failure("the disk has ended");
    const std::string& content = inode_->content;
    if (position >= content.size()) return std::size_t{0};
    const std::uint64_t end = position + std::min<std::uint64_t>(to.size(), content.size() - position);
    if (position < inode_->bad_end && inode_->bad < end) return Failure("Input/output error");
    return content.copy(to.data(), to.size(), position);
  }
  Result<std::uint64_t> size() override {
    const std::lock_guard lock(disk_.mutex_);
    if (disk_.ended()) return Failure("the disk has ended");
    return inode_->content.size();
  }

  Result<void> write(std::uint64_t position, std::span<const std::string_view> parts) override {
    std::string bytes;
    for (const std::string_view part : parts) bytes += part;
    return disk_.change(*inode_, {Change::Kind::write, position, std::move(bytes)});
  }
  Result<void> reserve(std::uint64_t size) override {
    return disk_.change(*inode_, {Change::Kind::reserve, size, {}});
  }
  Result<void> cut(std::uint64_t size) override {
    return disk_.change(*inode_, {Change::Kind::cut, size, {}});
  }

  Result<void> sync() override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto counted = disk_.count(); !counted) return counted;
    const auto changes = std::exchange(inode_->changes, {});
    if (disk_.syncs_fail_) {
      inode_->forgot |= !changes.empty();
      return Failure("Input/output error");
    }
    if (!inode_->forgot) inode_->synced = inode_->content;  // damage by a test included
    for (const Change& change : changes) apply(change, inode_->synced);
    return {};
  }

 private:
  CrashFileSystem& disk_;
  std::shared_ptr<Inode> inode_;
};

bool CrashFileSystem::ended() { return stop_at_ && operations_ > *stop_at_; }

Result<void> CrashFileSystem::count() {
  ++operations_;
  if (ended()) return Failure("the disk has ended");
  return {};
}

void CrashFileSystem::apply(const Change& change, std::string& content) {
  switch (change.kind) {
    case Change::Kind::write:
      content.resize(std::max<std::size_t>(content.size(), change.position + change.bytes.size()));
      content.replace(change.position, change.bytes.size(), change.bytes);
      break;
    case Change::Kind::reserve:
      content.resize(std::max<std::size_t>(content.size(), change.position));
      break;
    case Change::Kind::cut:
      content.resize(change.position);
  }
}

Result<void> CrashFileSystem::change(Inode& inode, Change change) {
  const std::lock_guard lock(mutex_);
  const bool under_way = !ended() && change.kind == Change::Kind::write;
  auto counted = count();
  if (!counted && !under_way) return counted;
  if (!counted && !change.bytes.empty()) {
    std::mt19937_64 random(operations_);
    change.bytes.resize(random() % change.bytes.size());
  }
  if (change.kind == Change::Kind::write && writes_fail_) return Failure("Input/output error");
  const std::size_t before = inode.content.size();
  apply(change, inode.content);
  if (capacity_ && inode.content.size() > before && used() > *capacity_) {
    inode.content.resize(before);
    return Failure("No space left on device");
  }
  inode.changes.push_back(std::move(change));
  return counted;
}

std::uint64_t CrashFileSystem::used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, inode] : names_) bytes += inode->content.size();
  return bytes;
}

void CrashFileSystem::name(const std::string& path, std::shared_ptr<Inode> inode) {
  if (inode) {
    names_[path] = std::move(inode);
  } else {
    names_.erase(path);
  }
  unsynced_names_.push_back(names_);
}

Result<std::unique_ptr<File>> CrashFileSystem::open(const std::filesystem::path& path, Open how) {
  const std::lock_guard lock(mutex_);
  if (ended()) return Failure("the disk has ended");
  auto known = names_.find(path.string());
  if (how == Open::anew) {
    if (auto counted = count(); !counted) return Failure(counted.error());
    if (known == names_.end()) {
      name(path.string(), std::make_shared<Inode>());
    } else {
      known->second->changes.push_back({Change::Kind::cut, 0, {}});
      known->second->content.clear();
    }
    known = names_.find(path.string());
  }
  if (known == names_.end()) return Failure("cannot open '" + path.string() + "': No such file or directory");
  return std::make_unique<OpenFile>(*this, known->second);
}

Result<std::vector<FileSystem::Entry>> CrashFileSystem::list(const std::filesystem::path& folder) {
  const std::lock_guard lock(mutex_);
  if (ended()) return Failure("the disk has ended");
  std::vector<Entry> entries;
  for (const auto& [path, inode] : names_) {
    const std::filesystem::path file = path;
    if (file.parent_path() == folder) entries.push_back({file.filename().string(), inode->content.size()});
  }
  return entries;
}

Result<void> CrashFileSystem::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::lock_guard lock(mutex_);
  if (auto counted = count(); !counted) return counted;
  const auto known = names_.find(from.string());
  if (known == names_.end()) return Failure("cannot rename '" + from.string() + "'");
  const auto inode = known->second;
  names_.erase(known);
  name(to.string(), inode);
  return {};
}

Result<void> CrashFileSystem::remove(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  if (auto counted = count(); !counted) return counted;
  if (names_.contains(path.string())) name(path.string(), nullptr);
  return {};
}

Result<void> CrashFileSystem::sync_folder(const std::filesystem::path& /*folder*/) {
  const std::lock_guard lock(mutex_);
  if (auto counted = count(); !counted) return counted;
  if (syncs_fail_) return Failure("Input/output error");
  unsynced_names_ = {names_};
  return {};
}

std::string* CrashFileSystem::content(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  const auto known = names_.find(path.string());
  return known == names_.end() ? nullptr : &known->second->content;
}

void CrashFileSystem::fail_reads(const std::filesystem::path& path, std::uint64_t position,
                                 std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Inode& inode = *names_.at(path.string());
  inode.bad = position;
  inode.bad_end = position + bytes;
}

// Half of the changes are there, of which a third in part, in a random order of reaching the disk.
std::string CrashFileSystem::torn_content(const Inode& inode, std::mt19937_64& random) {
  std::string content = inode.synced;
  for (const Change& change : inode.changes) {
    if (random() % 2 == 0) continue;
    Change part = change;
    if (random() % 3 == 0 && !part.bytes.empty()) {
      const std::size_t skipped = random() % part.bytes.size();
      part.position += skipped;
      part.bytes = part.bytes.substr(skipped, random() % part.bytes.size());
    }
    apply(part, content);
  }
  return content;
}

std::unique_ptr<CrashFileSystem> CrashFileSystem::found(Found how, std::uint64_t seed) const {
  const std::lock_guard lock(mutex_);
  auto disk = std::make_unique<CrashFileSystem>();
  if (how == Found::kept) {
    disk->copy_from(*this);
    return disk;
  }
  std::mt19937_64 random(seed);
  const Names& names =
      how == Found::dropped ? unsynced_names_.front() : unsynced_names_[random() % unsynced_names_.size()];
  for (const auto& [path, inode] : names) {
    auto found = std::make_shared<Inode>();
    found->content = how == Found::dropped ? inode->synced : torn_content(*inode, random);
    found->synced = found->content;
    disk->names_[path] = std::move(found);
  }
  disk->unsynced_names_ = {disk->names_};
  return disk;
}

// What was not synced is not synced there either.
void CrashFileSystem::copy_from(const CrashFileSystem& other) {
  std::map<std::shared_ptr<Inode>, std::shared_ptr<Inode>> copies;
  const auto copied = [&](Names names) {
    for (auto& [path, inode] : names) {
      auto& copy = copies[inode];
      if (!copy) copy = std::make_shared<Inode>(*inode);
      inode = copy;
    }
    return names;
  };
  names_ = copied(other.names_);
  unsynced_names_.clear();
  for (const Names& names : other.unsynced_names_) unsynced_names_.push_back(copied(names));
}

}  // namespace lookout::test
