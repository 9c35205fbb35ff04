#include "simulator/recording.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "common/names.h"
#include "simulator/random.h"

namespace lookout {
namespace {

constexpr std::uint64_t kComplaints = 10;   // the rest is only counted
constexpr double kLongestSeconds = 2.6e11;  // beyond the year 9999

Result<double> parse_cell(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc{} && stop == end && std::isfinite(number)) return number + 0.0;  // no -0
  return Failure(fmt::format("'{}' is not a number", text));
}

Result<Microseconds> parse_time(const std::string& text, CsvTimeFormat format) {
  if (format == CsvTimeFormat::rfc3339) {
    const auto time = parse_rfc3339(text);
    if (!time) return Failure(time.error());
    return std::chrono::floor<std::chrono::milliseconds>(time->time_since_epoch());
  }
  const auto number = parse_cell(text);
  if (!number) return Failure(number.error());
  const double seconds = format == CsvTimeFormat::seconds ? *number : *number / 1000;
  if (std::abs(seconds) > kLongestSeconds) return Failure(fmt::format("'{}' is no time", text));
  return std::chrono::milliseconds{std::llround(seconds * 1000)};
}

template <typename T, typename Same>
std::uint32_t find_or_add(std::vector<T>& list, T item, Same same) {
  const auto found = std::ranges::find_if(list, [&](const T& known) { return same(known, item); });
  const auto index = static_cast<std::uint32_t>(found - list.begin());
  if (found == list.end()) list.push_back(std::move(item));
  return index;
}

}  // namespace

Result<std::unique_ptr<Recording>> Recording::open(RecordingOptions options) {
  std::unique_ptr<Recording> recording(new Recording(std::move(options)));
  auto table = CsvTable::open(recording->options_.file);
  if (!table) return Failure(table.error());
  CsvTable::Row header;
  const auto got = (*table)->next(header);
  if (!got) return Failure(got.error());
  if (!*got) return Failure(fmt::format("'{}' is empty: a header is needed", recording->options_.file));
  if (auto read = recording->read_header(header); !read) return Failure(read.error());
  if (auto surveyed = recording->survey(**table); !surveyed) return Failure(surveyed.error());
  if (auto rewound = recording->rewind(); !rewound) return Failure(rewound.error());
  return recording;
}

Result<void> Recording::read_header(const CsvTable::Row& header) {
  header_ = header;
  catalogue_.network = options_.network;
  if (!options_.time_column.empty()) {
    const auto found = std::ranges::find(header, options_.time_column);
    if (found == header.end()) {
      return Failure(fmt::format("there is no time column '{}'; the columns are {}", options_.time_column,
                                 fmt::join(header, ", ")));
    }
    time_index_ = static_cast<std::size_t>(found - header.begin());
  }
  return select(header);
}

Result<void> Recording::select(const CsvTable::Row& header) {
  const auto fits = [&](const std::string& glob, std::size_t index) {
    return index != time_index_ && ::fnmatch(glob.c_str(), header[index].c_str(), 0) == 0;
  };
  std::vector<bool> chosen(header.size(), options_.columns.empty());
  chosen[time_index_] = false;
  for (const std::string& glob : options_.columns) {
    bool any = false;
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (!fits(glob, i)) continue;
      chosen[i] = any = true;
    }
    if (!any)
      return Failure(fmt::format("no column fits '{}'; the columns are {}", glob, fmt::join(header, ", ")));
  }
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (!chosen[i]) continue;
    if (auto added = add_column(header, i); !added) return added;
  }
  if (columns_.empty()) return Failure("there is no column beside the time column");
  return {};
}

Result<void> Recording::add_column(const CsvTable::Row& header, std::size_t index) {
  const std::string& name = header[index];
  ColumnNames names{.region = {}, .sensor = name, .metric = {}};
  if (options_.pattern) {
    const auto matched = options_.pattern->match(name);
    if (!matched)
      return Failure(fmt::format("column '{}' does not fit '{}'", name, options_.pattern->text()));
    names = *matched;
  }
  Catalogue::Sensor sensor{names.region ? clean_name(*names.region) : options_.region,
                           clean_name(names.sensor.value_or(name))};
  Catalogue::Metric metric{names.metric ? clean_name(*names.metric) : options_.metric, {}, 0};
  metric.key = metric_key(metric.name);
  for (const std::string& made : {sensor.region, sensor.name, metric.name}) {
    if (!is_valid_name(made))
      return Failure(fmt::format("column '{}': '{}' is no name: {}", name, made, kNameRule));
  }
  const Column column{
      index,
      find_or_add(catalogue_.sensors, sensor,
                  [](const auto& a, const auto& b) { return a.region == b.region && a.name == b.name; }),
      find_or_add(catalogue_.metrics, metric, [](const auto& a, const auto& b) { return a.name == b.name; })};
  for (const Column& other : columns_) {
    if (other.sensor != column.sensor || other.metric != column.metric) continue;
    return Failure(fmt::format("columns '{}' and '{}' would both be {}/{}/{}: select or map them apart",
                               header[other.index], name, sensor.region, sensor.name, metric.name));
  }
  columns_.push_back(column);
  return {};
}

Result<void> Recording::survey(CsvTable& table) {
  while (true) {
    const auto got = table.next(row_);
    if (!got) return Failure(got.error());
    if (!*got) break;
    const auto time = row_time();
    if (!time) continue;
    if (span_.rows++ == 0) span_.first = span_.latest = *time;
    span_.latest = std::max(span_.latest, *time);
  }
  if (span_.rows > 0) return {};
  return Failure(fmt::format("no row has a time in column '{}'", header_[time_index_]));
}

Result<void> Recording::rewind() {
  auto table = CsvTable::open(options_.file);
  if (!table) return Failure(table.error());
  table_ = std::move(*table);
  next_column_ = columns_.size();
  const auto got = table_->next(row_);
  return got ? Result<void>{} : Failure(got.error());
}

bool Recording::next(Sample& sample) {
  while (true) {
    while (next_column_ < columns_.size()) {
      const Column& column = columns_[next_column_++];
      const std::string& text = cell(column.index);
      if (text.empty()) continue;
      const auto number = parse_cell(text);
      if (!number) {
        skip(column.index, number.error());
        continue;
      }
      sample.event_time = row_event_time_;
      sample.seq = row_number_;
      sample.sensor = column.sensor;
      sample.values.assign(1, {column.metric, *number});
      return true;
    }
    const auto got = next_row();
    if (!got) {
      failed_ = true;
      spdlog::error("{}: ending here", got.error());
    }
    if (!got || !*got) return false;
  }
}

Result<bool> Recording::next_row() {
  while (true) {
    auto got = table_->next(row_);
    if (!got || !*got) return got;
    ++row_number_;
    const auto time = row_time();
    if (time) {
      row_event_time_ = zero_ + *time;
      next_column_ = 0;
      return true;
    }
    skip(time_index_, time.error() + "; the row is left out");
  }
}

Result<Microseconds> Recording::row_time() const {
  return parse_time(cell(time_index_), options_.time_format);
}

const std::string& Recording::cell(std::size_t index) const {
  static const std::string kNone;
  return index < row_.size() ? row_[index] : kNone;
}

void Recording::skip(std::size_t index, const std::string& why) {
  if (++skipped_ <= kComplaints) spdlog::warn("row {}, column '{}': {}", row_number_, header_[index], why);
  if (skipped_ == kComplaints) spdlog::warn("further cells that hold no number are only counted");
}

}  // namespace lookout
