#include "gateway/read_ahead.h"

namespace lookout {
namespace {

constexpr std::uint64_t kWorthAThread = 2000;      // records
constexpr std::size_t kRecordsOfABatch = 256;      // some 40 KB, which stay in a cache
constexpr std::size_t kBytesOfABatch = 128 << 10;  // where records are large; and one more of any size

}  // namespace

ReadAhead::ReadAhead(const std::filesystem::path& folder, std::uint64_t from, std::uint64_t end,
                     const Machine& machine)
    : reader_(folder, from), machine_(machine), position_(from) {
  if (end < from + kWorthAThread) return;
  ahead_ = std::make_unique<Ahead>();
  ahead_->thread = std::jthread([this, end](const std::stop_token& stop) { run(stop, end); });
}

ReadAhead::~ReadAhead() = default;

Result<ReadAhead::Item*> ReadAhead::next(std::uint64_t end) {
  if (ahead_) {
    auto item = next_ahead();
    if (!item || *item) return item;
    ahead_->thread.join();  // which needs ahead_ as long as it runs
    ahead_.reset();
  }
  return next_at_once(end);
}

Result<ReadAhead::Item*> ReadAhead::next_at_once(std::uint64_t end) {
  auto record = reader_.next(end);
  if (!record) return Failure(record.error());
  position_ = reader_.position();
  place_ = place();
  if (!*record) return nullptr;
  item_ = {**record, machine_.parse(**record)};
  return &item_;
}

// Null where there is nothing more ahead.
Result<ReadAhead::Item*> ReadAhead::next_ahead() {
  while (true) {
    Batch& batch = ahead_->batches[ahead_->batch];
    await(batch, true, {});
    place_ = batch.place;
    if (ahead_->item < batch.items.size()) {
      Item& item = batch.items[ahead_->item++];
      position_ = item.record.offset + 1;
      return &item;
    }
    if (!batch.error.empty()) return Failure(batch.error);
    if (batch.is_last) return nullptr;
    set(batch, false);
    ahead_->batch ^= 1U;
    ahead_->item = 0;
  }
}

// Behind a configuration nothing is parsed before the machine has taken it.
void ReadAhead::run(const std::stop_token& stop, std::uint64_t end) {
  for (std::size_t i = 0;; i ^= 1U) {
    Batch& batch = ahead_->batches[i];
    if (!await(batch, false, stop)) return;
    fill(batch, end);
    const bool is_last = batch.is_last;
    const bool reconfigures =
        !batch.items.empty() && batch.items.back().record.kind == journal::Kind::configuration;
    set(batch, true);
    if (is_last || (reconfigures && !await(batch, false, stop))) return;
  }
}

void ReadAhead::fill(Batch& batch, std::uint64_t end) {
  batch.items.clear();
  batch.bytes.clear();
  batch.bytes.reserve(kBytesOfABatch + journal::kLargestBody);
  while (batch.items.size() < kRecordsOfABatch && batch.bytes.size() < kBytesOfABatch) {
    auto record = reader_.next(end);
    batch.is_last = !record || !*record;
    if (!record) batch.error = record.error();
    if (batch.is_last) break;
    const auto keep = [&](std::string_view& view) {
      const std::size_t at = batch.bytes.size();
      batch.bytes += view;
      view = std::string_view(batch.bytes).substr(at);
    };
    keep((*record)->message.topic);
    keep((*record)->message.payload);
    batch.items.push_back({**record, machine_.parse(**record)});
    if ((*record)->kind == journal::Kind::configuration) break;
  }
  batch.place = place();
}

// Whether it came to that before `stop`.
bool ReadAhead::await(const Batch& batch, bool full, const std::stop_token& stop) {
  std::unique_lock lock(ahead_->mutex);
  return ahead_->changed.wait(lock, stop, [&] { return batch.is_full == full; });
}

void ReadAhead::set(Batch& batch, bool full) {
  const std::lock_guard lock(ahead_->mutex);
  batch.is_full = full;
  ahead_->changed.notify_one();
}

}  // namespace lookout
