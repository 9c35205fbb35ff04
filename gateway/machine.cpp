#include "gateway/machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/duration.h"
#include "common/replay_topic.h"

namespace lookout {
namespace {

Microseconds largest_window(const std::vector<WindowConfig>& windows) {
  Microseconds largest = std::chrono::minutes{5};
  for (const WindowConfig& window : windows) largest = std::max({largest, window.size, window.gap});
  return largest;
}

bool is_taken(const journal::Record& record) {
  return record.kind == journal::Kind::message && !is_replay(record.message.topic);
}

}  // namespace

std::expected<Machine, std::vector<Problem>> Machine::create(const Config& config, std::string box_id) {
  auto alerts = Alerts::create(config.rules, std::move(box_id));
  if (!alerts) return std::unexpected(std::move(alerts.error()));
  return Machine(config, std::move(*alerts));
}

Machine::Machine(const Config& config, Alerts alerts)
    : config_(config.sources),
      time_(config.time),
      decoder_(std::make_unique<Decoder>(config.inputs, config.limits)),
      dedup_(largest_window(config.windows), config.time.identity_window),
      windows_(std::make_unique<Windows>(decoder_->series(), config.windows, config.time)),
      alerts_(std::move(alerts)) {}

void Machine::step(const journal::Record& record, std::vector<Output>& outputs) {
  auto parsed = parse(record);  // of a configuration there is nothing to parse: it does not come too early
  step(record, parsed, outputs);
}

std::optional<Decoder::Parsed> Machine::parse(const journal::Record& record) const {
  if (!is_taken(record)) return std::nullopt;
  return decoder_->parse(record.message);
}

void Machine::step(const journal::Record& record, std::optional<Decoder::Parsed>& parsed,
                   std::vector<Output>& outputs) {
  pass_time(record, outputs);
  if (!parsed) return;
  decoder_->decode(record.message, *parsed, decoded_);
  take_decoded(record.message.arrival, std::nullopt, outputs);
}

void Machine::step_decoded(const journal::Record& record, std::vector<Output>& outputs,
                           std::optional<Timestamp> arrived) {
  pass_time(record, outputs);
  if (is_taken(record)) take_decoded(record.message.arrival, arrived, outputs);
}

// What the record is beside a message.
void Machine::pass_time(const journal::Record& record, std::vector<Output>& outputs) {
  outputs.clear();
  const Timestamp arrival = record.message.arrival;
  clock_.advance(record);
  if (windows_->loss_is_open()) {
    if (const auto now = clock_.known()) windows_->note_loss(*now);
  }
  windows_->run_deadlines({arrival, clock_.connected()}, closed_);
  put_out_closed(outputs);
  if (record.kind == journal::Kind::configuration) reconfigure(record, outputs);
  if (shows_lost_past(record)) note_loss(record);
  begun_ |= record.kind == journal::Kind::message || record.kind == journal::Kind::link_up;
}

// A box without a clock of its own stamps what comes first with whatever it takes the time for.
void Machine::note_loss(const journal::Record& record) {
  if (record.stamp.trusted) {
    windows_->note_loss(record.message.arrival);
  } else {
    windows_->note_open_loss();
  }
}

void Machine::take_decoded(Timestamp arrival, std::optional<Timestamp> arrived,
                           std::vector<Output>& outputs) {
  for (Refusal& refusal : decoded_.refusals) reject(std::move(refusal), outputs);
  for (Reading& reading : decoded_.readings) take(reading, arrival, arrived, outputs);
  if (decoded_.refusals.empty() && decoded_.readings.empty()) ++books_.retained_ignored;
}

// Who appended the record had read it without a problem. Another version of the program may find one: it goes
// on under the configuration it has.
void Machine::reconfigure(const journal::Record& record, std::vector<Output>& outputs) {
  auto sources = sources_from_json(record.message.payload);
  if (!sources || *sources == config_) return;
  const auto loaded = parse_config(std::move(*sources));
  auto alerts = Alerts::create(loaded.config.rules, alerts_.box_id());
  if (!loaded.problems.empty() || !alerts) return;
  const Config& config = loaded.config;
  config_ = config.sources;
  time_ = config.time;
  decoder_->reconfigure(config.inputs, config.limits);
  dedup_.set_identity_window(time_.identity_window);
  windows_->reconfigure(config.windows, time_, record.message.arrival, closed_);
  put_out_closed(outputs);
  changes_.clear();
  alerts->take_over(alerts_, record.message.arrival, changes_);
  alerts_ = std::move(*alerts);
  for (AlertChange& change : changes_) outputs.emplace_back(std::move(change));
}

std::optional<Timestamp> Machine::decode(const MessageView& message, bool guarded) {
  decoder_->decode(message, decoded_);
  std::optional<Timestamp> least;
  for (const Reading& reading : decoded_.readings) {
    if (guarded && guard(reading, message.arrival)) continue;
    least = std::min(reading.event_time, least.value_or(reading.event_time));
  }
  return least;
}

bool Machine::finish(std::vector<Output>& outputs, std::size_t groups) {
  outputs.clear();
  const bool more = windows_->finish(clock_.wall(), closed_, groups);
  put_out_closed(outputs);
  return more;
}

std::optional<Microseconds> Machine::due_in() {
  const auto deadline = windows_->next_deadline();
  if (!deadline) return std::nullopt;
  return *deadline - clock_.connected();
}

void Machine::take(Reading& reading, Timestamp arrival, std::optional<Timestamp> arrived,
                   std::vector<Output>& outputs) {
  hear_time(reading);
  if (auto refusal = guard(reading, arrived.value_or(clock_.now()))) {
    seqs_.note(windows_->sensor_of(reading), reading);
    return reject(std::move(*refusal), outputs);
  }
  const Series& series = decoder_->series()[reading.series];
  const auto& judgement = windows_->judge(reading);
  const Seen seen = look_up(reading, judgement);
  if (seen != Seen::before) seqs_.note(windows_->sensor_of(reading), reading);
  if (seen == Seen::forgotten) {
    return reject({Reason::past,
                   fmt::format("event_time {} is from a time of which repeats are not known any more",
                               to_rfc3339(reading.event_time)),
                   series.metric},
                  outputs);
  }
  ++books_.received;
  if (seen == Seen::before) {
    ++books_.duplicate;
    return;
  }
  if (!reading.time_is_arrival)
    lateness_.note(windows_->sensor_of(reading), reading.series, reading.event_time, clock_.now());
  books_.windows_full += judgement.full ? 1 : 0;
  if (judgement.covered && !judgement.taken) {
    ++books_.late;
    outputs.push_back(Late{series.metric, judgement.refused_by, judgement.late_by, judgement.full});
    // What was refused for want of room is evidence of time all the same: nothing would ever become final.
    if (judgement.full) windows_->take(reading, {arrival, clock_.connected()}, closed_);
    put_out_closed(outputs);
    return;
  }
  ++books_.accepted;
  books_.refused += judgement.refused_by.size();
  books_.corrected += windows_->take(reading, {arrival, clock_.connected()}, closed_) ? 1 : 0;
  put_out_closed(outputs);
}

void Machine::put_out_closed(std::vector<Output>& outputs) {
  for (ClosedWindow& window : closed_) {
    changes_.clear();
    alerts_.evaluate(window, changes_);
    if (window.publish) outputs.emplace_back(std::move(window));
    for (AlertChange& change : changes_) outputs.emplace_back(std::move(change));
  }
  closed_.clear();
}

void Machine::reject(Refusal refusal, std::vector<Output>& outputs) {
  ++books_.received;
  ++books_.rejected[static_cast<std::size_t>(refusal.reason)];
  outputs.push_back(Rejected{std::move(refusal)});
}

// A reading without a time of its own has that of its arrival, which is worth nothing while the wall clock is
// not trusted.
void Machine::hear_time(Reading& reading) {
  if (reading.time_is_arrival) {
    reading.event_time = clock_.now();
  } else {
    clock_.hear(windows_->sensor_of(reading), reading.event_time);
  }
  const Timestamp limit = clock_.now() + time_.max_future;
  if (windows_->newest() <= limit) return;
  windows_->set_back(limit);
  ++books_.watermarks_set_back;
}

// A clock that is wrong must never move a watermark: judged before any window hears of the reading.
std::optional<Refusal> Machine::guard(const Reading& reading, Timestamp now) const {
  const std::string& metric = decoder_->series()[reading.series].metric;
  const char* const whose = clock_.trusted() ? "box's clock" : "sensors' median";
  if (reading.event_time > now + time_.max_future) {
    return Refusal{Reason::future,
                   fmt::format("event_time {} is more than {} (time.max_future) ahead of the {}",
                               to_rfc3339(reading.event_time), format_duration(time_.max_future), whose),
                   metric};
  }
  if (reading.event_time < now - time_.max_past) {
    return Refusal{Reason::past,
                   fmt::format("event_time {} is more than {} (time.max_past) behind the {}",
                               to_rfc3339(reading.event_time), format_duration(time_.max_past), whose),
                   metric};
  }
  return std::nullopt;
}

// An identity with an event time in it is remembered as long as a window can take the reading; after that it
// is late, also the second time. The others, and what no window covers, for identity_window of connected
// time. Nothing is remembered beyond max_past; after a step back of the clock, what may or may not be a
// repeat is refused.
Seen Machine::look_up(const Reading& reading, const Windows::Judgement& judgement) {
  if (!reading.identity) return Seen::never;
  const GroupId sensor = windows_->sensor_of(reading);
  if (!reading.identity_has_time || !judgement.covered)
    return dedup_.by_arrival(sensor, *reading.identity, Timestamp{clock_.connected()});
  if (!judgement.taken) return Seen::never;
  return dedup_.by_event_time(sensor, *reading.identity, reading.event_time, [&] {
    return std::max(windows_->horizon(reading), clock_.now() - time_.max_past);
  });
}

}  // namespace lookout
