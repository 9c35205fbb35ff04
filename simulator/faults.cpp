#include "simulator/faults.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "simulator/waveform.h"

namespace lookout {
namespace {

constexpr Microseconds kLatestRepeat = std::chrono::seconds{5};

bool later(const Message& a, const Message& b) { return std::tie(a.due, a.order) > std::tie(b.due, b.order); }

Microseconds part_of(Microseconds whole, double share) {
  return Microseconds{static_cast<std::int64_t>(share * static_cast<double>(whole.count()))};
}

}  // namespace

Faults::Faults(Source source, const Catalogue& catalogue, FaultOptions options, std::uint64_t seed)
    : source_(std::move(source)), catalogue_(catalogue), options_(std::move(options)), random_(seed) {}

std::optional<Message> Faults::next() {
  // What the source gives next is due at newest_ or later: all that is due until then is in its final order.
  while (!ended_ && (held_.empty() || held_.front().due > newest_)) {
    Sample sample;
    ended_ = !source_(sample);
    if (!ended_) take(std::move(sample));
  }
  if (held_.empty()) return std::nullopt;
  std::ranges::pop_heap(held_, later);
  Message message = std::move(held_.back());
  held_.pop_back();
  return message;
}

void Faults::take(Sample sample) {
  newest_ = std::max(newest_, sample.event_time);
  spike(sample);
  if (draw(Purpose::lose, sample) < options_.lose) {
    lost_ += sample.values.size();
    return;
  }
  Timestamp due = newest_;
  if (draw(Purpose::reorder, sample) < options_.reorder) {
    due += part_of(options_.reorder_max, draw(Purpose::reorder_delay, sample));
  }
  if (draw(Purpose::duplicate, sample) < options_.duplicates) {
    Microseconds room = kLatestRepeat;
    if (options_.reorder > 0) room = std::min(room, newest_ + options_.reorder_max - due);
    const Microseconds delay = part_of(room, draw(Purpose::duplicate_delay, sample));
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

void Faults::spike(Sample& sample) const {
  for (std::size_t i = 0; i < options_.spikes.size(); ++i) {
    const Spike& spike = options_.spikes[i];
    for (Sample::Value& value : sample.values) {
      const Catalogue::Metric& metric = catalogue_.metrics[value.metric];
      if (!spike.metric.empty() && spike.metric != metric.name) continue;
      if (random_.uniform(Purpose::spike, sample.sensor, metric.key + i, sample.seq) >= spike.share) continue;
      value.number = round_to_hundredths(value.number + spike.amount);
    }
  }
}

double Faults::draw(Purpose purpose, const Sample& sample) const {
  const std::uint64_t metric = catalogue_.metrics[sample.values.front().metric].key;
  return random_.uniform(purpose, sample.sensor, metric, sample.seq);
}

}  // namespace lookout
