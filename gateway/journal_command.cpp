#include "gateway/journal_command.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/config_sources.h"
#include "common/exit_code.h"
#include "common/file.h"
#include "common/journal_segment.h"
#include "common/payload_json.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;

constexpr auto kAll = std::numeric_limits<std::uint64_t>::max();
// In the order of journal::Kind, which begins at 1.
constexpr std::array<std::string_view, 6> kKinds{"message", "link_up", "link_down",
                                                 "tick",    "clock",   "configuration"};
static_assert(journal::is_kind(static_cast<journal::Kind>(kKinds.size())) &&
              !journal::is_kind(static_cast<journal::Kind>(kKinds.size() + 1)));

/// What one segment holds.
struct Survey {
  std::uint64_t first = 0, end = 0;
  std::uint64_t records = 0;
  std::optional<Timestamp> arrival;  // of the first record
  bool has_header = true;
  std::vector<JournalDamage> damage;
  std::uint64_t position = 0;  // where the last whole record ends
  SegmentReader::Tail tail;
};

// Counts the whole records up to `until`, or to where there are none.
Result<void> count_records(SegmentReader& segment, std::uint64_t until, Survey& survey) {
  while (true) {
    const auto record = segment.next(until);
    if (!record) return Failure(record.error());
    if (!*record) return {};
    ++survey.records;
    if (!survey.arrival) survey.arrival = (*record)->message.arrival;
  }
}

Result<Survey> look_at(const std::filesystem::path& folder, std::uint64_t first, std::uint64_t until = kAll) {
  auto segment = SegmentReader::open(folder, first);
  if (!segment) return Failure(segment.error());
  Survey survey;
  survey.first = first;
  survey.has_header = segment->has_header();
  if (auto counted = count_records(*segment, until, survey); !counted) return Failure(counted.error());
  // What is behind them may have been appended since: then there is a whole record now.
  for (std::uint64_t before = kAll; until == kAll && before != survey.records;) {
    const auto tail = segment->tail();
    if (!tail) return Failure(tail.error());
    survey.tail = *tail;
    before = survey.records;
    if (tail->bytes == 0) break;
    if (auto counted = count_records(*segment, until, survey); !counted) return Failure(counted.error());
  }
  survey.end = segment->offset();
  survey.position = segment->position();
  survey.damage = segment->damage();
  return survey;
}

// What looks damaged may be a record that is being written: then it is whole at the second look.
Result<Survey> look_closely_at(const std::filesystem::path& folder, std::uint64_t first) {
  auto survey = look_at(folder, first);
  const bool good = survey && survey->has_header && survey->damage.empty() && survey->tail.bytes == 0;
  return good ? survey : look_at(folder, first);
}

/// Calls `each` with every segment and the first offset of the next one, or kAll. A segment that is trimmed
/// meanwhile is passed over.
template <typename Each>
Result<void> for_each_segment(const std::filesystem::path& folder, const Each& each) {
  const auto segments = list_segments(folder);
  if (!segments) return Failure(segments.error());
  for (auto segment = segments->begin(); segment != segments->end(); ++segment) {
    const auto following = std::next(segment);
    const Result<void> done =
        each(segment->first, segment->second, following == segments->end() ? kAll : following->first);
    if (done) continue;
    const auto now = list_segments(folder);
    if (!now || now->contains(segment->first)) return done;
  }
  return {};
}

std::string file_of(std::uint64_t first) { return journal::segment_path("", first).string(); }

int finish(const Result<void>& done, int code = kExitDone) {
  if (!done) {
    spdlog::error("{}", done.error());
    return kExitFailed;
  }
  if (std::fflush(stdout) == 0) return code;
  spdlog::error("{}", describe_errno("cannot write to", "standard output"));
  return kExitFailed;
}

int list(const std::filesystem::path& folder, bool json) {
  ordered_json segments = ordered_json::array();
  std::uint64_t bytes_of_all = 0;
  const auto done = for_each_segment(folder, [&](auto first, auto bytes, auto following) -> Result<void> {
    // Only of the newest does the list of files not say how many there are.
    const auto survey = look_at(folder, first, following == kAll ? kAll : first + 1);
    if (!survey) return Failure(survey.error());
    bytes_of_all += bytes;
    segments.push_back(
        {{"first", first},
         {"end", following == kAll ? survey->end : following},
         {"bytes", bytes},
         {"arrival", survey->arrival ? ordered_json(to_rfc3339(*survey->arrival)) : ordered_json()},
         {"file", file_of(first)}});
    return {};
  });
  if (!done) return finish(done);
  const std::uint64_t first = segments.empty() ? 0 : segments.front()["first"].get<std::uint64_t>();
  const std::uint64_t end = segments.empty() ? 0 : segments.back()["end"].get<std::uint64_t>();
  if (json) {
    const ordered_json all{{"folder", folder.string()},
                           {"first", first},
                           {"end", end},
                           {"bytes", bytes_of_all},
                           {"segments", segments}};
    fmt::print("{}\n", all.dump());
    return finish({});
  }
  fmt::print("{:>14} {:>10} {:>12}  {:<28} {}\n", "first offset", "records", "bytes", "first arrival",
             "file");
  for (const auto& segment : segments) {
    const auto from = segment["first"].get<std::uint64_t>();
    fmt::print("{:>14} {:>10} {:>12}  {:<28} {}\n", from, segment["end"].get<std::uint64_t>() - from,
               segment["bytes"].get<std::uint64_t>(),
               segment["arrival"].is_null() ? "-" : segment["arrival"].get<std::string>(),
               segment["file"].get<std::string>());
  }
  fmt::print("{} segments in '{}': offsets {} to before {}, {} bytes\n", segments.size(), folder.string(),
             first, end, bytes_of_all);
  return finish({});
}

/// What check finds, as text and as JSON.
class Findings {
 public:
  void add(const Survey& survey, std::uint64_t following) {
    ++segments_;
    records_ += survey.records;
    end_ = survey.end;
    const std::string file = file_of(survey.first);
    if (!survey.has_header) note(file, 0, journal::kHeaderSize, {}, "the header is not that of this segment");
    for (const JournalDamage& damage : survey.damage)
      note(file, damage.position, damage.bytes, {damage.first, damage.end}, "damaged");
    const bool is_newest = following == kAll;
    const Offsets missing{survey.end, is_newest ? survey.end : following};
    if (survey.tail.bytes > 0 && (survey.tail.records > 0 || !is_newest)) {
      note(file, survey.position, survey.tail.bytes, missing, "damaged to its end");
    } else if (missing.first < missing.second) {
      note(file, survey.position, 0, missing, "missing behind this segment");
    }
    if (is_newest && survey.tail.bytes > 0 && survey.tail.records == 0) interrupted_ = survey.tail.bytes;
  }

  int print(const std::filesystem::path& folder, bool json) const {
    if (json) {
      const ordered_json all{{"folder", folder.string()},
                             {"segments", segments_},
                             {"records", records_},
                             {"end", end_},
                             {"lost", lost_},
                             {"interrupted_bytes", interrupted_},
                             {"problems", problems_}};
      fmt::print("{}\n", all.dump());
    } else {
      fmt::print("{}{} segments in '{}': {} records are whole, {} are gone; the next offset is {}\n", text_,
                 segments_, folder.string(), records_, lost_, end_);
      if (interrupted_ > 0)
        fmt::print(
            "an append is under way, or the last one was interrupted: {} bytes that nobody acknowledged\n",
            interrupted_);
    }
    return finish({}, problems_.empty() ? kExitDone : kExitFailed);
  }

 private:
  using Offsets = std::pair<std::uint64_t, std::uint64_t>;

  void note(const std::string& file, std::uint64_t position, std::uint64_t bytes, const Offsets& gone,
            std::string_view what) {
    const std::uint64_t lost = gone.second - gone.first;
    lost_ += lost;
    problems_.push_back(
        {{"file", file}, {"what", what}, {"position", position}, {"bytes", bytes}, {"lost", lost}});
    if (lost > 0) {
      problems_.back()["first"] = gone.first;
      problems_.back()["end"] = gone.second;
    }
    text_ += fmt::format("{}: {}", file, what);
    if (bytes > 0) text_ += fmt::format(", {} bytes from byte {} on", bytes, position);
    if (lost > 0) text_ += fmt::format(": offsets {} to {} are gone", gone.first, gone.second - 1);
    text_ += '\n';
  }

  std::uint64_t segments_ = 0, records_ = 0, end_ = 0, lost_ = 0, interrupted_ = 0;
  ordered_json problems_ = ordered_json::array();
  std::string text_;
};

int check(const std::filesystem::path& folder, bool json) {
  Findings findings;
  const auto done = for_each_segment(folder, [&](auto first, auto /*bytes*/, auto following) -> Result<void> {
    const auto survey = look_closely_at(folder, first);
    if (!survey) return Failure(survey.error());
    findings.add(*survey, following);
    return {};
  });
  return done ? findings.print(folder, json) : finish(done);
}

void add_configuration(ordered_json& line, std::string_view payload) {
  const auto sources = sources_from_json(payload);
  if (!sources) return add_payload(line, payload);
  line["files"] = ordered_json::array();
  for (const auto& [name, text] : sources->files) line["files"].push_back({{"name", name}, {"text", text}});
}

ordered_json line_of(const journal::Record& record) {
  ordered_json line{{"offset", record.offset}, {"arrival", to_rfc3339(record.message.arrival)}};
  if (record.kind != journal::Kind::message) {
    line["kind"] = kKinds.at(static_cast<std::size_t>(record.kind) - 1);
    line["connected_s"] = std::chrono::duration<double>(record.stamp.connected).count();
    line["trusted"] = record.stamp.trusted;
    if (record.message.retain) line["resumed"] = true;
    if (record.kind == journal::Kind::configuration) add_configuration(line, record.message.payload);
    return line;
  }
  line["topic"] = record.message.topic;
  add_payload(line, record.message.payload);
  line["retain"] = record.message.retain;
  if (record.message.cut) line["cut"] = true;
  return line;
}

int dump(const std::filesystem::path& folder, std::uint64_t from, std::uint64_t to) {
  std::optional<std::uint64_t> expected;
  const auto done = for_each_segment(folder, [&](auto first, auto /*bytes*/, auto following) -> Result<void> {
    if (following <= from || first >= to) return {};
    auto segment = SegmentReader::open(folder, first);
    if (!segment) return Failure(segment.error());
    while (true) {
      const auto record = segment->next(to);
      if (!record) return Failure(record.error());
      if (!*record) return {};
      const std::uint64_t offset = (*record)->offset;
      if (offset < from) continue;
      if (expected && offset > *expected)
        spdlog::warn("offsets {} to {} are damaged or missing", *expected, offset - 1);
      expected = offset + 1;
      const std::string line = line_of(**record).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
      if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fputc('\n', stdout) == EOF)
        return Failure(describe_errno("cannot write to", "standard output"));
    }
  });
  return finish(done);
}

}  // namespace

int journal_command(const std::filesystem::path& folder, const JournalCommandOptions& options) {
  if (options.action == "check") return check(folder, options.json);
  if (options.action == "dump") {
    if (options.to > options.from) return dump(folder, options.from, options.to);
    fmt::print(stderr, "lookout-gateway: --to {} is not above --from {}: nothing lies between\n", options.to,
               options.from);
    return kExitUsage;
  }
  return list(folder, options.json);
}

}  // namespace lookout
