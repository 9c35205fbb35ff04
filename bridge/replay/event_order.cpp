#include "bridge/replay/event_order.h"

#include <algorithm>

namespace lookout {
namespace {

constexpr Microseconds kFirstWidth = std::chrono::minutes{10};
constexpr Microseconds kLeast{1};
constexpr std::uint64_t kLastOffset = (std::uint64_t{1} << 47) - 1;

}  // namespace

EventOrder::EventOrder(const ReplayFiles& files, const TimeRange& range, const TopicFilter& filter,
                       Decoder& decoder, std::size_t limit)
    : files_(files),
      range_(range),
      filter_(filter),
      decoder_(decoder),
      limit_(limit),
      from_(range.from),
      width_(kFirstWidth) {}

Result<std::vector<ReplayPlace>> EventOrder::next() {
  while (from_ < range_.to) {
    auto places = next_stretch();
    if (!places || !places->empty()) return places;
  }
  return std::vector<ReplayPlace>{};
}

Result<std::vector<ReplayPlace>> EventOrder::next_stretch() {
  const Timestamp to = width_ < range_.to - from_ ? from_ + width_ : range_.to;
  const ReplayFile::Stretch stretch{{from_, to}, behind_, files_.end_offset(), limit_};
  std::vector<ReplayPlace> places;
  std::optional<ReplayPlace> cut;  // beyond it something may be missing
  for (const ReplayFiles::File& file : files_.all()) {
    if (!file.summary.event_times.may_hold(from_, to - kLeast)) continue;
    const auto found = ask(file, stretch);
    if (!found) return Failure(found.error());
    places.insert(places.end(), found->places.begin(), found->places.end());
    if (!found->complete) cut = std::min(cut.value_or(found->places.back()), found->places.back());
  }
  if (auto added = add_undated(to); !added) return Failure(added.error());
  const std::size_t found = places.size();
  const ReplayPlace through = cut.value_or(ReplayPlace{to - kLeast, kLastOffset});
  std::erase_if(places, [&](const ReplayPlace& place) { return place > through; });
  take_undated(through, places);
  std::ranges::sort(places);
  std::erase_if(places, [&](const ReplayPlace& place) { return !is_first_time(place); });
  adapt(stretch, cut, found);
  behind_ = through;
  from_ = cut ? cut->at : to;
  return places;
}

Result<ReplayFile::Readings> EventOrder::ask(const ReplayFiles::File& file,
                                             const ReplayFile::Stretch& stretch) const {
  auto readings = files_.ask(file, [&](ReplayFile& looked) { return looked.readings(stretch, filter_); });
  if (!readings) return Failure(readings.error());
  return std::move(*readings).value_or(ReplayFile::Readings{});
}

// Arrivals rise from file to file but for steps of the clock: few files are held at once.
Result<void> EventOrder::add_undated(Timestamp until) {
  for (const ReplayFiles::File& file : files_.all()) {
    if (!file.summary.arrived(range_.from, until - kLeast) ||
        !looked_through_.insert(file.name.first_offset).second)
      continue;
    const auto undated = files_.ask(file, [&](ReplayFile& looked) {
      return looked.undated(range_, files_.end_offset(), filter_, decoder_);
    });
    if (!undated) return Failure(undated.error());
    if (!*undated) continue;
    left_out_ += (*undated)->left_out;
    undated_.insert(undated_.end(), (*undated)->places.begin(), (*undated)->places.end());
    std::ranges::sort(undated_, std::greater{});
  }
  return {};
}

void EventOrder::take_undated(const ReplayPlace& through, std::vector<ReplayPlace>& places) {
  for (; !undated_.empty() && undated_.back() <= through; undated_.pop_back())
    places.push_back(undated_.back());
}

void EventOrder::adapt(const ReplayFile::Stretch& stretch, const std::optional<ReplayPlace>& cut,
                       std::size_t found) {
  if (cut) {
    width_ = std::max<Microseconds>(cut->at - stretch.range.from, kLeast);
  } else if (found <= limit_ / 4 && width_ < range_.to - range_.from) {
    width_ *= 2;
  }
}

// A message whose readings have several times is found at each.
bool EventOrder::is_first_time(const ReplayPlace& place) {
  const std::size_t index = place.offset - files_.first_offset();
  if (index >= handed_out_.size()) handed_out_.resize(files_.end_offset() - files_.first_offset());
  if (handed_out_[index]) return false;
  return handed_out_[index] = true;
}

}  // namespace lookout
