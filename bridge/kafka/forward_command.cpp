#include "bridge/kafka/forward_command.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <thread>

#include "bridge/archive/archive_name.h"
#include "bridge/kafka/forward_plan.h"
#include "bridge/kafka/forward_transaction.h"
#include "bridge/kafka/rdkafka_sink.h"
#include "bridge/query.h"
#include "common/complaint.h"
#include "common/config_kafka.h"
#include "common/ending_signals.h"
#include "common/exit_code.h"
#include "common/identity.h"
#include "common/names.h"
#include "common/state_folder.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr int kMostFailures = 5;
constexpr auto kPause = 2s;
constexpr auto kProgress = 5s;

/// One run of a job, over as many producers as it takes.
class ForwardJob {
 public:
  ForwardJob(const Config& config, const ForwardRange& range, ForwardPlan plan, const std::string& box,
             const std::string& job, const std::string& topic)
      : plan_(std::move(plan)),
        source_(archive_folder(config.state), RecordMaker(config, box, plan_.epoch), range),
        names_(record_names(config.kafka, box)),
        key_(job_key(box, plan_.epoch, job)),
        relay_key_(cursor_key(box, plan_.epoch)),
        prefix_(cursor_prefix(box)),
        options_{.kafka = config.kafka,
                 .transactional_id = fmt::format("lookout-bridge-{}-forward-{}", box, job),
                 .cursors_topic = config.kafka.topics_prefix + std::string(kCursorsTopic),
                 .topics = {}} {
    names_.job = job;
    if (!topic.empty()) names_.topics.fill(topic);
    options_.topics.assign(names_.topics.begin(), names_.topics.end());
    std::ranges::sort(options_.topics);
    options_.topics.erase(std::ranges::unique(options_.topics).begin(), options_.topics.end());
    for (const ForwardPlan::Damaged& file : plan_.damaged) pass_over(file.first_offset, file.why);
  }

  /// Until everything is there.
  KafkaResult<void> run(const std::stop_token& stop) {
    const auto sink =
        make_rdkafka_sink(options_, [](const std::string& why) { spdlog::warn("{} (waiting)", why); });
    if (!sink) return std::unexpected(sink.error());
    if (auto begun = begin(**sink, stop); !begun) return begun;
    has_begun_ = true;
    if (cursor_.done) return {};
    for (const ForwardPlan::Stretch& stretch : plan_.stretches) {
      if (auto done = forward(stretch, **sink, stop); !done) return done;
    }
    return finish(**sink, stop);
  }
  [[nodiscard]] const KafkaCursor& cursor() const { return cursor_; }
  /// Kafka has answered.
  [[nodiscard]] bool has_begun() const { return has_begun_; }
  /// Files that were passed over: sentences.
  [[nodiscard]] const std::vector<std::string>& damaged() const { return damaged_; }
  /// Since the last call something was committed.
  [[nodiscard]] bool came_further() { return std::exchange(further_, false); }

 private:
  KafkaResult<void> begin(KafkaSink& sink, const std::stop_token& stop) {
    if (auto taken = sink.take_over(stop); !taken) return taken;
    const auto cursors = sink.read_cursors(prefix_, stop);
    if (!cursors) return std::unexpected(cursors.error());
    alerts_.clear();
    later_ = later_epochs(*cursors);
    cursor_ = {.epoch = plan_.epoch, .begin = plan_.stretches.front().first};
    if (const auto known = cursors->find(key_); known != cursors->end()) {
      const auto parsed = parse_cursor(known->second);
      if (!parsed) return std::unexpected(KafkaFailure{.text = "Kafka's cursor: " + parsed.error()});
      // Done by this run, though its last commit seemed to fail; by one before it, it begins anew.
      if (parsed->done && !finishing_) return {};
      cursor_ = *parsed;
      spdlog::info("goes on at offset {}: {} records are there already", cursor_.offset, cursor_.records);
    }
    alerts_ = alerts_in(*cursors, key_);
    return {};
  }

  // As the relay told them: the same message has the same id, however often it is forwarded.
  [[nodiscard]] std::vector<EpochFrom> later_epochs(const KafkaCursors& cursors) const {
    const auto relay = cursors.find(relay_key_);
    const auto parsed = relay != cursors.end() ? parse_cursor(relay->second) : Failure("");
    return parsed ? parsed->epochs : std::vector<EpochFrom>{};
  }

  KafkaResult<void> forward(const ForwardPlan::Stretch& stretch, KafkaSink& sink,
                            const std::stop_token& stop) {
    std::uint64_t next = std::max(stretch.first, cursor_.offset);
    source_.restart(next, alerts_, later_);
    while (next < stretch.end) {
      if (stop.stop_requested()) return std::unexpected(KafkaFailure{.text = "interrupted"});
      auto batch = source_.next();
      if (!batch) {
        const bool is_damaged = batch.error().kind == ArchiveFailure::Kind::damaged;
        if (is_damaged && pass_over(source_.failed_file(), batch.error().text)) continue;
        return std::unexpected(KafkaFailure{.text = batch.error().text});
      }
      if (batch->next == batch->first) break;
      next = batch->next;
      keep_one_of_each_gap(*batch);
      if (batch->records.list.empty()) continue;
      if (auto done = commit(*batch, sink, stop); !done) return done;
    }
    return {};
  }

  bool pass_over(std::uint64_t first_offset, const std::string& why) {
    if (!source_.pass_over(first_offset)) return false;
    damaged_.push_back(why);
    return true;
  }

  // One for each topic, of which there may be one only.
  void keep_one_of_each_gap(ForwardBatch& batch) const {
    if (options_.topics.size() > 1) return;
    std::erase_if(batch.records.list, [](const ForwardRecord& record) {
      return record.type == kGapType && record.topic != KafkaTopic::readings;
    });
  }

  KafkaResult<void> commit(ForwardBatch& batch, KafkaSink& sink, const std::stop_token& stop) {
    const KafkaCursor cursor{.epoch = plan_.epoch,
                             .begin = cursor_.begin,
                             .offset = batch.next,
                             .messages = cursor_.messages + batch.messages,
                             .records = cursor_.records + batch.records.list.size()};
    auto done = commit_batch(sink, batch, names_, key_, cursor, stop);
    if (!done) return done;
    cursor_ = cursor;
    for (const auto& [topic, alert] : batch.alerts) alerts_.insert_or_assign(topic, alert);
    further_ = true;
    if (const auto now = Complaint::Clock::now(); now >= progress_at_) {
      progress_at_ = now + kProgress;
      spdlog::info("{} records up to offset {}", cursor_.records, cursor_.offset);
    }
    return {};
  }

  // Kept, as one that is done: who does not know whether this commit took place finds it.
  KafkaResult<void> finish(KafkaSink& sink, const std::stop_token& stop) {
    finishing_ = true;
    KafkaCursor last = cursor_;
    last.done = true;
    auto done = sink.begin();
    for (auto alert = alerts_.begin(); done && alert != alerts_.end(); ++alert)
      done = sink.store_cursor(alert_key(key_, alert->first), {});
    if (done) done = sink.store_cursor(key_, to_json(last));
    if (done) done = sink.commit(stop);
    return done;
  }

  const ForwardPlan plan_;
  ForwardSource source_;
  RecordNames names_;
  const std::string key_, relay_key_, prefix_;
  RdkafkaOptions options_;
  KafkaCursor cursor_;
  ForwardedAlerts alerts_;
  std::vector<EpochFrom> later_;
  std::vector<std::string> damaged_;
  bool has_begun_ = false, further_ = false, finishing_ = false;
  Complaint::Clock::time_point progress_at_ = Complaint::Clock::now() + kProgress;
};

int fail(int code, const std::string& text) {
  spdlog::error("{}", text);
  return code;
}

std::string name_of(const ForwardArguments& arguments) {
  if (!arguments.job.empty()) return arguments.job;
  const Identity words = hash_text(fmt::format("{} {} {} {}", arguments.from, arguments.to,
                                               static_cast<int>(arguments.axis), arguments.topic));
  return fmt::format("{:016x}", words.high);
}

void await_ending_signal(const std::stop_token& end, std::stop_source& interrupted) {
  const sigset_t signals = ending_signals();
  constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 200'000'000};
  while (!end.stop_requested() && ::sigtimedwait(&signals, nullptr, &kLook) < 0) {
  }
  interrupted.request_stop();
}

int run_job(ForwardJob& job, const std::string& name, const std::stop_token& stop) {
  for (int failures = 0;;) {
    const auto done = job.run(stop);
    if (done) break;
    if (stop.stop_requested())
      return fail(kExitFailed, fmt::format("interrupted after {} records: the same command goes on there",
                                           job.cursor().records));
    if (done.error().fenced)
      return fail(kExitFailed, fmt::format("job {} is at work elsewhere: {}", name, done.error().text));
    failures = job.came_further() ? 1 : failures + 1;
    if (failures >= kMostFailures || !job.has_begun())
      return fail(kExitFailed, fmt::format("{}: given up after {} records; the same command goes on there",
                                           done.error().text, job.cursor().records));
    spdlog::warn("{} (trying again)", done.error().text);
    std::this_thread::sleep_for(kPause);
  }
  fmt::print("job {}: {} records of {} messages are in Kafka\n", name, job.cursor().records,
             job.cursor().messages);
  for (const std::string& damaged : job.damaged())
    spdlog::error("{}: passed over, what it held is missing", damaged);
  return job.damaged().empty() ? kExitDone : kExitFailed;
}

}  // namespace

int run_forward(const Config& config, const ForwardArguments& arguments) {
  if (config.kafka.brokers.empty())
    return fail(kExitConfiguration, "[kafka] brokers is not configured: there is no Kafka to forward to");
  const std::string name = name_of(arguments);
  if (!is_valid_name(name))
    return fail(kExitUsage, fmt::format("--job: '{}' is not a name: accepted are {}", name, kNameRule));
  if (!arguments.topic.empty() && !is_topic_name(arguments.topic))
    return fail(kExitUsage, fmt::format("--topic: '{}' cannot be a topic of Kafka: accepted are {}",
                                        arguments.topic, kTopicNameRule));
  if (arguments.topic == config.kafka.topics_prefix + std::string(kCursorsTopic))
    return fail(kExitUsage,
                fmt::format("--topic: '{}' is the bridge's own: it holds cursors", arguments.topic));
  const auto selection =
      make_selection({.from = arguments.from, .to = arguments.to, .axis = arguments.axis}, wall_clock_now());
  if (!selection) return fail(kExitUsage, selection.error());
  const ForwardRange range{arguments.axis, selection->from.value_or(kEarliestTime),
                           selection->to.value_or(kLatestTime)};
  auto plan = plan_forward(archive_folder(config.state), range);
  if (!plan) return fail(kExitFailed, plan.error().text);
  if (plan->stretches.empty())
    return fail(kExitFailed, fmt::format("the archive holds nothing of {} to {}", to_rfc3339(range.from),
                                         to_rfc3339(range.to)));
  const auto box = known_box_id(config);
  if (!box) return fail(kExitFailed, box.error());
  ForwardJob job(config, range, std::move(*plan), *box, name, arguments.topic);
  block_ending_signals();
  std::stop_source interrupted;
  const std::jthread waiting([&](const std::stop_token& end) { await_ending_signal(end, interrupted); });
  return run_job(job, name, interrupted.get_token());
}

}  // namespace lookout
