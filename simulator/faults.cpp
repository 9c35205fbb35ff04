#include "simulator/faults.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace lookout {
namespace {

constexpr Microseconds kLatestRepeat = std::chrono::seconds{5};

bool later(const Message& a, const Message& b) { return std::tie(a.due, a.order) > std::tie(b.due, b.order); }

Microseconds part_of(Microseconds whole, double share) {
  return Microseconds{static_cast<std::int64_t>(share * static_cast<double>(whole.count()))};
}

}  // namespace

Faults::Faults(Source source, const Field& field, FaultOptions options)
    : source_(std::move(source)),
      field_(field),
      options_(std::move(options)),
      spikes_(faults_of<Spike>(options_), field),
      stuck_(faults_of<StuckValue>(options_), field),
      clocks_(faults_of<WrongClock>(options_), field),
      reboots_(faults_of<Reboot>(options_), field),
      outages_(faults_of<Outage>(options_), field),
      delays_(faults_of<Delay>(options_)) {}

std::optional<Message> Faults::next() {
  // What the source gives next is due at newest_ or later: all that is due until then is in its final order.
  while (!ended_ && (held_.empty() || held_.front().due > newest_)) {
    Sample sample;
    ended_ = !source_(sample);
    if (ended_) {
      depart_until(Timestamp::max());
    } else {
      take(std::move(sample));
    }
  }
  if (held_.empty()) return std::nullopt;
  std::ranges::pop_heap(held_, later);
  Message message = std::move(held_.back());
  held_.pop_back();
  return message;
}

void Faults::take(Sample sample) {
  newest_ = std::max(newest_, sample.event_time);
  depart_until(newest_);
  const std::uint64_t index = sample.seq;  // before a reboot counts anew
  spikes_.apply(sample);
  stuck_.apply(sample, newest_);
  clocks_.apply(sample, newest_);
  reboots_.apply(sample, newest_);
  if (auto departure = outages_.pass({std::move(sample), newest_, index})) travel(std::move(*departure));
}

void Faults::depart_until(Timestamp time) {
  for (Departure& departure : outages_.returned(time)) travel(std::move(departure));
}

void Faults::travel(Departure departure) {
  Sample& sample = departure.sample;
  const std::uint64_t metric = field_.catalogue.metrics[sample.values.front().metric].key;
  const auto draw = [&](Purpose purpose) {
    return field_.random.uniform(purpose, departure.sample.sensor, metric, departure.index);
  };
  if (draw(Purpose::lose) < options_.lose) {
    lost_ += sample.values.size();
    return;
  }
  const Timestamp sent = departure.at + delays_.at(draw(Purpose::delay));
  Timestamp due = sent;
  if (draw(Purpose::reorder) < options_.reorder) {
    due += part_of(options_.reorder_max, draw(Purpose::reorder_delay));
  }
  if (draw(Purpose::duplicate) < options_.duplicates) {
    Microseconds room = kLatestRepeat;
    if (options_.reorder > 0) room = std::min(room, sent + options_.reorder_max - due);
    const Microseconds delay = part_of(room, draw(Purpose::duplicate_delay));
    push({sample, due, false, order_++});
    push({std::move(sample), due + delay, true, order_++});
  } else {
    push({std::move(sample), due, false, order_++});
  }
}

void Faults::push(Message message) {
  held_.push_back(std::move(message));
  std::ranges::push_heap(held_, later);
}

}  // namespace lookout
