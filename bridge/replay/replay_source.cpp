#include "bridge/replay/replay_source.h"

#include <algorithm>

namespace lookout {

ReplaySource::ReplaySource(const ReplayFiles& files, ReplayOrder order, const TimeRange& range,
                           TopicFilter filter, const Config& config, const Limits& limits)
    : files_(files),
      order_(order),
      range_(range),
      filter_(std::move(filter)),
      limits_(limits),
      decoder_(config.inputs, config.limits),
      by_event_(files_, range_, filter_, decoder_, limits.readings) {}

Result<std::vector<ReplayMessage>> ReplaySource::next() {
  return order_ == ReplayOrder::arrival ? next_by_arrival() : next_by_event();
}

Result<std::vector<ReplayMessage>> ReplaySource::next_by_arrival() {
  while (file_ < files_.all().size()) {
    const ReplayFiles::File& file = files_.all()[file_];
    const std::uint64_t end = file.summary.end_offset;
    if (offset_ >= end || !file.summary.arrived(range_.from, range_.to - Microseconds{1})) {
      ++file_;
      continue;
    }
    auto found = files_.ask(file, [&](ReplayFile& looked) {
      return looked.arrivals({offset_, end, limits_.messages, limits_.bytes}, range_, filter_);
    });
    if (!found) return Failure(found.error());
    offset_ = *found ? (*found)->next : end;
    if (*found && !(*found)->messages.empty()) return std::move((*found)->messages);
  }
  return std::vector<ReplayMessage>{};
}

Result<std::vector<ReplayMessage>> ReplaySource::next_by_event() {
  while (true) {
    if (taken_ == places_.size()) {
      auto places = by_event_.next();
      if (!places) return Failure(places.error());
      if (places->empty()) return std::vector<ReplayMessage>{};
      places_ = std::move(*places);
      taken_ = 0;
    }
    auto messages = fetch();
    if (!messages || !messages->empty()) return messages;
  }
}

Result<std::vector<ReplayMessage>> ReplaySource::fetch() {
  const auto wanted = std::span<const ReplayPlace>(places_).subspan(
      taken_, std::min(limits_.messages, places_.size() - taken_));
  std::vector<const ReplayFiles::File*> files;
  for (const ReplayPlace& place : wanted) {
    const ReplayFiles::File* file = &files_.holding(place.offset);
    if (std::ranges::find(files, file) == files.end()) files.push_back(file);
  }
  std::vector<std::optional<ReplayMessage>> found(wanted.size());
  std::size_t dealt_with = wanted.size();
  for (const ReplayFiles::File* file : files) {
    const auto count = fetch_from(*file, wanted, found);
    if (!count) return Failure(count.error());
    dealt_with = std::min(dealt_with, *count);
  }
  std::vector<ReplayMessage> messages;
  for (std::size_t i = 0; i < dealt_with; ++i) {
    if (found[i]) messages.push_back(std::move(*found[i]));
  }
  taken_ += dealt_with;
  return messages;
}

Result<std::size_t> ReplaySource::fetch_from(const ReplayFiles::File& file,
                                             std::span<const ReplayPlace> places,
                                             std::vector<std::optional<ReplayMessage>>& found) const {
  std::vector<std::size_t> indices;
  std::vector<ReplayPlace> own;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (&files_.holding(places[i].offset) != &file) continue;
    indices.push_back(i);
    own.push_back(places[i]);
  }
  auto messages =
      files_.ask(file, [&](ReplayFile& looked) { return looked.messages(own, limits_.bytes, filter_); });
  if (!messages) return Failure(messages.error());
  if (!*messages) return places.size();
  for (std::size_t i = 0; i < (*messages)->size(); ++i) found[indices[i]] = std::move((**messages)[i]);
  return (*messages)->size() < own.size() ? indices[(*messages)->size()] : places.size();
}

}  // namespace lookout
