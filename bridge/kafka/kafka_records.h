#pragma once

#include <array>
#include <initializer_list>
#include <map>
#include <memory>
#include <memory_resource>
#include <string>
#include <vector>

#include "bridge/archive/archive_feed.h"
#include "bridge/kafka/kafka_sink.h"
#include "common/config.h"

namespace lookout {

enum class KafkaTopic : std::uint8_t { readings, aggregates, alerts, late };
inline constexpr std::array<std::string_view, 4> kKafkaTopics{"readings", "aggregates", "alerts", "late"};
inline constexpr std::string_view kCursorsTopic = "cursors";
inline constexpr std::string_view kGapType = "lookout.gap";

/// From this offset of the archive on, this epoch is told. The archive's own holds from its beginning.
struct EpochFrom {
  std::uint64_t offset = 0, epoch = 0;
  bool operator==(const EpochFrom&) const = default;
};

/// What one record in Kafka says; README.md has values and headers.
struct ForwardRecord {
  KafkaTopic topic = KafkaTopic::readings;
  std::string_view type;  ///< ce_type
  std::string_view key, value;
  std::string_view id;      ///< the same however often it is forwarded, or came
  Timestamp time{};         ///< when what it tells of happened
  std::uint64_t epoch = 0;  ///< with the offset it names one message, for ever
  std::uint64_t offset = 0;
  std::uint16_t part = 0;
};

/// Records, and the texts they point into: one piece of memory for all, for one thread makes them and another
/// frees them.
struct ForwardRecords {
  std::vector<ForwardRecord> list;
  std::unique_ptr<std::pmr::monotonic_buffer_resource> texts =
      std::make_unique<std::pmr::monotonic_buffer_resource>();

  /// The parts, one behind the other.
  std::string_view keep(std::initializer_list<std::string_view> parts);
};

/// An alert that was forwarded.
struct ForwardedAlert {
  std::string id;
  std::int64_t revision = 0;
  bool operator==(const ForwardedAlert&) const = default;
};
/// The last few of each topic of MQTT, the newest last: the gateway tells its alerts again on every
/// connection, and after a kill those that were not confirmed.
using ForwardedAlerts = std::map<std::string, std::vector<ForwardedAlert>, std::less<>>;
inline constexpr std::size_t kAlertsOfTopic = 16;

/// What the records of a series have in common.
struct SeriesTexts {
  std::optional<Identity> series;  ///< nothing yet: the rest is empty
  std::string key;
  std::string fields;  ///< the value's first ones: a JSON object without its closing brace
};

/// Turns what the archive feeds into records for Kafka: every new reading, every new revision of an
/// aggregate, every revision of an alert, every late reading; of a gap one record for each topic. What is not
/// Lookout's own on alerts/# and late/# gives none. Pure. Threading: one owner.
class RecordMaker {
 public:
  RecordMaker(const Config& config, std::string_view box, std::uint64_t epoch);
  /// Those that follow on the archive's, by offset.
  void set_later_epochs(std::vector<EpochFrom> later) { later_ = std::move(later); }

  /// Appends the records of a message. `alerts` is looked at, and updated.
  void add(const ArchivedMessage& message, ForwardedAlerts& alerts, ForwardRecords& records);
  void add(const Gap& gap, ForwardRecords& records) const;
  /// Gives back the memory of what is written once for many records.
  void forget_texts() { texts_ = std::vector<SeriesTexts>(); }

 private:
  void add_reading(const ArchivedMessage& message, const ArchivedReading& reading, ForwardRecords& records);
  void add_aggregate(const ArchivedMessage& message, ForwardRecords& records) const;
  void add_alert(const ArchivedMessage& message, ForwardedAlerts& alerts, ForwardRecords& records) const;
  void add_late(const ArchivedMessage& message, ForwardRecords& records) const;
  const SeriesTexts& texts_of(const ArchivedReading& reading);
  [[nodiscard]] std::string key_of(std::string_view network, std::string_view region,
                                   std::string_view sensor) const;
  [[nodiscard]] std::string key_of_group(std::string_view network, std::string_view group) const;
  [[nodiscard]] std::uint64_t epoch_of(std::uint64_t offset) const;

  const KafkaKey key_;
  const std::vector<InputConfig> inputs_;
  const std::uint64_t epoch_;
  const std::string box_;
  std::vector<EpochFrom> later_;
  std::vector<SeriesTexts> texts_;  // by the series' hash: one takes the place of another
};

/// What is the same in all records of a relay.
struct RecordNames {
  std::array<std::string, kKafkaTopics.size()> topics;  ///< in Kafka
  std::string box, source;
  std::string job{};  ///< that forwards once more; empty: there is none
};
RecordNames record_names(const KafkaConfig& kafka, const std::string& box);

/// The headers of a record: views into it, into `names`, and into this.
class RecordHeaders {
 public:
  std::span<const KafkaHeader> of(const ForwardRecord& record, const RecordNames& names);

 private:
  std::string time_, epoch_text_, offset_, part_text_;
  std::optional<std::uint64_t> epoch_;  // of which the text is; so is the part's
  std::optional<std::uint16_t> part_;
  std::array<KafkaHeader, 11> headers_{};
};

}  // namespace lookout
