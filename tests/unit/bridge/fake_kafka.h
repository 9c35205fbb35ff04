#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "bridge/kafka/kafka_sink.h"

namespace lookout::test {

/// A Kafka in memory with transactions, fencing, and failures where a test wants them. It outlives its sinks.
class FakeKafka {
 public:
  struct Record {
    std::string topic, key, value;
    std::map<std::string, std::string> headers;
  };
  /// What happens at a call, by its name (connect take_over read_cursors begin produce store_cursor commit):
  /// a failure, or nothing. `after`: a commit that takes place and fails all the same.
  struct Fault {
    bool fenced = false, after = false;
  };
  using Script = std::function<std::optional<Fault>(const std::string& call)>;

  void script(Script script) {
    const std::scoped_lock lock(mutex_);
    script_ = std::move(script);
  }
  KafkaConnector connector() {
    return [this](const OnWaiting& /*unused*/) -> KafkaResult<std::unique_ptr<KafkaSink>> {
      if (auto fault = check("connect")) return std::unexpected(*fault);
      return std::make_unique<Sink>(*this);
    };
  }
  [[nodiscard]] std::vector<Record> committed() const {
    const std::scoped_lock lock(mutex_);
    return committed_;
  }
  [[nodiscard]] KafkaCursors cursors() const {
    const std::scoped_lock lock(mutex_);
    return cursors_;
  }
  /// What another box, or another bridge, commits.
  void set_cursor(const std::string& key, const std::string& value) {
    const std::scoped_lock lock(mutex_);
    cursors_[key] = value;
  }
  void lose_cursors() {
    const std::scoped_lock lock(mutex_);
    cursors_.clear();
  }
  /// It is another one, of which nothing is known.
  void replace(const std::string& cluster) {
    const std::scoped_lock lock(mutex_);
    cursors_.clear();
    committed_.clear();
    cluster_ = cluster;
  }
  /// Another producer of the same id comes.
  void fence() {
    const std::scoped_lock lock(mutex_);
    ++generation_;
  }
  [[nodiscard]] int calls(const std::string& call) const {
    const std::scoped_lock lock(mutex_);
    const auto found = calls_.find(call);
    return found == calls_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::size_t largest_transaction() const {
    const std::scoped_lock lock(mutex_);
    return largest_;
  }

 private:
  class Sink final : public KafkaSink {
   public:
    explicit Sink(FakeKafka& kafka) : kafka_(kafka) {}
    KafkaResult<void> take_over(const std::stop_token& /*stop*/) override {
      if (auto fault = kafka_.check("take_over")) return std::unexpected(*fault);
      const std::scoped_lock lock(kafka_.mutex_);
      generation_ = ++kafka_.generation_;
      return {};
    }
    KafkaResult<KafkaCursors> read_cursors(std::string_view prefix,
                                           const std::stop_token& /*stop*/) override {
      if (auto fault = kafka_.check("read_cursors")) return std::unexpected(*fault);
      const std::scoped_lock lock(kafka_.mutex_);
      KafkaCursors found;
      for (const auto& [key, value] : kafka_.cursors_) {
        if (key.starts_with(prefix)) found[key] = value;
      }
      return found;
    }
    std::string cluster_id() override {
      const std::scoped_lock lock(kafka_.mutex_);
      return kafka_.cluster_;
    }
    KafkaResult<void> begin() override {
      if (auto fault = kafka_.check("begin")) return std::unexpected(*fault);
      records_.clear();
      cursors_.clear();
      return {};
    }
    KafkaResult<void> produce(const KafkaRecord& record, const std::stop_token& /*stop*/) override {
      if (auto fault = kafka_.check("produce")) return std::unexpected(*fault);
      Record copy{std::string(record.topic), std::string(record.key), std::string(record.value), {}};
      for (const KafkaHeader& header : record.headers) copy.headers[header.name] = std::string(header.value);
      records_.push_back(std::move(copy));
      return {};
    }
    KafkaResult<void> store_cursor(std::string_view key, std::string_view value) override {
      if (auto fault = kafka_.check("store_cursor")) return std::unexpected(*fault);
      cursors_[std::string(key)] = std::string(value);
      return {};
    }
    KafkaResult<void> commit(const std::stop_token& /*stop*/) override {
      const auto fault = kafka_.fault("commit");
      const std::scoped_lock lock(kafka_.mutex_);
      if (generation_ != kafka_.generation_)
        return std::unexpected(KafkaFailure{.fenced = true, .text = "fenced"});
      if (!fault || fault->after) take_in();
      if (fault) return std::unexpected(KafkaFailure{.fenced = fault->fenced, .text = "no answer"});
      return {};
    }

   private:
    void take_in() {
      kafka_.largest_ = std::max(kafka_.largest_, records_.size());
      for (Record& record : records_) kafka_.committed_.push_back(std::move(record));
      for (auto& [key, value] : cursors_) {
        if (value.empty()) {
          kafka_.cursors_.erase(key);
        } else {
          kafka_.cursors_[key] = value;
        }
      }
    }
    FakeKafka& kafka_;
    std::uint64_t generation_ = 0;
    std::vector<Record> records_;
    std::map<std::string, std::string> cursors_;
  };

  std::optional<Fault> fault(const std::string& call) {
    const std::scoped_lock lock(mutex_);
    ++calls_[call];
    return script_ ? script_(call) : std::nullopt;
  }
  std::optional<KafkaFailure> check(const std::string& call) {
    const auto found = fault(call);
    if (!found) return std::nullopt;
    return KafkaFailure{.fenced = found->fenced, .text = call + " failed"};
  }

  mutable std::mutex mutex_;
  Script script_;
  std::map<std::string, int> calls_;
  std::vector<Record> committed_;
  KafkaCursors cursors_;
  std::string cluster_ = "one";
  std::uint64_t generation_ = 0;
  std::size_t largest_ = 0;
};

}  // namespace lookout::test
