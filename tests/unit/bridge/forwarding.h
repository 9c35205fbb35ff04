#pragma once

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "bridge/kafka/forwarder.h"
#include "tests/support/wait.h"
#include "tests/unit/bridge/archive_fixture.h"
#include "tests/unit/bridge/fake_kafka.h"

namespace lookout::test {

using namespace std::chrono_literals;

inline Sent numbered(int number) {
  return {.payload = fmt::format(R"({{"event_time":{},"value":{}}})", 1795346400 - number, number)};
}

/// An archive, a Kafka, and the forwarder between them on a thread of its own.
class Forwarding {
 public:
  void start() {
    // As the programs do before they have threads: the thread sanitizer does not see how the library guards
    // it.
    spdlog::default_logger();
    forwarder_.emplace(Forwarder::Options{.archive = box.path(),
                                          .folder = box.folder / "bridge",
                                          .box = "b1",
                                          .epoch = box.archive->epoch(),
                                          .first_offset = box.archive->state().first_offset,
                                          .first_retry = 1ms,
                                          .fenced_pause = 20ms},
                       box.config, kafka.connector());
    forwarder_->taking_from(std::max(box.archive->next_offset(), forwarder_->forwarded()));
    forwarder_->advance(box.archive->next_offset());
    thread_ = std::jthread([this](const std::stop_token& stop) { forwarder_->run(stop); });
  }
  void stop() {
    thread_ = {};
    forwarder_.reset();
  }
  void store(int first, int count) {
    for (int i = 0; i < count; ++i) box.store({numbered(first + i)});
    if (forwarder_) forwarder_->advance(box.archive->next_offset());
  }
  bool await_forwarded() {
    return wait_until([&] { return forwarder_->forwarded() == box.archive->next_offset(); });
  }
  /// The values of the readings in Kafka, in order.
  [[nodiscard]] std::vector<int> values() const {
    std::vector<int> found;
    for (const FakeKafka::Record& record : kafka.committed()) {
      if (record.topic == "lookout.readings" && record.headers.at("ce_type") == "lookout.reading")
        found.push_back(nlohmann::json::parse(record.value)["value"]);
    }
    return found;
  }
  /// Epochs and offsets of the records: one may name one message only.
  [[nodiscard]] std::set<std::pair<std::string, std::string>> places() const {
    std::set<std::pair<std::string, std::string>> found;
    for (const FakeKafka::Record& record : kafka.committed())
      found.emplace(record.headers.at("epoch"), record.headers.at("offset"));
    return found;
  }
  [[nodiscard]] std::size_t epochs() const {
    std::set<std::string> found;
    for (const auto& [epoch, offset] : places()) found.insert(epoch);
    return found.size();
  }
  /// Of the state folder; and back again, with what the box remembers of Kafka, or without.
  void keep_copy() {
    box.close();
    std::filesystem::copy(box.folder / "bridge", box.folder / "kept",
                          std::filesystem::copy_options::recursive);
    box.open();
  }
  void restore_copy(bool whole = true) {
    const std::uint64_t before = box.archive->next_offset();
    box.close();
    std::filesystem::remove_all(whole ? box.folder / "bridge" : box.path());
    std::filesystem::copy(whole ? box.folder / "kept" : box.folder / "kept" / "archive",
                          whole ? box.folder / "bridge" : box.path(),
                          std::filesystem::copy_options::recursive);
    box.open();
    box.skip(box.archive->next_offset() - before);  // back
  }
  Forwarder& forwarder() { return *forwarder_; }

  ArchiveFixture box;
  FakeKafka kafka;

 private:
  std::optional<Forwarder> forwarder_;
  std::jthread thread_;
};

inline std::vector<int> counting(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace lookout::test
