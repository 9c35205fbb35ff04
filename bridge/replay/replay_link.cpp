#include "bridge/replay/replay_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "bridge/replay/replay_envelope.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kInFlight = 1000;
constexpr auto kGoodbyePatience = 1s;
// A gateway that takes a replay as it comes is a second or two behind.
constexpr std::uint64_t kBacklog = 10'000;
constexpr std::string_view kGateway = "lookout/gateway/";

/// Whether a gateway's statistics say that it works off a backlog.
bool is_behind(const nlohmann::json& stats) {
  const auto records = stats.find("lag") == stats.end() || !stats["lag"].is_object()
                           ? nlohmann::json()
                           : stats["lag"].value("records", nlohmann::json());
  return (records.is_number_unsigned() && records.get<std::uint64_t>() > kBacklog) ||
         (stats.contains("journal_full") && stats["journal_full"] == true);
}

}  // namespace

ReplayLink::ReplayLink(const Options& options, OnResult on_result)
    : job_(options.job),
      job_topics_(fmt::format("replay/{}/", options.job)),
      on_result_(std::move(on_result)),
      outbox_(kInFlight, nullptr) {
  make_sessions(options);
  outbox_.use(*sender_);
  supervisor_.add([this](auto now) {
    const auto due = listener_->step(now);
    return is_listening_ ? std::min(due, sender_->step(now)) : due;
  });
}

ReplayLink::~ReplayLink() {
  supervisor_.stop();
  sender_->close(kGoodbyePatience);
  listener_->close(kGoodbyePatience);
}

void ReplayLink::make_sessions(const Options& options) {
  SessionOptions session;
  session.mqtt = options.mqtt;
  // Its own, whatever the job: of two sessions of one name each would throw the other out.
  const std::string id = fmt::format("lookout-replay-{:08x}", std::random_device{}());
  session.client_id = id;
  session.clean_session = true;
  SessionEvents sending;
  sending.on_message = [](const MessageView&) {};  // a broker may subscribe whomever it likes
  sending.on_connected = [this] {
    was_connected_ = true;
    outbox_.on_connected();
  };
  sending.on_lost = [this] { outbox_.on_lost(); };
  sending.wake = [this] { supervisor_.wake(); };
  sender_ = make_paho_session(session, std::move(sending));

  session.client_id = id + "-in";
  session.filters = {job_topics_ + "summary", job_topics_ + "progress", std::string(kGateway) + "+/status",
                     std::string(kGateway) + "+/stats"};
  if (options.with_results) {
    session.filters.push_back(job_topics_ + "aggregates/#");
    session.filters.emplace_back("aggregates/#");
  }
  SessionEvents listening;
  listening.on_message = [this](const MessageView& message) { take(message); };
  listening.on_connected = [this] {
    is_listening_ = true;
    supervisor_.wake();
  };
  listening.on_lost = [this] { is_listening_ = false; };
  listening.wake = [this] { supervisor_.wake(); };
  listener_ = make_paho_session(std::move(session), std::move(listening));
}

void ReplayLink::take(const MessageView& message) {
  if (message.topic.starts_with(kGateway)) return hear_gateway(message);
  if (message.topic == job_topics_ + "progress") return hear_progress(message);
  const bool is_summary = message.topic == job_topics_ + "summary";
  if (!is_summary) on_result_(message);
  const std::lock_guard lock(mutex_);
  if (is_summary) {
    summary_ = std::string(message.payload);
    has_summary_ = true;
  }
  if (message.topic.starts_with(job_topics_)) last_sign_ = Clock::now();
  changed_.notify_all();
}

void ReplayLink::hear_gateway(const MessageView& message) {
  const auto payload = nlohmann::json::parse(message.payload, nullptr, false);
  if (!payload.is_object()) return;
  const std::lock_guard lock(mutex_);
  if (message.topic.ends_with("/status")) {
    if (payload.contains("state") && payload["state"] == "online") {
      online_.emplace(message.topic);
    } else {
      online_.erase(std::string(message.topic));
    }
  } else if (is_behind(payload)) {
    last_sign_ = Clock::now();
  }
  changed_.notify_all();
}

void ReplayLink::hear_progress(const MessageView& message) {
  const auto payload = nlohmann::json::parse(message.payload, nullptr, false);
  if (!payload.is_object() || !payload.contains("mark") || !payload["mark"].is_number_unsigned()) return;
  const std::lock_guard lock(mutex_);
  last_sign_ = Clock::now();
  if (payload["mark"] == asked_) is_reached_ = true;  // of what a gateway says again only the last counts
  changed_.notify_all();
}

template <typename Condition>
ReplayLink::Waited ReplayLink::await(Clock::duration patience, const std::stop_token& stop,
                                     Condition is_there) {
  std::unique_lock lock(mutex_);
  const auto begin = Clock::now();
  while (!is_there()) {
    if (stop.stop_requested()) return Waited::stopped;
    const auto deadline = std::max(begin, last_sign_) + patience;
    if (Clock::now() >= deadline) return Waited::overdue;
    changed_.wait_until(lock, stop, deadline, [&] { return is_there(); });
  }
  return Waited::there;
}

ReplayLink::Waited ReplayLink::await_gateway(Clock::duration patience, const std::stop_token& stop) {
  return await(patience, stop, [this] { return !online_.empty(); });
}

ReplayLink::Waited ReplayLink::await_summary(Clock::duration patience, const std::stop_token& stop) {
  return await(patience, stop, [this] { return summary_.has_value(); });
}

bool ReplayLink::publish(Outgoing message, const std::stop_token& stop) {
  return outbox_.publish(std::move(message), ++published_, stop);
}

std::optional<ReplayLink::Clock::duration> ReplayLink::ask(Clock::duration patience,
                                                           const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const std::uint64_t mark = ++asked_;
  is_reached_ = false;
  lock.unlock();
  const auto begin = Clock::now();
  if (!publish(mark_of(job_, mark), stop)) return std::nullopt;
  lock.lock();
  changed_.wait_until(lock, stop, begin + patience, [this] { return is_reached_ || summary_; });
  if (!is_reached_) return std::nullopt;
  return Clock::now() - begin;
}

bool ReplayLink::was_silent(Clock::time_point since, Clock::duration patience) const {
  const std::lock_guard lock(mutex_);
  return is_listening_ && !online_.empty() && Clock::now() - std::max(since, last_sign_) >= patience;
}

bool ReplayLink::drain(const std::stop_token& stop) { return outbox_.await_acknowledged(published_, stop); }

std::optional<std::string> ReplayLink::summary() const {
  const std::lock_guard lock(mutex_);
  return summary_;
}

}  // namespace lookout
