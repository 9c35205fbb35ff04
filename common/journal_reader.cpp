#include "common/journal_reader.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace lookout {

Result<std::optional<journal::Record>> JournalReader::next(std::uint64_t end) {
  while (next_ < end) {
    if (!segment_) {
      if (auto opened = open_segment(end); !opened) return Failure(opened.error());
      if (!segment_) continue;
    }
    auto record = segment_->next(end);
    if (!record)
      return Failure(fmt::format("cannot read the journal in '{}': {}", folder_.string(), record.error()));
    if (!*record) {
      if (auto left = leave_segment(end); !left) return Failure(left.error());
    } else if ((*record)->offset >= next_) {
      give_up_to((*record)->offset);
      next_ = (*record)->offset + 1;
      return record;
    }
  }
  return std::nullopt;
}

// Opens the segment that holds next_; where there is none, the first behind it, and of none at all nothing.
Result<void> JournalReader::open_segment(std::uint64_t end) {
  const auto segments = list_segments(folder_, *files_);
  if (!segments) return Failure(segments.error());
  auto segment = segments->upper_bound(next_);
  if (segment != segments->begin()) {
    --segment;
  } else {
    const bool none = segment == segments->end();
    give_up_to(none ? end : std::min(segment->first, end));
    if (none) return {};
  }
  auto opened = SegmentReader::open(folder_, segment->first, *files_);
  if (!opened) return Failure(opened.error());
  segment_ = std::move(*opened);
  segment_first_ = segment->first;
  return {};
}

// Nothing more of the segment can be read: the next one goes on. What lies between is lost; after a whole
// segment that is nothing.
Result<void> JournalReader::leave_segment(std::uint64_t end) {
  keep_if_damaged();
  left_at_ = segment_->position();
  segment_.reset();
  const auto segments = list_segments(folder_, *files_);
  if (!segments) return Failure(segments.error());
  const auto following = segments->upper_bound(segment_first_);
  give_up_to(following == segments->end() ? end : std::min(following->first, end));
  return {};
}

void JournalReader::keep_if_damaged() {
  const auto tail = segment_->tail();
  if (segment_->has_header() && segment_->damage().empty() && tail && tail->bytes == 0) return;
  const auto kept = keep_damaged(folder_, segment_first_, *files_);
  spdlog::error("journal: '{}' is damaged: {}", journal::segment_path(folder_, segment_first_).string(),
                kept ? *kept : kept.error());
}

void JournalReader::give_up_to(std::uint64_t offset) {
  if (offset <= next_) return;
  spdlog::error("journal: offsets {} to {} cannot be read: they are missing or damaged", next_, offset - 1);
  lost_ += offset - next_;
  next_ = offset;
}

}  // namespace lookout
