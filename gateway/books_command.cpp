#include "gateway/books_command.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <tuple>

#include "common/exit_code.h"
#include "common/file.h"
#include "common/journal_segment.h"
#include "gateway/snapshot.h"
#include "gateway/stats.h"

namespace lookout {
namespace {

using nlohmann::ordered_json;

/// Where the account stands.
struct Standing {
  Machine machine;
  std::uint64_t offset = 0;  // of the record to come
  Timestamp arrival{};       // of the last record
};

// Without a snapshot the journal's first record says under which configuration it was written.
Result<Standing> begin(const std::filesystem::path& folder) {
  if (auto restored = SnapshotStore(folder).read_newest("books"))
    return Standing{std::move(restored->machine), restored->head.offset};
  auto machine = Machine::create({}, "books");
  if (!machine) return Failure(machine.error()[0].text());
  return Standing{std::move(*machine)};
}

Result<void> read_segment(const std::filesystem::path& folder, std::uint64_t first, std::uint64_t end,
                          Standing& standing) {
  auto segment = SegmentReader::open(folder, first);
  if (!segment) return Failure(segment.error());
  std::vector<Output> outputs;
  while (true) {
    const auto record = segment->next(end);
    if (!record) return Failure(record.error());
    if (!*record) return {};
    if ((*record)->offset < standing.offset) continue;
    standing.machine.step(**record, outputs);
    standing.offset = (*record)->offset + 1;
    standing.arrival = (*record)->message.arrival;
  }
}

Result<Standing> read(const std::filesystem::path& folder) {
  auto standing = begin(folder);
  if (!standing) return standing;
  const auto segments = list_segments(folder / "journal");
  if (!segments) return Failure(segments.error());
  for (auto segment = segments->begin(); segment != segments->end(); ++segment) {
    const auto following = std::next(segment);
    const std::uint64_t end =
        following == segments->end() ? std::numeric_limits<std::uint64_t>::max() : following->first;
    if (end <= standing->offset) continue;
    if (auto done = read_segment(folder / "journal", segment->first, end, *standing); !done)
      return Failure(done.error());
  }
  return standing;
}

struct Gap {
  const Series* names;
  std::uint64_t missing;
};

std::vector<Gap> largest_first(const Machine& machine) {
  std::vector<Gap> gaps;
  machine.seqs().for_each_gap(
      [&](SeriesId id, std::uint64_t missing) { gaps.push_back({&machine.series()[id], missing}); });
  std::ranges::sort(gaps, [](const Gap& a, const Gap& b) {
    const auto names = [](const Gap& gap) {
      return std::tie(gap.names->network, gap.names->region, gap.names->sensor);
    };
    return a.missing != b.missing ? a.missing > b.missing : names(a) < names(b);
  });
  return gaps;
}

std::string text_of(const Standing& standing, const std::vector<Gap>& gaps) {
  const Books& books = standing.machine.books();
  std::string text =
      fmt::format("received   {:>12}  up to offset {} of the journal", books.received, standing.offset);
  text += standing.offset == 0 ? "\n" : fmt::format(", {}\n", to_rfc3339(standing.arrival));
  text += fmt::format("accepted   {:>12}\nduplicate  {:>12}\nlate       {:>12}\nrejected   {:>12}\n",
                      books.accepted, books.duplicate, books.late, books.all_rejected());
  for (std::size_t i = 0; i < books.rejected.size(); ++i) {
    if (books.rejected[i] > 0) text += fmt::format("  {:<15}{:>6}\n", kReasonNames[i], books.rejected[i]);
  }
  text +=
      books.balance() ? "received = accepted + duplicate + late + rejected\n" : "THE BOOKS DO NOT BALANCE\n";
  if (gaps.empty()) return text + "no number missing in any sensor's seq\n";
  text += fmt::format("{} numbers missing in the seq of {} sensors\n", standing.machine.seqs().gaps(),
                      gaps.size());
  for (const auto& [names, missing] : gaps)
    text += fmt::format("  {}/{}/{}  {}\n", names->network, names->region, names->sensor, missing);
  return text;
}

ordered_json json_of(const Standing& standing, const std::vector<Gap>& gaps) {
  ordered_json json{
      {"offset", standing.offset},
      {"arrival", standing.offset == 0 ? ordered_json() : ordered_json(to_rfc3339(standing.arrival))},
      {"books", books_json(standing.machine.books())},
      {"balance", standing.machine.books().balance()},
      {"seq_gaps", ordered_json::array()}};
  for (const auto& [names, missing] : gaps) {
    json["seq_gaps"].push_back({{"network", names->network},
                                {"region", names->region},
                                {"sensor", names->sensor},
                                {"missing", missing}});
  }
  return json;
}

}  // namespace

int books_command(const std::filesystem::path& folder, bool json) {
  std::optional<Result<Standing>> standing(read(folder));
  // A gateway may have trimmed the journal behind our back: then there is a newer snapshot.
  if (!*standing) standing.emplace(read(folder));
  if (!*standing) {
    spdlog::error("{}", standing->error());
    return kExitFailed;
  }
  const Standing& now = **standing;
  const auto gaps = largest_first(now.machine);
  const std::string text = json ? json_of(now, gaps).dump() + '\n' : text_of(now, gaps);
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    spdlog::error("{}", describe_errno("cannot write to", "standard output"));
    return kExitFailed;
  }
  return now.machine.books().balance() ? kExitDone : kExitFailed;
}

}  // namespace lookout
