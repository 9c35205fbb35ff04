#include "bridge/archiver.h"

namespace lookout {

Archiver::Archiver(JournalWriter& journal, Archive& archive, const Config& config, BatchLimits limits)
    : limits_(limits),
      journal_(journal),
      archive_(archive),
      recorder_(archive, config),
      reader_(journal.folder(), archive.next_offset()) {}

ArchiveResult<void> Archiver::archive_batch(const std::stop_token& stop) {
  if (journal_.end() <= position()) return {};
  auto done = fill_batch(stop);
  if (done && in_batch_) done = commit();
  if (!done) {
    rewind();
    return done;
  }
  journal_.trim(archive_.next_offset());
  return {};
}

ArchiveResult<void> Archiver::fill_batch(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + limits_.time;
  const auto in_time = [&] { return !stop.stop_requested() && Clock::now() < deadline; };
  for (std::size_t size = 0; size == 0 || (size < limits_.size && in_time());) {
    const auto next = reader_.next(journal_.end());
    if (!next) return std::unexpected(ArchiveFailure{ArchiveFailure::Kind::broken, next.error()});
    const std::optional<journal::Record>& record = *next;
    if (!record) {
      if (!in_time()) break;
      journal_.wait_beyond(position(), deadline);
      continue;
    }
    if (auto recorded = record_one(*record); !recorded) return recorded;
    ++size;
  }
  return {};
}

// A file of the archive ends with a batch.
ArchiveResult<void> Archiver::record_one(const journal::Record& record) {
  ArchiveResult<void> done;
  if (in_batch_ && archive_.starts_new_file(record.message.arrival)) done = commit();
  if (done && !in_batch_) {
    done = archive_.begin(record.offset, record.message.arrival);
    in_batch_ = true;
  }
  return done ? recorder_.record(record.offset, record.message) : done;
}

ArchiveResult<void> Archiver::commit() {
  auto done = archive_.commit();
  if (!done) return done;
  in_batch_ = false;
  recorder_.settle();
  lost_ = lost_before_ + reader_.lost();
  return {};
}

void Archiver::rewind() {
  in_batch_ = false;
  archive_.abandon();
  recorder_.forget();
  reader_ = JournalReader(journal_.folder(), archive_.next_offset());
  lost_before_ = lost_;
}

JournalState Archiver::journal_state() const {
  JournalState state{.journal_bytes = journal_.size_bytes(), .unreadable_records = lost_};
  if (const std::uint64_t end = journal_.end(); end > position()) {
    state.lag_records = end - position();
    state.lag_bytes = journal_.bytes_from(reader_.segment(), reader_.segment_position());
  }
  return state;
}

}  // namespace lookout
