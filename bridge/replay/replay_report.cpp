#include "bridge/replay/replay_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bridge/query.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kNamedTopics = 3;

ordered_json counts_json(const Promotion::Counts& counts) {
  return {{"promoted", counts.promoted},
          {"retracted", counts.retracted},
          {"equal", counts.equal},
          {"not_final", counts.not_final},
          {"partly_outside", counts.partly_outside},
          {"fewer_readings", counts.fewer_readings},
          {"incomplete", counts.incomplete},
          {"not_configured", counts.not_configured},
          {"only_live", counts.only_live}};
}

std::string describe(const Promotion::Counts& counts) {
  std::string text =
      fmt::format("into live: {} promoted, {} equal already, {} not final yet, {} partly outside the range\n",
                  counts.promoted, counts.equal, counts.not_final, counts.partly_outside);
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count > 0) text += fmt::format("  {} {}\n", count, what);
  };
  add(counts.retracted, "live sessions retracted: they are part of a longer one");
  add(counts.fewer_readings, "not promoted: live has counted more readings than the archive holds");
  add(counts.incomplete, "not promoted: the gateway says that they are incomplete");
  add(counts.not_configured, "not promoted: the configuration here names no such window");
  add(counts.only_live, "of live alone, which stay: the archive lacks their readings");
  return text;
}

/// An empty object where it is none.
ordered_json parse(const std::string& summary) {
  auto said = ordered_json::parse(summary, nullptr, false);
  return said.is_object() ? said : ordered_json::object();
}

std::optional<std::uint64_t> number_of(const ordered_json& said, const char* key) {
  if (!said.is_object() || !said.contains(key) || !said[key].is_number_unsigned()) return std::nullopt;
  return said[key].get<std::uint64_t>();
}

/// {"a":1,"b":{"x":2,"y":3}} as "a 1, b 5"
std::string words_of(const ordered_json& object) {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    std::uint64_t sum = value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
    if (value.is_object()) {
      for (const auto& part : value) sum += part.is_number_unsigned() ? part.get<std::uint64_t>() : 0;
    }
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, sum);
  }
  return text;
}

/// From the first to the last time that the archive holds; of event times where there are any.
std::optional<TimeRange> held(const ReplayFiles& files, ReplayOrder order) {
  std::optional<TimeRange> events, arrivals;
  const auto add = [](std::optional<TimeRange>& all, const Coverage::Stretch& stretch) {
    if (!all) all = TimeRange{stretch.from, stretch.to};
    all = TimeRange{std::min(all->from, stretch.from), std::max(all->to, stretch.to)};
  };
  for (const ReplayFiles::File& file : files.all()) {
    for (const auto& stretch : file.summary.event_times.stretches()) add(events, stretch);
    if (file.summary.arrivals) add(arrivals, *file.summary.arrivals);
  }
  return order == ReplayOrder::event && events ? events : arrivals;
}

Result<std::vector<std::string>> topics_in(const ReplayFiles& files, const TopicFilter& filter) {
  std::vector<std::string> all;
  for (const ReplayFiles::File& file : files.all()) {
    const auto topics = files.ask(file, [&](ReplayFile& looked) { return looked.topics(filter); });
    if (!topics) return Failure(topics.error());
    if (*topics) all.insert(all.end(), (*topics)->begin(), (*topics)->end());
    if (!all.empty()) break;  // one file's are enough to name some
  }
  if (all.size() > kNamedTopics) all.resize(kNamedTopics);
  return all;
}

std::string kind_of(ReplayOrder order) { return order == ReplayOrder::event ? "event" : "arrival"; }

std::string why_incomplete(const ReplayReport& report) {
  if (report.passed_over > 0) {
    return fmt::format("replay {}: {} files of the archive were passed over: its results lack what they held",
                       report.request.job, report.passed_over);
  }
  if (report.too_large.count == 0) return {};
  return fmt::format(
      "replay {}: {} messages were left out, the first at offset {}: as envelopes they are over {} bytes, "
      "the "
      "broker's message_size_limit; its results lack them",
      report.request.job, report.too_large.count, report.too_large.first_offset, kLargestEnvelope);
}

}  // namespace

bool ReplayReport::is_done() const { return why_not().empty(); }

std::string ReplayReport::why_not() const {
  const auto said = parse(summary);
  if (!said.contains("state") || !said["state"].is_string())
    return fmt::format("replay {}: the gateway's summary cannot be read: {}", request.job, summary);
  const auto state = said["state"].get<std::string>();
  if (state != "done") {
    const auto detail = said.value("detail", ordered_json());
    return fmt::format("replay {} is {}{}", request.job, state,
                       detail.is_string() ? ": " + detail.get<std::string>() : "");
  }
  const auto taken = number_of(said, "messages");
  if (!taken || *taken == sent) return why_incomplete(*this);
  if (*taken > sent) {
    return fmt::format(
        "replay {}: the gateway took {} messages of {} that were sent: it counted some twice, or somebody "
        "else "
        "sends for a job of this name; its results are not to be trusted",
        request.job, *taken, sent);
  }
  return fmt::format(
      "replay {}: the gateway took {} of {} messages; it could not read {}, the rest was lost on the way (a "
      "broker's queue that overflowed, or its message_size_limit)",
      request.job, *taken, sent, number_of(said, "unreadable").value_or(0));
}

std::optional<std::uint64_t> ReplayReport::aggregates() const {
  return number_of(parse(summary).value("outputs", ordered_json()), "aggregates");
}

std::string ReplayReport::text() const {
  const auto said = parse(summary);
  std::string text =
      fmt::format("replay {} by {} time, {} to {}: {} messages sent", request.job, kind_of(request.order),
                  to_rfc3339(request.range.from), to_rfc3339(request.range.to), sent);
  if (left_out > 0) text += fmt::format(", {} left out that brought no new reading", left_out);
  if (too_long > 0) text += fmt::format(", {} left out: topic too long", too_long);
  if (too_large.count > 0) text += fmt::format(", {} left out: too large", too_large.count);
  text += '\n';
  for (const char* part : {"books", "outputs"}) {
    if (said.contains(part) && said[part].is_object())
      text += fmt::format("{}: {}\n", part, words_of(said[part]));
  }
  if (promotion) text += describe(*promotion);
  return text;
}

std::string ReplayReport::json() const {
  ordered_json all;
  all["summary"] = parse(summary);
  all["sent"] = sent;
  all["left_out"] = left_out;
  all["topic_too_long"] = too_long;
  all["too_large"] = too_large.count;
  all["files_passed_over"] = passed_over;
  if (promotion) all["promotion"] = counts_json(*promotion);
  return all.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + '\n';
}

std::string describe_nothing(const ReplayFiles& files, const ReplayRequest& request,
                             const TopicFilter& filter) {
  const auto topics = topics_in(files, filter);
  if (!topics) return topics.error();
  if (topics->empty() && !request.topics.empty()) {
    return fmt::format("no message in the archive has a topic of an input that '{}' matches", request.topics);
  }
  const auto times = held(files, request.order);
  if (!times || topics->empty()) return "the archive holds no message of a sensor";
  return fmt::format(
      "nothing is archived from {} to {} (by {} time){}: the archive holds {} to {}",
      to_rfc3339(request.range.from), to_rfc3339(request.range.to), kind_of(request.order),
      request.topics.empty() ? "" : fmt::format(" on topics that '{}' matches", request.topics),
      to_rfc3339(times->from), to_rfc3339(times->to));
}

std::vector<std::string> describe_gaps(const ReplayFiles& files, const ReplayRequest& request) {
  std::vector<std::string> lines;
  for (const Gap& gap : files.gaps()) {
    if (!gap.times || (gap.times->to >= request.range.from && gap.times->from < request.range.to))
      lines.push_back(describe(gap));
  }
  return lines;
}

Timestamp newest_in(const ReplayFiles& files, ReplayOrder order) {
  const auto times = held(files, order);
  return times ? times->to : Timestamp::max();
}

}  // namespace lookout
