#include "bridge/days/day_publisher.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "bridge/archive/aggregate_row.h"
#include "bridge/days/day_aggregate.h"
#include "bridge/days/day_changes.h"
#include "bridge/days/day_summary.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::sys_days;
using Clock = std::chrono::steady_clock;

constexpr days kMostDays{7};
constexpr Microseconds kGather = 10min;  // corrections of that long go out as one
constexpr int kRestsPerWork = 19;        // so that work is a twentieth of the time
constexpr std::chrono::minutes kLongestRedelivery{60};

bool is_archived(const Outgoing& summary, const PublishedDay& published) {
  const auto row = parse_aggregate(summary.payload);
  const PublishedDay::Entry* newest = row ? published[row->id] : nullptr;
  return newest && newest->revision >= row->revision;
}

void mark_incomplete(std::string& payload) { payload.insert(payload.size() - 1, R"(,"incomplete":true)"); }

sys_days today(Timestamp now) { return std::chrono::floor<days>(now); }

// What came before the first summary of these days was there for it: it was made when no older day was due.
std::uint64_t oldest_of(const SummarizedDays& summarized) {
  std::uint64_t oldest = 0;
  for (const auto& [day, end] : summarized) {
    if (end > 0) oldest = oldest == 0 ? end : std::min(oldest, end);
  }
  return oldest;
}

}  // namespace

DayPublisher::DayPublisher(Options options, Publish publish)
    : options_(std::move(options)), publish_(std::move(publish)), state_(options_.state, options_.epoch) {}

bool DayPublisher::step(std::optional<Timestamp> now, Steady steady, const std::stop_token& stop) {
  const auto worked = work(now, steady, stop);
  if (worked) {
    complaint_.settle();
  } else if (complaint_.is_due(steady)) {
    spdlog::error("daily summary: {}; trying on, next word in a minute", worked.error());
  }
  return worked && *worked;
}

Result<bool> DayPublisher::work(std::optional<Timestamp> now, Steady steady, const std::stop_token& stop) {
  if (state_.pending()) return deliver(steady, stop);
  if (!now || steady < rest_until_) return false;
  if (auto looked = look_for_changes(*now); !looked) return Failure(looked.error());
  for (sys_days day = today(*now) - kMostDays; day < today(*now); day += days{1}) {
    if (!is_due(day, *now)) continue;
    const auto begin = Clock::now();
    const auto done = summarize(day, *now, stop);
    rest_until_ = steady + kRestsPerWork * (Clock::now() - begin);
    return done ? Result<bool>(true) : Failure(done.error());
  }
  return false;
}

Result<void> DayPublisher::look_for_changes(Timestamp now) {
  const sys_days first = today(now) - kMostDays, last = today(now) + days{1};
  SummarizedDays summarized;
  for (sys_days day = first; day <= last; day += days{1}) summarized[day] = state_.summarized(day);
  // Days that were looked past, because the clock had run ahead, are looked at again.
  if (!seen_ || first < looked_from_) seen_ = oldest_of(summarized);
  looked_from_ = first;
  const auto changes = find_changes(options_.archive, *seen_, summarized);
  if (!changes) return Failure(changes.error());
  seen_ = changes->end;
  for (const auto& [day, newest] : changes->newest) newest_[day] = std::max(newest_[day], newest);
  newest_.erase(newest_.begin(), newest_.lower_bound(first));
  correct_at_.erase(correct_at_.begin(), correct_at_.lower_bound(first));
  return {};
}

bool DayPublisher::is_due(sys_days day, Timestamp now) {
  const auto newest = newest_.find(day);
  const std::uint64_t summarized = state_.summarized(day);
  if (newest == newest_.end() || newest->second < summarized || now < day + days{1} + options_.lag)
    return false;
  if (summarized == 0) return true;
  Timestamp& at = correct_at_.try_emplace(day, now + kGather).first->second;
  at = std::min(at, now + kGather);  // the clock may have been set back
  return at <= now;
}

Result<void> DayPublisher::summarize(sys_days day, Timestamp now, const std::stop_token& stop) {
  const Day of = utc_day(day);
  const auto published = PublishedDay::find(options_.archive, of);
  if (!published) return Failure(published.error());
  if (auto begun = state_.begin(); !begun) return begun;
  std::size_t summaries = 0;
  Result<void> written;
  const auto contents = summarize_day(options_.archive, {of.from, of.to, options_.lag, {}}, of.to,
                                      [&](const DaySummary& summary) {
                                        const auto is_new = write_down(summary, *published, day, now);
                                        if (!is_new) written = Failure(is_new.error());
                                        summaries += is_new && *is_new ? 1 : 0;
                                        return is_new && !stop.stop_requested();
                                      });
  if (!contents) return Failure(contents.error());
  if (!written || stop.stop_requested()) return written;
  correct_at_.erase(day);
  if (summaries == 0) return state_.set_summarized(day, contents->end_offset, today(now) - kMostDays);
  const Missing& missing = contents->missing;
  deliver_at_.reset();
  redelivery_ = 1min;
  spdlog::info("daily summary: {} of {} to publish", summaries, of.date);
  return state_.commit({.day = day,
                        .end = contents->end_offset,
                        .incomplete = !published->is_complete() || !missing.gaps.empty() ||
                                      !missing.damaged.empty() || contents->begin_is_gone});
}

Result<bool> DayPublisher::write_down(const DaySummary& summary, const PublishedDay& published, sys_days day,
                                      Timestamp now) {
  const auto count = static_cast<std::int64_t>(summary.figures.count);
  const Day of = utc_day(day);
  const PublishedDay::Entry* before = published[day_id(summary, of)];
  if (before && count <= before->count) return false;
  DayRevision revision;
  if (before) revision = {before->revision + 1, before->late + count - before->count};
  const Timestamp watermark = std::chrono::floor<std::chrono::seconds>(now - options_.lag);
  const auto added = state_.add(render_day(summary, of, revision, watermark));
  return added ? Result<bool>(true) : Failure(added.error());
}

Result<bool> DayPublisher::deliver(Steady steady, const std::stop_token& stop) {
  const DayState::Pending pending = *state_.pending();
  const auto published = PublishedDay::find(options_.archive, utc_day(pending.day));
  if (!published) return Failure(published.error());
  const bool is_time = !deliver_at_ || steady >= *deliver_at_;
  std::uint64_t missing = 0;
  const auto read = state_.for_each_pending([&](Outgoing summary) {
    if (is_archived(summary, *published)) return true;
    ++missing;
    if (!is_time) return false;
    if (pending.incomplete) mark_incomplete(summary.payload);
    return publish_(std::move(summary), stop);
  });
  if (stop.stop_requested()) return false;
  if (!read) spdlog::error("daily summary: {}: it is made again", read.error());
  if (!read || missing == 0) {
    const std::uint64_t end = read ? pending.end : state_.summarized(pending.day);
    const auto done = state_.set_summarized(pending.day, end, pending.day - kMostDays);
    return done ? Result<bool>(true) : Failure(done.error());
  }
  if (!is_time) return false;
  if (deliver_at_) spdlog::warn("daily summary: {} published ones did not come back, sent again", missing);
  deliver_at_ = steady + redelivery_;
  redelivery_ = std::min(redelivery_ * 2, kLongestRedelivery);
  return false;
}

}  // namespace lookout
