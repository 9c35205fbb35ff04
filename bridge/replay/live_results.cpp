#include "bridge/replay/live_results.h"

#include "bridge/archive/archive_reader.h"

namespace lookout {
namespace {

/// Takes the cells of an aggregate's row one by one, as columns_of(RowKind::aggregates) has them.
class Cells {
 public:
  explicit Cells(std::span<const Cell> row) : row_(row) {}
  void skip(std::size_t count) { next_ += count; }
  void take(std::string& text) {
    if (const auto* view = std::get_if<std::string_view>(&row_[next_++])) text = *view;
  }
  void take(std::optional<double>& figure) {
    if (const auto* number = std::get_if<double>(&row_[next_++])) figure = *number;
  }
  void take(std::optional<std::int64_t>& count) {
    if (const auto* number = std::get_if<std::int64_t>(&row_[next_++])) count = *number;
  }
  template <typename T>
  void take(T& value) {
    value = std::get<T>(row_[next_++]);
  }

 private:
  const std::span<const Cell> row_;
  std::size_t next_ = 0;
};

AggregateRow row_of(std::span<const Cell> cells) {
  AggregateRow row;
  Cells next(cells);
  next.skip(2);  // offset, arrival
  next.take(row.id);
  next.take(row.revision);
  for (std::string* text : {&row.network, &row.window, &row.group, &row.metric, &row.unit}) next.take(*text);
  next.take(row.start);
  next.take(row.end);
  next.take(row.closed_by);
  next.take(row.count);
  next.take(row.sensors);
  next.take(row.sum);
  for (std::optional<double>* figure : {&row.mean, &row.min, &row.max, &row.stddev, &row.first, &row.last})
    next.take(*figure);
  next.take(row.late);
  next.take(row.seq_gaps);
  next.take(row.over);
  for (bool* flag : {&row.incomplete, &row.retracted, &row.historical}) next.take(*flag);
  return row;
}

}  // namespace

Result<void> read_results(const std::filesystem::path& archive, const TimeRange& range, ResultBook& book) {
  const Selection selection{RowKind::aggregates, TimeAxis::event, range.from, range.to, {}, {}};
  const auto missing = ArchiveReader(archive).read(selection, [&](std::span<const Cell> cells) {
    book.offer(row_of(cells));
    return true;
  });
  if (!missing) return Failure(missing.error());
  if (!missing->damaged.empty()) return Failure(missing->damaged.front());
  return {};
}

void ReplayResults::take(const MessageView& message) {
  auto row = parse_aggregate(message.payload);
  if (!row) return;
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  if (message.topic.starts_with(job_topics_)) {
    take_replayed(std::move(*row), message.payload);
  } else if (range_.holds(row->start)) {
    live_.offer(std::move(*row));
  }
}

// One that comes again is of a revision that is known.
void ReplayResults::take_replayed(AggregateRow row, std::string_view payload) {
  const AggregateRow* known = replayed_.find(row.id);
  if (known && row.revision <= known->revision) return;
  ++taken_;
  full_ = full_ || (!known && replayed_.entries().size() >= kMost);
  if (!full_) replayed_.offer(std::move(row), payload);
}

void ReplayResults::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
}

}  // namespace lookout
