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
Result<Standing> begin(const std::filesystem::path& folder, const Config& config) {
  if (auto restored = SnapshotStore(folder).read_newest("books"))
    return Standing{std::move(restored->machine), restored->head.offset};
  auto machine = Machine::create(config, "books");
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

Result<Standing> read(const std::filesystem::path& folder, const Config& config) {
  auto standing = begin(folder, config);
  if (!standing) return standing;
  const auto segments = list_segments(folder / "journal");
  if (!segments) return Failure(segments.error());
  if (!segments->empty() && segments->begin()->first > standing->offset)
    spdlog::warn(
        "there is no snapshot of offset {}, where the journal begins: what came before is not counted",
        segments->begin()->first);
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

/// A sensor whose numbers are not all there, or not all its own.
struct Fault {
  const Series* names;
  std::uint64_t missing, conflicts;
};

// Of what `figure` counts, the largest first.
std::vector<Fault> largest_first(const Machine& machine, std::uint64_t Fault::* figure) {
  std::vector<Fault> faults;
  machine.seqs().for_each_fault([&](SeriesId id, std::uint64_t missing, std::uint64_t conflicts) {
    const Fault fault{&machine.series()[id], missing, conflicts};
    if (fault.*figure > 0) faults.push_back(fault);
  });
  std::ranges::sort(faults, [&](const Fault& a, const Fault& b) {
    const auto names = [](const Fault& fault) {
      return std::tie(fault.names->network, fault.names->region, fault.names->sensor);
    };
    return a.*figure != b.*figure ? a.*figure > b.*figure : names(a) < names(b);
  });
  return faults;
}

std::string text_of(const std::vector<Fault>& faults, std::uint64_t Fault::* figure) {
  std::string text;
  for (const Fault& fault : faults) {
    text += fmt::format("  {}/{}/{}  {}\n", fault.names->network, fault.names->region, fault.names->sensor,
                        fault.*figure);
  }
  return text;
}

ordered_json json_of(const std::vector<Fault>& faults, const char* name, std::uint64_t Fault::* figure) {
  auto json = ordered_json::array();
  for (const Fault& fault : faults) {
    json.push_back({{"network", fault.names->network},
                    {"region", fault.names->region},
                    {"sensor", fault.names->sensor},
                    {name, fault.*figure}});
  }
  return json;
}

std::string text_of(const Standing& standing) {
  const Machine& machine = standing.machine;
  const Books& books = machine.books();
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
  const auto gaps = largest_first(machine, &Fault::missing);
  text += gaps.empty() ? "no number missing in any sensor's seq\n"
                       : fmt::format("{} numbers missing in the seq of {} sensors\n", machine.seqs().gaps(),
                                     gaps.size());
  text += text_of(gaps, &Fault::missing);
  const auto conflicts = largest_first(machine, &Fault::conflicts);
  if (!conflicts.empty())
    text += fmt::format(
        "readings with the seq of the one before, and something else in them: {} (all are taken)\n",
        machine.seqs().conflicts());
  return text + text_of(conflicts, &Fault::conflicts);
}

ordered_json json_of(const Standing& standing) {
  const Machine& machine = standing.machine;
  return {
      {"offset", standing.offset},
      {"arrival", standing.offset == 0 ? ordered_json() : ordered_json(to_rfc3339(standing.arrival))},
      {"books", books_json(machine.books())},
      {"balance", machine.books().balance()},
      {"seq_gaps", json_of(largest_first(machine, &Fault::missing), "missing", &Fault::missing)},
      {"seq_conflicts", json_of(largest_first(machine, &Fault::conflicts), "conflicts", &Fault::conflicts)}};
}

}  // namespace

int books_command(const Config& config, bool json) {
  const std::filesystem::path folder = config.state / "gateway";
  std::optional<Result<Standing>> standing(read(folder, config));
  // A gateway may have trimmed the journal behind our back: then there is a newer snapshot.
  if (!*standing) standing.emplace(read(folder, config));
  if (!*standing) {
    spdlog::error("{}", standing->error());
    return kExitFailed;
  }
  const Standing& now = **standing;
  const std::string text = json ? json_of(now).dump() + '\n' : text_of(now);
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    spdlog::error("{}", describe_errno("cannot write to", "standard output"));
    return kExitFailed;
  }
  return now.machine.books().balance() ? kExitDone : kExitFailed;
}

}  // namespace lookout
