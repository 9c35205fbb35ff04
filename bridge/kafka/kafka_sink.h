#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

namespace lookout {

/// Why Kafka could not be given something. There is one way on for all of it: let this sink go and ask Kafka,
/// through a new one, how far the committed records reach. Whether a failed commit took place nothing else
/// can tell.
struct KafkaFailure {
  bool fenced = false;  ///< another bridge forwards under this id
  std::string text;     ///< a sentence a person can act on
};
template <typename T>
using KafkaResult = std::expected<T, KafkaFailure>;

struct KafkaHeader {
  const char* name;
  std::string_view value;
};

/// Views need to be valid during the call only.
struct KafkaRecord {
  std::string_view topic, key, value;
  std::span<const KafkaHeader> headers;
};

/// The newest committed value of each key.
using KafkaCursors = std::map<std::string, std::string, std::less<>>;

/// A transactional producer, and the topic in which it keeps how far it came: both in one transaction, so
/// that records are there exactly once for who reads what is committed.
///
/// Calls wait: at most some seconds (commit: twice the transaction's timeout) for a Kafka that does not
/// answer, and less than a second after `stop`. After a failure only the destructor is called, which ends an
/// open transaction where Kafka can be reached. Threading: one owner.
class KafkaSink {
 public:
  virtual ~KafkaSink() = default;

  /// Becomes the only producer of its id: a former one is fenced, and the transaction that it left open ends.
  virtual KafkaResult<void> take_over(const std::stop_token& stop) = 0;
  /// What is committed in the cursors' topic under keys that begin with `prefix`. Waits for transactions that
  /// others have open there.
  virtual KafkaResult<KafkaCursors> read_cursors(std::string_view prefix, const std::stop_token& stop) = 0;

  /// What Kafka calls itself: the same as long as it is the same Kafka. Empty where it does not tell.
  [[nodiscard]] virtual std::string cluster_id() = 0;

  virtual KafkaResult<void> begin() = 0;
  virtual KafkaResult<void> produce(const KafkaRecord& record, const std::stop_token& stop) = 0;
  /// An empty value removes the key.
  virtual KafkaResult<void> store_cursor(std::string_view key, std::string_view value) = 0;
  virtual KafkaResult<void> commit(const std::stop_token& stop) = 0;
};

/// Told why a call takes as long as it does, every few seconds, on the caller's thread.
using OnWaiting = std::function<void(const std::string& why)>;

/// Makes a sink. Fails where the settings cannot be used (a file that cannot be read).
using KafkaConnector = std::function<KafkaResult<std::unique_ptr<KafkaSink>>(OnWaiting)>;

}  // namespace lookout
