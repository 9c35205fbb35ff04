#include "simulator/outages.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lookout {
namespace {

Microseconds time_of(const Departure& departure, Microseconds per_reading) {
  return static_cast<std::int64_t>(departure.sample.values.size()) * per_reading;
}

}  // namespace

Outages::Outages(const std::vector<Outage>& outages, const Field& field) {
  for (const Outage& outage : outages) {
    links_.push_back({Affected(outage.scope, field, Purpose::offline_sensors, links_.size()), outage.order,
                      Microseconds{std::llround(1e6 / outage.rate)}});
  }
}

std::optional<Departure> Outages::pass(Departure departure) {
  const Link* link = down(departure.sample.sensor, departure.at);
  if (!link || link->order == UploadOrder::oldest) return queue(std::move(departure), link);
  wait(std::move(departure), *link);
  return std::nullopt;
}

// Oldest first nothing has to be kept: when a reading leaves is known as soon as it is measured.
Departure Outages::queue(Departure departure, const Link* link) {
  const std::uint32_t sensor = departure.sample.sensor;
  if (!link && !uploads_.contains(sensor)) return departure;
  Upload& upload = uploads_[sensor];
  if (link) upload.per_reading = link->per_reading;
  if (!link && upload.free <= departure.at) {
    uploads_.erase(sensor);
    return departure;
  }
  departure.at = back_online(sensor, std::max(departure.at, upload.free));
  upload.free = departure.at + time_of(departure, upload.per_reading);
  return departure;
}

void Outages::wait(Departure departure, const Link& link) {
  const std::uint32_t sensor = departure.sample.sensor;
  Backlog& backlog = backlogs_[sensor];
  if (backlog.waiting.empty()) returns_.emplace(back_online(sensor, departure.at), sensor);
  backlog.per_reading = link.per_reading;
  backlog.waiting.push_back(std::move(departure));
}

std::vector<Departure> Outages::returned(Timestamp until) {
  std::vector<Departure> out;
  while (!returns_.empty() && returns_.begin()->first <= until) {
    const auto [at, sensor] = *returns_.begin();
    returns_.erase(returns_.begin());
    unload(sensor, at, out);
  }
  return out;
}

void Outages::unload(std::uint32_t sensor, Timestamp at, std::vector<Departure>& out) {
  Backlog& backlog = backlogs_[sensor];
  const Timestamp end = next_outage(sensor, at);
  while (!backlog.waiting.empty() && at < end) {
    Departure& newest = backlog.waiting.back();
    newest.at = std::exchange(at, at + time_of(newest, backlog.per_reading));
    out.push_back(std::move(newest));
    backlog.waiting.pop_back();
  }
  if (backlog.waiting.empty()) {
    backlogs_.erase(sensor);
  } else {
    returns_.emplace(back_online(sensor, end), sensor);
  }
}

const Outages::Link* Outages::down(std::uint32_t sensor, Timestamp now) const {
  const auto found = std::ranges::find_if(
      links_, [&](const Link& link) { return link.affected.since(sensor, now).has_value(); });
  return found == links_.end() ? nullptr : &*found;
}

Timestamp Outages::back_online(std::uint32_t sensor, Timestamp now) const {
  while (const Link* link = down(sensor, now)) {
    now += link->affected.scope().duration - *link->affected.since(sensor, now);
  }
  return now;
}

Timestamp Outages::next_outage(std::uint32_t sensor, Timestamp now) const {
  Timestamp next = Timestamp::max();
  for (const Link& link : links_) next = std::min(next, link.affected.next_start(sensor, now));
  return next;
}

bool Outages::may_never_return(std::uint32_t sensor) const {
  return std::ranges::count_if(links_, [&](const Link& link) {
           return link.affected.hits(sensor) && link.affected.scope().every > Microseconds{0};
         }) > 1;
}

}  // namespace lookout
