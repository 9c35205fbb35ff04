#include "bridge/kafka/forward_source.h"

#include <utility>

#include "bridge/kafka/kafka_cursor.h"

namespace lookout {
namespace {

// Of topics and payloads: a batch and what librdkafka holds of another are in memory at a time.
constexpr std::size_t kMostBytes = std::size_t{2} << 20;
constexpr std::size_t kMessagesAtOnce = 1000;  // in the archive's own form, which takes more than records

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

}  // namespace

ArchiveResult<ForwardBatch> ForwardSource::next(std::size_t most) {
  const std::size_t most_bytes = kMostBytes * most / kMostMessages;
  ForwardBatch batch{.records = {}, .alerts = {}, .first = next_, .next = next_};
  std::size_t messages = 0, bytes = 0;
  while (messages < most && bytes < most_bytes) {
    const ArchiveFeed::Limits limits{.messages = std::min(most - messages, kMessagesAtOnce),
                                     .bytes = most_bytes - bytes};
    auto fed = feed_.read(batch.next, limits);
    if (!fed && batch.next == batch.first) return std::unexpected(fed.error());
    if (!fed) break;  // it is the next batch's answer
    messages += fed->messages.size();
    bytes += add(*fed, batch);
    if (fed->messages.size() < limits.messages) break;  // at the end, or before what cannot be read
  }
  batch.is_large = messages * 2 >= most || bytes * 2 >= most_bytes;
  next_ = batch.next;
  return batch;
}

// Returns the bytes of the messages. What one took of memory is there for the next one's records.
std::size_t ForwardSource::add(FeedBatch& fed, ForwardBatch& batch) {
  if (!fed.messages.empty()) batch.last = fingerprint(fed.messages.back());
  auto gap = fed.gaps.begin();
  const auto add_gaps_before = [&](std::uint64_t offset) {
    for (; gap != fed.gaps.end() && gap->first_offset < offset; ++gap) {
      maker_.add(*gap, batch.records);
      (gap->is_eviction() ? batch.evicted : batch.lost) += gap->end_offset - gap->first_offset;
    }
  };
  std::size_t bytes = 0;
  for (ArchivedMessage& each : fed.messages) {
    ArchivedMessage message = std::move(each);
    bytes += message.topic.size() + message.payload.size();
    add_gaps_before(message.offset);
    if (!keep_wanted(message, range_)) continue;
    ++batch.messages;
    maker_.add(message, alerts_, batch.records);
    if (const auto told = alerts_.find(message.topic); told != alerts_.end())
      batch.alerts.insert_or_assign(told->first, told->second);
  }
  add_gaps_before(fed.next);
  batch.next = fed.next;
  return bytes;
}

ArchiveResult<std::string> ForwardSource::fingerprint_at(std::uint64_t offset) {
  const auto fed = feed_.read(offset, {.messages = 1});
  if (!fed) return std::unexpected(fed.error());
  if (fed->messages.empty() || fed->messages.front().offset != offset) return std::string{};
  return fingerprint(fed->messages.front());
}

}  // namespace lookout
