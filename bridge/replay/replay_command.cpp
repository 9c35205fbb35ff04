#include "bridge/replay/replay_command.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "bridge/archive/archive_name.h"
#include "bridge/query.h"
#include "bridge/replay/live_groups.h"
#include "bridge/replay/live_results.h"
#include "bridge/replay/promotion.h"
#include "bridge/replay/replay_link.h"
#include "bridge/replay/replay_player.h"
#include "bridge/replay/replay_report.h"
#include "bridge/replay/replay_source.h"
#include "bridge/status_command.h"
#include "common/exit_code.h"
#include "common/progress_line.h"
#include "common/stop_signals.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kGatewayPatience = 30s;
constexpr auto kSummaryPatience = 2min;
constexpr auto kCancelPatience = 5s;
constexpr auto kMarkPatience = 1s;
constexpr auto kBridgePatience = 30s;
constexpr auto kBridgeInterval = 200ms;
constexpr Clock::duration kLongestWait = 1s;

int fail(int code, const std::string& text) {
  fmt::print(stderr, "lookout-bridge: {}\n", text);
  return code;
}

TimeRange widened(const TimeRange& range, Microseconds margin) {
  return {std::max(range.from, kEarliestTime + margin) - margin,
          std::min(range.to, kLatestTime - margin) + margin};
}

// Windows that the archive has a part of would be promoted as if that were all, and results that it does not
// have yet would be told again under the same revision.
Result<void> await_archive_up_to_date(const Config& config, const std::stop_token& stop) {
  const auto until = Clock::now() + kBridgePatience;
  for (;;) {
    const auto behind = is_behind(archive_folder(config.state).parent_path(), wall_clock_now());
    if (!behind) return {};
    if (!behind->may_pass || Clock::now() >= until) {
      return Failure(fmt::format(
          "{}: nothing is promoted while the archive may lack what live has (lookout-bridge status)",
          behind->why));
    }
    if (!wait_until(Clock::now() + kBridgeInterval, stop))
      return Failure("stopped before results were promoted");
  }
}

Result<void> check_whole(const ReplayFiles& files) {
  if (files.passed_over().empty()) return {};
  return Failure(
      "nothing is promoted while files of the archive cannot be read: a bridge that is started anew sets "
      "damaged ones aside");
}

/// One replay from its start to the summary.
class ReplayRun {
 public:
  ReplayRun(const Config& config, const ReplayArguments& arguments, const ReplayPlan& plan,
            const ReplayFiles& files, const std::stop_token& signal)
      : config_(config),
        into_live_(arguments.into_live),
        rate_(arguments.rate),
        plan_(plan),
        files_(files),
        on_signal_(signal, [this] { end_.request_stop(); }),
        stop_(end_.get_token()),
        range_(into_live_ ? widened(plan.request.range, promotion_margin(config.windows))
                          : plan.request.range),
        filter_(config.inputs, plan.request.topics),
        source_(files, plan.request.order, range_, filter_, config, {}),
        results_(plan.request.job, plan.request.range),
        player_(plan.request.job,
                {Clock::now, [this](auto time) { return wait(time); },
                 [this](Outgoing message) { return link_.publish(std::move(message), stop_); },
                 arguments.rate == 0 ? nullptr : std::function([this] { return ask(); })}),
        line_(Clock::now()),
        link_({config.mqtt, plan.request.job, into_live_},
              [this](const MessageView& message) { take_result(message); }) {}

  Result<ReplayReport> run();

 private:
  void take_result(const MessageView& message);
  bool wait(Clock::time_point time);
  std::optional<Clock::duration> ask();
  Result<void> play(std::vector<ReplayMessage> first);
  Result<void> await_summary();
  void cancel();
  Result<void> promote(ReplayReport& report);
  Clock::time_point show_progress(Clock::time_point now);
  [[nodiscard]] double share() const;
  Failure cancelled();
  [[nodiscard]] Failure no_answer() const;
  Failure too_many_results() const;

  const Config& config_;
  const bool into_live_;
  const std::uint64_t rate_;
  const ReplayPlan& plan_;
  const ReplayFiles& files_;
  std::stop_source end_;  // by a signal, or because there is no use in going on
  const std::stop_callback<std::function<void()>> on_signal_;
  const std::stop_token stop_;
  const TimeRange range_;
  const TopicFilter filter_;
  ReplaySource source_;
  ReplayResults results_;
  ReplayPlayer player_;
  std::optional<Clock::time_point> unanswered_since_;
  bool is_given_up_ = false;
  ProgressLine line_;
  TimeRange shown_{};  // of what there is to play
  Clock::time_point begin_ = Clock::now();
  std::uint64_t shown_sent_ = 0;
  Clock::time_point shown_at_ = begin_;
  ReplayLink link_;  // its threads use what stands above
};

Result<ReplayReport> ReplayRun::run() {
  if (auto whole = into_live_ ? check_whole(files_) : Result<void>{}; !whole) return Failure(whole.error());
  auto first = source_.next();
  if (!first) return Failure(first.error());
  if (first->empty()) return Failure(describe_nothing(files_, plan_.request, filter_));
  shown_ = {first->front().at, std::min(range_.to, newest_in(files_, plan_.request.order))};
  link_.add([this](auto now) { return show_progress(now); });
  link_.start();
  switch (link_.await_gateway(kGatewayPatience, stop_)) {
    case ReplayLink::Waited::there:
      break;
    case ReplayLink::Waited::stopped:
      return Failure("stopped before the replay began");
    case ReplayLink::Waited::overdue:
      return Failure(fmt::format(
          "{} {}:{}: the replay did not begin",
          link_.was_connected() ? "no gateway is online at" : "no connection, or no login, at the broker",
          config_.mqtt.host, config_.mqtt.port));
  }
  if (auto played = play(std::move(*first)); !played) return Failure(played.error());
  if (auto answered = await_summary(); !answered) return Failure(answered.error());
  ReplayReport report{.request = plan_.request,
                      .summary = *link_.summary(),
                      .sent = player_.sent(),
                      .left_out = source_.left_out(),
                      .too_long = player_.too_long(),
                      .too_large = player_.too_large(),
                      .passed_over = files_.passed_over().size(),
                      .promotion = {}};
  if (into_live_ && report.is_done()) {
    if (auto promoted = promote(report); !promoted) return Failure(promoted.error());
  }
  return report;
}

// What is promoted must be complete: beyond what can be kept there is no use in more.
void ReplayRun::take_result(const MessageView& message) {
  results_.take(message);
  if (results_.is_full()) end_.request_stop();
}

// A gateway that refuses or abandons the job says so before the end.
bool ReplayRun::wait(Clock::time_point time) {
  while (!link_.has_summary()) {
    const auto now = Clock::now();
    if (!wait_until(std::min(time, now + kLongestWait), stop_)) return false;
    if (now >= time) return true;
  }
  return false;
}

// A gateway that does not get what is sent, or whose answers do not come back, would get a message a second
// for good.
std::optional<Clock::duration> ReplayRun::ask() {
  const auto answer = link_.ask(kMarkPatience, stop_);
  if (answer) {
    unanswered_since_.reset();
  } else if (!unanswered_since_) {
    unanswered_since_ = Clock::now();
  } else if (link_.was_silent(*unanswered_since_, kSummaryPatience)) {
    is_given_up_ = true;
    end_.request_stop();
  }
  return answer;
}

Result<void> ReplayRun::play(std::vector<ReplayMessage> first) {
  if (!link_.publish(start_of(plan_.request), stop_)) return cancelled();
  const ReplayPacer pacer(first.front().at, plan_.speed, rate_, Clock::now());
  const auto played = player_.play(std::move(first), [this] { return source_.next(); }, pacer);
  if (link_.has_summary()) return {};  // the gateway has ended the job before its end
  if (!played) {
    cancel();
    return Failure(played.error() + ": the replay was cancelled");
  }
  if (!*played || !link_.publish(end_of(plan_.request.job), stop_) || !link_.drain(stop_)) return cancelled();
  return {};
}

Failure ReplayRun::cancelled() {
  cancel();
  if (results_.is_full()) return too_many_results();
  if (is_given_up_) return no_answer();
  return Failure(fmt::format("replay {} was cancelled after {} messages{}", plan_.request.job, player_.sent(),
                             link_.has_summary() ? "" : "; no gateway has confirmed it"));
}

Failure ReplayRun::too_many_results() const {
  return Failure(
      fmt::format("replay {} has more than {} results: nothing was promoted; choose a shorter range",
                  plan_.request.job, ReplayResults::kMost));
}

// Also where the broker is away, or takes nothing: then for a few seconds only.
void ReplayRun::cancel() {
  std::stop_source enough;
  const std::jthread timer([&](const std::stop_token& over) {
    if (wait_until(Clock::now() + kCancelPatience, over)) enough.request_stop();
  });
  if (link_.publish(cancel_of(plan_.request.job), enough.get_token()) && link_.drain(enough.get_token()))
    link_.await_summary(kCancelPatience, enough.get_token());
}

Result<void> ReplayRun::await_summary() {
  switch (link_.await_summary(kSummaryPatience, stop_)) {
    case ReplayLink::Waited::there:
      return {};
    case ReplayLink::Waited::stopped:
      return cancelled();
    case ReplayLink::Waited::overdue:
      break;
  }
  return no_answer();
}

Failure ReplayRun::no_answer() const {
  return Failure(
      fmt::format("no gateway has answered replay {} (nothing on replay/{}/progress and summary for {} s): "
                  "may gateway and user read and write replay/# at the broker, does the gateway know "
                  "replays, and does it run under the same broker?",
                  plan_.request.job, plan_.request.job,
                  std::chrono::duration_cast<std::chrono::seconds>(kSummaryPatience).count()));
}

Result<void> ReplayRun::promote(ReplayReport& report) {
  const TimeRange& range = plan_.request.range;
  results_.finish();
  if (results_.is_full()) return too_many_results();
  if (const auto all = report.aggregates(); all && results_.taken() < *all) {
    return Failure(
        fmt::format("of {} results {} came, the connection was lost: nothing was promoted; replay again",
                    *all, results_.taken()));
  }
  if (auto up_to_date = await_archive_up_to_date(config_, stop_); !up_to_date) return up_to_date;
  ResultBook live = results_.live();
  if (auto read = read_results(archive_folder(config_.state), range, live); !read) return read;
  const auto groups =
      LiveGroups::read(files_, config_.time, needed_times(results_.replayed(), range, config_));
  if (!groups) return Failure(groups.error());
  if (auto whole = check_whole(files_); !whole) return whole;
  Promotion promotion =
      lookout::promote(results_.replayed(), live, range, config_, *groups, wall_clock_now());
  for (Outgoing& message : promotion.messages) {
    if (!link_.publish(std::move(message), stop_)) return Failure("stopped while results were promoted");
  }
  if (!link_.drain(stop_)) return Failure("stopped while results were promoted");
  report.promotion = promotion.counts;
  return {};
}

double ReplayRun::share() const {
  const auto length = std::chrono::duration<double>(shown_.to - shown_.from);
  const auto done = std::chrono::duration<double>(player_.position() - shown_.from);
  return length.count() > 0 ? std::clamp(done / length, 0.0, 1.0) : 1;
}

Clock::time_point ReplayRun::show_progress(Clock::time_point now) {
  if (now < line_.due()) return line_.due();
  const std::uint64_t sent = player_.sent();
  if (sent == 0) return now + 100ms;
  const double seconds = std::chrono::duration<double>(now - shown_at_).count();
  const double rate = seconds > 0 ? static_cast<double>(sent - shown_sent_) / seconds : 0;
  line_.show(now, fmt::format("replay {}: {}", plan_.request.job,
                              describe_replay(sent, share(), rate,
                                              std::chrono::duration<double>(now - begin_).count())));
  shown_at_ = now;
  shown_sent_ = sent;
  return line_.due();
}

}  // namespace

int run_replay(const Config& config, const ReplayArguments& arguments) {
  const auto plan = make_plan(arguments, wall_clock_now());
  if (!plan) return fail(kExitUsage, plan.error());
  StopSignals signals;
  if (arguments.into_live) {
    if (auto up_to_date = await_archive_up_to_date(config, signals.token()); !up_to_date)
      return fail(kExitFailed, up_to_date.error());
  }
  const auto files = ReplayFiles::open(archive_folder(config.state));
  if (!files) return fail(kExitFailed, files.error());
  for (const std::string& line : describe_gaps(*files, plan->request)) fail(kExitFailed, line);
  const std::string& job = plan->request.job;
  fmt::print(stderr,
             "replay {}: results on replay/{}/aggregates/# alerts/# late/# rejected/# (not retained)\n", job,
             job);
  const auto report = ReplayRun(config, arguments, *plan, *files, signals.token()).run();
  for (const std::string& line : files->passed_over()) fail(kExitFailed, line);
  if (!report) return fail(kExitFailed, report.error());
  fmt::print("{}", arguments.json ? report->json() : report->text());
  return report->is_done() ? kExitDone : fail(kExitFailed, report->why_not());
}

}  // namespace lookout
