#include "bridge/days/day_aggregate.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/names.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;

void add_figures(ordered_json& payload, const DayFigures& figures) {
  payload["count"] = figures.count;
  payload["sensors"] = figures.sensors;
  payload["sum"] = figures.sum();
  payload["mean"] = figures.mean();
  payload["min"] = figures.min;
  payload["max"] = figures.max;
  payload["stddev"] = figures.stddev();
  payload["first"] = figures.first();
  payload["last"] = figures.last();
}

void add_completeness(ordered_json& payload, const DayFigures& figures) {
  payload["seq_gaps"] = figures.seq_gaps;
  payload["expected"] = figures.expected ? ordered_json(*figures.expected) : ordered_json(nullptr);
  payload["missing"] = figures.expected ? ordered_json(figures.missing) : ordered_json(nullptr);
  payload["late_arrivals"] = figures.late_arrivals;
}

}  // namespace

std::string day_id(const DaySummary& summary, const Day& day) {
  return fmt::format("{}/{}/{}/{}/{}", summary.network, kDayWindow, summary.group, summary.metric,
                     to_rfc3339(day.from));
}

Outgoing render_day(const DaySummary& summary, const Day& day, const DayRevision& revision,
                    Timestamp watermark) {
  ordered_json payload;
  payload["id"] = day_id(summary, day);
  payload["revision"] = revision.revision;
  payload["network"] = summary.network;
  payload["window"] = kDayWindow;
  payload["group"] = summary.group;
  payload["metric"] = summary.metric;
  payload["unit"] = summary.figures.unit;
  payload["start"] = to_rfc3339(day.from);
  payload["end"] = to_rfc3339(day.to);
  payload["closed_by"] = revision.revision == 0 ? "watermark" : "late";
  add_figures(payload, summary.figures);
  payload["watermark"] = to_rfc3339(watermark);
  payload["late"] = revision.late;
  add_completeness(payload, summary.figures);
  return {fmt::format("aggregates/{}/{}/{}/{}", summary.network, kDayWindow, summary.group, summary.metric),
          payload.dump(), false};
}

}  // namespace lookout
