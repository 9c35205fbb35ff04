#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bridge/kafka/rdkafka_options.h"
#include "common/result.h"

namespace lookout {

/// For librdkafka's handles.
template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using Handle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<rd_kafka_AdminOptions_destroy>>;
using Error = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;

/// What librdkafka's own threads last had to say: the only place where a refused login or an address that
/// does not answer is told.
class LastWord {
 public:
  void take(int level, const char* text);
  /// Behind a sentence.
  [[nodiscard]] std::string suffix() const;

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// What librdkafka's callbacks tell; it must outlive the handle.
struct Reports {
  LastWord last_word;
  std::string refused;  // why the first record was, that was; on the owner's thread
  std::string unmade;   // topics that were not there and could not be made, with why
  /// Behind a sentence.
  [[nodiscard]] std::string suffix() const;
};

using RdkafkaSetting = std::pair<const char*, std::string>;

/// What [kafka.options] says wins over `defaults`, `own` over both.
Result<Conf> make_conf(const KafkaConfig& kafka, const std::vector<RdkafkaSetting>& own,
                       const std::vector<RdkafkaSetting>& defaults);

/// Takes the configuration with it.
Result<Handle> make_handle(rd_kafka_type_t type, Conf conf, Reports& reports);

/// Transactional; it connects to nothing yet.
Result<Handle> make_producer(const RdkafkaOptions& options, Reports& reports);

/// What librdkafka would refuse in [kafka.options], each by itself and all together.
std::vector<Problem> check_kafka(const Config& config);

}  // namespace lookout
