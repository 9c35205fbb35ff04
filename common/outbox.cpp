#include "common/outbox.h"

namespace lookout {
namespace {

constexpr std::size_t kMostBytes = std::size_t{16} << 20;

}  // namespace

Outbox::Outbox(std::size_t capacity, OnAcknowledged on_acknowledged)
    : capacity_(capacity), on_acknowledged_(std::move(on_acknowledged)) {}

bool Outbox::publish(Outgoing message, std::uint64_t tag, const std::stop_token& stop) {
  if (!gather(std::move(message), tag, stop)) return false;
  flush();
  return true;
}

bool Outbox::gather(Outgoing message, std::uint64_t tag, const std::stop_token& stop) {
  const auto has_room = [&] { return entries_.size() < capacity_ && bytes_ < kMostBytes; };
  std::unique_lock lock(mutex_);
  if (!has_room()) {
    lock.unlock();
    flush();  // nothing else would make room
    lock.lock();
    if (!changed_.wait(lock, stop, has_room)) return false;
  }
  bytes_ += message.topic.size() + message.payload.size();
  entries_.emplace_back(*this, std::move(message), tag);
  return true;
}

void Outbox::flush() {
  const std::lock_guard one_sender(sending_);
  while (true) {
    Entry* entry = nullptr;
    {
      const std::lock_guard lock(mutex_);
      while (unsent_ < entries_.size() && entries_[unsent_].done) ++unsent_;
      if (!connected_ || unsent_ >= entries_.size()) return;
      entry = &entries_[unsent_++];
    }
    if (!session_->send(entry->message, *entry)) {
      const std::lock_guard lock(mutex_);
      connected_ = false;  // on_connected begins again from the oldest
      return;
    }
  }
}

void Outbox::on_connected() {
  {
    const std::lock_guard one_sender(sending_);
    const std::lock_guard lock(mutex_);
    connected_ = true;
    unsent_ = 0;
  }
  flush();
}

void Outbox::on_lost() {
  // Waiting for the sender: nothing of the old connection may slip onto the new one out of order.
  const std::lock_guard one_sender(sending_);
  const std::lock_guard lock(mutex_);
  connected_ = false;
}

void Outbox::acknowledge(Entry& entry) noexcept {
  const std::lock_guard lock(mutex_);
  entry.done = true;
  while (!entries_.empty() && entries_.front().done) {
    if (on_acknowledged_) on_acknowledged_(entries_.front().tag);
    bytes_ -= entries_.front().message.topic.size() + entries_.front().message.payload.size();
    entries_.pop_front();
    if (unsent_ > 0) --unsent_;
  }
  changed_.notify_all();
}

std::size_t Outbox::unacknowledged() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<std::pair<std::uint64_t, Outgoing>> Outbox::unacknowledged_messages() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::uint64_t, Outgoing>> messages;
  messages.reserve(entries_.size());
  for (const Entry& entry : entries_) messages.emplace_back(entry.tag, entry.message);
  return messages;
}

bool Outbox::await_acknowledged(std::uint64_t tag, const std::stop_token& stop) {
  flush();
  std::unique_lock lock(mutex_);
  return changed_.wait(lock, stop, [&] { return entries_.empty() || entries_.front().tag > tag; });
}

bool Outbox::drain(std::chrono::steady_clock::time_point deadline) {
  flush();
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [&] { return entries_.empty(); });
}

}  // namespace lookout
