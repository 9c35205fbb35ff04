#include "gateway/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "common/names.h"

namespace lookout {
namespace {

constexpr std::size_t kAtOnce = 16;      // messages of a job for one record
constexpr std::size_t kRemembered = 64;  // names

Outgoing refusal(std::string_view name, std::string_view why, const ReplayStart* start = nullptr) {
  return render(ReplaySummary{.job = name, .detail = why, .start = start});
}

}  // namespace

void Replay::step(const journal::Record& record, const Machine& live, std::vector<Outgoing>& messages) {
  const Microseconds now = live.clock().connected();
  if (std::exchange(lost_, false)) abandon_all("records of the gateway's journal are lost", messages);
  if (record.kind == journal::Kind::configuration && live.config() != config_.sources) {
    config_ = parse_config(live.config()).config;
    abandon_all("the gateway's configuration was changed", messages);
  }
  abandon_silent(now, messages);
  // What the broker had kept was said once: it does not begin a job at every start.
  if (record.kind == journal::Kind::message && !record.message.retain) {
    if (const auto topic = parse_replay_topic(record.message.topic))
      take(*topic, record.message, now, messages);
  }
  put_out(messages);
}

std::optional<Microseconds> Replay::due_in(Microseconds now) const {
  std::optional<Microseconds> least;
  for (const auto& [name, job] : jobs_) {
    const Microseconds due = job->has_work() ? Microseconds{0} : job->heard() + kPatience - now;
    least = std::min(due, least.value_or(due));
  }
  return least;
}

void Replay::take(const ReplayTopic& topic, const MessageView& message, Microseconds now,
                  std::vector<Outgoing>& messages) {
  if (topic.rest == "control") return control(topic.job, message, now, messages);
  // Its own words, where an input's filter is as wide as that.
  if (std::ranges::find(kReplayWords, topic.rest) != kReplayWords.end()) return;
  if (const auto job = jobs_.find(topic.job); job != jobs_.end())
    return job->second->take(topic.rest, message, now, messages);
  refuse_unknown(topic.job, messages);
}

void Replay::control(std::string_view name, const MessageView& message, Microseconds now,
                     std::vector<Outgoing>& messages) {
  if (!is_valid_name(name)) {
    messages.push_back(refusal(name, fmt::format("'{}' is no job's name: accepted are {}", name, kNameRule)));
    return;
  }
  auto wanted = parse_control(message.payload);
  if (!wanted) {
    messages.push_back(refusal(name, wanted.error()));
    return;
  }
  if (auto* begun = std::get_if<ReplayStart>(&*wanted)) return start(name, std::move(*begun), now, messages);
  const auto job = jobs_.find(name);
  if (job == jobs_.end()) return refuse_unknown(name, messages);
  if (const auto* mark = std::get_if<ReplayMark>(&*wanted)) {
    job->second->take(*mark);
  } else if (std::holds_alternative<ReplayCancel>(*wanted)) {
    end_job(job, ReplayState::cancelled, "it was asked for", messages);
  } else {
    job->second->end();
  }
}

void Replay::start(std::string_view name, ReplayStart start, Microseconds now,
                   std::vector<Outgoing>& messages) {
  if (const auto before = jobs_.find(name); before != jobs_.end()) jobs_.erase(before);
  if (jobs_.size() == kMostJobs) {
    const std::string why = fmt::format("{} replays are at work already, which is the most: {}", kMostJobs,
                                        fmt::join(std::views::keys(jobs_), ", "));
    messages.push_back(refusal(name, why, &start));
    return remember(name);
  }
  std::erase(answered_, name);
  begin(name, std::move(start), now);
}

// The live machine runs under this configuration, so there is nothing wrong with it.
void Replay::begin(std::string_view name, ReplayStart start, Microseconds now) {
  jobs_.emplace(name, std::make_unique<ReplayJob>(name, std::move(start), *Machine::create(config_, box_id_),
                                                  config_.clock != ClockSetting::untrusted, now));
}

// A name that is none is not answered: its summary's topic could be longer than topics may be.
void Replay::refuse_unknown(std::string_view name, std::vector<Outgoing>& messages) {
  if (!is_valid_name(name) || std::ranges::find(answered_, name) != answered_.end()) return;
  messages.push_back(
      refusal(name, "no replay of this name is at work here: none was started, or it has ended"));
  remember(name);
}

void Replay::abandon_all(std::string_view why, std::vector<Outgoing>& messages) {
  for (auto job = jobs_.begin(); job != jobs_.end();)
    job = end_job(job, ReplayState::abandoned, why, messages);
}

void Replay::abandon_silent(Microseconds now, std::vector<Outgoing>& messages) {
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    const bool silent = !job->second->has_work() && now - job->second->heard() >= kPatience;
    job = silent ? end_job(job, ReplayState::abandoned, "nothing came for it for 10 minutes", messages)
                 : std::next(job);
  }
}

Replay::Jobs::iterator Replay::end_job(Jobs::iterator job, ReplayState state, std::string_view why,
                                       std::vector<Outgoing>& messages) {
  messages.push_back(job->second->summary(state, why));
  remember(job->first);
  return jobs_.erase(job);
}

void Replay::put_out(std::vector<Outgoing>& messages) {
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    job->second->put_out(kAtOnce, messages);
    if (!job->second->is_done()) {
      ++job;
      continue;
    }
    remember(job->first);
    job = jobs_.erase(job);
  }
}

void Replay::remember(std::string_view name) {
  if (std::ranges::find(answered_, name) != answered_.end()) return;
  answered_.emplace_back(name);
  if (answered_.size() > kRemembered) answered_.pop_front();
}

std::vector<Replay::Begun> Replay::all_begun() const {
  std::vector<Begun> all;
  for (const auto& [name, job] : jobs_) all.push_back({name, job->start()});
  return all;
}

}  // namespace lookout
