#pragma once

#include <array>
#include <map>
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

/// What one record in Kafka says; README.md beside this has values and headers.
struct ForwardRecord {
  KafkaTopic topic = KafkaTopic::readings;
  std::string_view type;  ///< ce_type
  std::string key, value;
  std::string id;           ///< the same however often it is forwarded, or came
  Timestamp time{};         ///< when what it tells of happened
  std::uint64_t epoch = 0;  ///< with the offset it names one message, for ever
  std::uint64_t offset = 0;
  std::uint16_t part = 0;
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

/// Turns what the archive feeds into records for Kafka: every new reading, every new revision of an
/// aggregate, every revision of an alert, every late reading; of a gap one record for each topic. What is not
/// Lookout's own on alerts/# and late/# gives none. Pure. Threading: one owner.
class RecordMaker {
 public:
  RecordMaker(const Config& config, std::string_view box, std::uint64_t epoch);
  /// Those that follow on the archive's, by offset.
  void set_later_epochs(std::vector<EpochFrom> later) { later_ = std::move(later); }

  /// Appends the records of a message. `alerts` is looked at, and updated.
  void add(const ArchivedMessage& message, ForwardedAlerts& alerts,
           std::vector<ForwardRecord>& records) const;
  void add(const Gap& gap, std::vector<ForwardRecord>& records) const;

 private:
  void add_reading(const ArchivedMessage& message, const ArchivedReading& reading,
                   std::vector<ForwardRecord>& records) const;
  void add_aggregate(const ArchivedMessage& message, std::vector<ForwardRecord>& records) const;
  void add_alert(const ArchivedMessage& message, ForwardedAlerts& alerts,
                 std::vector<ForwardRecord>& records) const;
  void add_late(const ArchivedMessage& message, std::vector<ForwardRecord>& records) const;
  [[nodiscard]] std::string key_of(std::string_view network, std::string_view region,
                                   std::string_view sensor) const;
  [[nodiscard]] std::string key_of_group(std::string_view network, std::string_view group) const;
  [[nodiscard]] std::uint64_t epoch_of(std::uint64_t offset) const;

  const KafkaKey key_;
  const std::vector<InputConfig> inputs_;
  const std::uint64_t epoch_;
  const std::string box_;
  std::vector<EpochFrom> later_;
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
  std::string time_, epoch_, offset_, part_;
  std::array<KafkaHeader, 11> headers_{};
};

}  // namespace lookout
