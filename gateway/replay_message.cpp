#include "gateway/replay_message.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/payload_json.h"
#include "common/replay_topic.h"
#include "common/topic_pattern.h"
#include "gateway/json_fields.h"
#include "gateway/stats.h"

namespace lookout {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kKeptSummaryDetail = 256;  // what somebody sent may be as long as a message
constexpr std::array<std::string_view, 2> kBy{"arrival", "event"};
constexpr std::array<std::string_view, 4> kStates{"done", "cancelled", "refused", "abandoned"};

Result<PlayBy> read_by(const json& object) {
  const auto by = read_text(object, "by");
  if (!by) return Failure(by.error());
  for (std::size_t i = 0; i < kBy.size(); ++i) {
    if (*by == kBy[i]) return static_cast<PlayBy>(i);
  }
  return Failure(fmt::format("by is '{}': accepted are event and arrival", *by));
}

Result<std::string> read_topics(const json& object) {
  if (!object.contains("topics")) return std::string{};
  auto topics = read_text(object, "topics");
  if (topics && !is_valid_filter(*topics))
    return Failure(fmt::format("topics: '{}' is no topic filter", *topics));
  return topics;
}

Result<ReplayControl> read_start(const json& object) {
  const auto by = read_by(object);
  if (!by) return Failure(by.error());
  const auto from = read_time(object, "from"), to = read_time(object, "to");
  if (!from) return Failure(from.error());
  if (!to) return Failure(to.error());
  if (*from >= *to)
    return Failure(fmt::format("from {} to {} is an empty range", to_rfc3339(*from), to_rfc3339(*to)));
  auto topics = read_topics(object);
  if (!topics) return Failure(topics.error());
  return ReplayStart{*by, *from, *to, std::move(*topics)};
}

Result<std::uint64_t> read_number(const json& object, const char* name) {
  const auto number = object.find(name);
  if (number == object.end()) return Failure(fmt::format("there is no {}", name));
  if (!number->is_number_unsigned()) return Failure(fmt::format("{} is not a whole number from 0 on", name));
  return number->get<std::uint64_t>();
}

Result<ReplayControl> read_mark(const json& object) {
  const auto mark = read_number(object, "mark");
  if (!mark) return Failure(mark.error());
  return ReplayMark{*mark};
}

ordered_json outputs_json(const ReplayFigures& figures) {
  ordered_json outputs = ordered_json::object();
  for (std::size_t i = 0; i < kOutputKinds.size(); ++i)
    outputs[std::string(kOutputKinds[i])] = figures.outputs[i];
  return outputs;
}

}  // namespace

std::vector<std::string> replay_filters(const std::vector<std::string>& input_filters) {
  std::vector<std::string> filters{std::string(kReplayPrefix) + "+/control"};
  for (const std::string& filter : input_filters) {
    if (std::ranges::find(kReplayWords, filter) == kReplayWords.end())
      filters.push_back(fmt::format("{}+/{}", kReplayPrefix, filter));
  }
  return filters;
}

std::optional<ReplayTopic> parse_replay_topic(std::string_view topic) {
  if (!is_replay(topic)) return std::nullopt;
  topic.remove_prefix(kReplayPrefix.size());
  const auto slash = topic.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  return ReplayTopic{topic.substr(0, slash), topic.substr(slash + 1)};
}

Result<ReplayControl> parse_control(std::string_view payload) {
  const auto object = parse_object(payload);
  if (!object) return Failure(object.error());
  const auto action = read_text(*object, "action");
  if (!action) return Failure(action.error());
  if (*action == "start") return read_start(*object);
  if (*action == "end") return ReplayEnd{};
  if (*action == "cancel") return ReplayCancel{};
  if (*action == "mark") return read_mark(*object);
  return Failure(fmt::format("action is '{}': accepted are start, mark, end and cancel", *action));
}

Result<Envelope> parse_envelope(const MessageView& message) {
  if (message.cut) return Failure("it is longer than the gateway's journal holds");
  const auto object = parse_object(message.payload);
  if (!object) return Failure(object.error());
  const auto offset = read_number(*object, "offset");
  if (!offset) return Failure(offset.error());
  const auto arrival = read_time(*object, "arrival");
  if (!arrival) return Failure(arrival.error());
  const auto retain = read_flag(*object, "retain"), cut = read_flag(*object, "cut");
  if (!retain) return Failure(retain.error());
  if (!cut) return Failure(cut.error());
  auto payload = read_payload(*object);
  if (!payload) return Failure(payload.error());
  return Envelope{*offset, *arrival, *retain, *cut, std::move(*payload)};
}

Outgoing render(std::string_view job, const ReplayMark& mark) {
  return {fmt::format("{}{}/progress", kReplayPrefix, job), ordered_json{{"mark", mark.mark}}.dump(), false};
}

Outgoing render(const ReplaySummary& summary) {
  ordered_json payload;
  payload["job"] = summary.job;
  payload["state"] = kStates[static_cast<std::size_t>(summary.state)];
  if (!summary.detail.empty()) payload["detail"] = cut_payload(summary.detail, kKeptSummaryDetail);
  if (const ReplayStart* start = summary.start) {
    payload["by"] = kBy[static_cast<std::size_t>(start->by)];
    payload["from"] = to_rfc3339(start->from);
    payload["to"] = to_rfc3339(start->to);
    if (!start->topics.empty()) payload["topics"] = start->topics;
  }
  if (summary.books) payload["books"] = books_json(*summary.books);
  if (const ReplayFigures* figures = summary.figures) {
    payload["outputs"] = outputs_json(*figures);
    payload["messages"] = figures->messages;
    payload["repeats"] = figures->repeats;
    payload["unreadable"] = figures->unreadable;
    if (figures->unreadable > 0)
      payload["first_unreadable"] = cut_payload(figures->first_unreadable, kKeptSummaryDetail);
  }
  return {fmt::format("{}{}/summary", kReplayPrefix, summary.job),
          payload.dump(-1, ' ', false, ordered_json::error_handler_t::replace), false};
}

}  // namespace lookout
