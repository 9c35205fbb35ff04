#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bridge/kafka/kafka_records.h"

namespace lookout::bench {

/// Where Kafka's own partitioner puts a key (murmur2, as the bridge's sink asks for).
int murmur2_partition(std::string_view key, int partitions);

/// What a consumer got.
struct KeyedRecord {
  int partition = 0;
  std::int64_t at = 0;       ///< its offset in the partition
  std::uint64_t offset = 0;  ///< in the archive, as the header says
};

/// A topic of a real Kafka with as many partitions as wanted, gone with the object; bare librdkafka loops
/// around it. Ends the program where Kafka refuses something.
class KeyedTopic {
 public:
  KeyedTopic(std::string brokers, std::string name, int partitions);
  KeyedTopic(const KeyedTopic&) = delete;
  KeyedTopic& operator=(const KeyedTopic&) = delete;
  ~KeyedTopic();

  void add_partitions(int total);

  /// As the bridge does: transactions of 10,000, lz4, murmur2; to the record's place in `partitions`, where
  /// there are any. Returns the seconds from the first begin to the last commit.
  double produce(std::span<const ForwardRecord> records, std::span<const int> partitions = {});

  /// On the consumer's own thread.
  using OnRecord = std::function<void(int consumer, const KeyedRecord& record)>;

  /// What is committed, from the beginning to the end, by consumers that share the partitions as Kafka's
  /// range assignor would, each in a thread of its own. Returns the seconds from the first record to the last
  /// one's end.
  [[nodiscard]] double consume(int consumers, const OnRecord& on_record) const;

 private:
  const std::string brokers_, name_;
  int partitions_;
};

}  // namespace lookout::bench
