#include "bridge/kafka/forward_source.h"

#include <algorithm>
#include <utility>

#include "bridge/kafka/kafka_cursor.h"

namespace lookout {
namespace {

// Of topics and payloads: a batch and what librdkafka holds of another are in memory at a time.
constexpr std::size_t kMostBytes = std::size_t{2} << 20;

bool is_in(const ForwardRange& range, Timestamp time) { return range.from <= time && time < range.to; }

/// Takes out what is not wanted; false: all of it.
bool keep_wanted(ArchivedMessage& message, const ForwardRange& range) {
  if (range.axis == TimeAxis::arrival || (message.readings.empty() && !message.aggregate))
    return is_in(range, message.arrival);
  std::erase_if(message.readings,
                [&](const ArchivedReading& reading) { return !is_in(range, reading.event_time); });
  if (message.aggregate && !is_in(range, message.aggregate->start)) message.aggregate.reset();
  return !message.readings.empty() || message.aggregate;
}

/// Nobody knows of a gap when the messages were measured that came in it: before they came.
bool may_concern(const Gap& gap, const ForwardRange& range) {
  return !gap.times ||
         (gap.times->to >= range.from && (range.axis == TimeAxis::event || gap.times->from < range.to));
}

struct LastMessage final : FeedReceiver {
  ArchivedMessage message;
  bool take(ArchivedMessage& fed) override {
    message = std::move(fed);
    return false;
  }
  void take(const Gap&) override {}
};

}  // namespace

/// Makes a batch of what is fed.
class ForwardSource::Filling final : public FeedReceiver {
 public:
  Filling(ForwardSource& source, std::size_t most_records, ForwardBatch& batch)
      : source_(source), most_records_(most_records), batch_(batch) {}

  bool take(ArchivedMessage& fed) override {
    ArchivedMessage& message = source_.last_;
    std::swap(message, fed);
    if (!keep_wanted(message, source_.range_)) return true;
    ++batch_.messages;
    source_.maker_.add(message, source_.alerts_, batch_.records);
    if (const auto told = source_.alerts_.find(message.topic); told != source_.alerts_.end())
      batch_.alerts.insert_or_assign(told->first, told->second);
    return batch_.records.list.size() < most_records_;
  }
  void take(const Gap& gap) override {
    if (!may_concern(gap, source_.range_)) return;
    source_.maker_.add(gap, batch_.records);
    (gap.is_eviction() ? batch_.evicted : batch_.lost) += gap.end_offset - gap.first_offset;
  }

 private:
  ForwardSource& source_;
  const std::size_t most_records_;
  ForwardBatch& batch_;
};

ArchiveResult<ForwardBatch> ForwardSource::next(std::size_t most) {
  const ArchiveFeed::Limits limits{.messages = most, .bytes = kMostBytes * most / kMostMessages};
  ForwardBatch batch{.records = {}, .alerts = {}, .first = next_, .next = next_};
  Filling filling(*this, most, batch);
  const auto fed = feed_.read(next_, limits, filling);
  if (!fed) return std::unexpected(fed.error());
  if (fed->messages > 0) batch.last = fingerprint(last_);
  batch.is_large =
      2 * std::max(fed->messages, batch.records.list.size()) >= most || 2 * fed->bytes >= limits.bytes;
  batch.next = next_ = fed->next;
  return batch;
}

ArchiveResult<std::string> ForwardSource::fingerprint_at(std::uint64_t offset) {
  LastMessage last;
  const auto fed = feed_.read(offset, {}, last);
  if (!fed) return std::unexpected(fed.error());
  return fed->messages > 0 && last.message.offset == offset ? fingerprint(last.message) : std::string{};
}

}  // namespace lookout
