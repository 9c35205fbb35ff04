#include "tests/fault/acknowledged.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <sstream>
#include <unordered_set>

#include "tests/fault/check_whole.h"
#include "tests/support/wait.h"

namespace lookout::test {
namespace {

TcpProxy::Tap both(TcpProxy::Tap first, TcpProxy::Tap second) {
  if (!first) return second;
  return
      [first = std::move(first), second = std::move(second)](std::size_t connection, std::string_view bytes) {
        first(connection, bytes);
        second(connection, bytes);
      };
}

std::uint64_t sum_of(const std::map<std::string, std::uint64_t>& gaps) {
  return std::accumulate(gaps.begin(), gaps.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& gap) { return sum + gap.second; });
}

std::uint64_t total(const Contents& contents) {
  return std::accumulate(contents.begin(), contents.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& content) { return sum + content.second; });
}

Batch batch_of(const Journaled& journaled) {
  Batch batch = Site::empty_batch();
  for (const LedgerEntry& reading : journaled.readings) batch.add(reading);
  return batch;
}

// Until the gateway has taken, and computed, all that the broker has for it, and has said so in statistics.
void await_rest(Site& site, const PubackCounter& pubacks) {
  using namespace std::chrono_literals;
  constexpr unsigned kEnough = 2;  // 2.5 s apart
  std::uint64_t seen = 0;
  const bool done = wait_until(
      [&] {
        const std::uint64_t stats = site.look().stats_seen();
        if (pubacks.quiet_answers() < kEnough) seen = stats;
        return stats > seen && site.look().stats()["lag"]["records"] == 0;
      },
      180s);
  REQUIRE(done);
}

struct Archived {
  Contents contents;
  std::uint64_t first_offset = 0, messages = 0, end_offset = 0;
};

Archived read_archive(const Site& site) {
  const auto exported = run({program("bridge"), "export", "--config", site.box.config(), "--kind", "messages",
                             "--format", "ndjson"});
  if (exported.code != 0) throw std::runtime_error("export: " + exported.err);
  Archived archived;
  std::istringstream lines(exported.out);
  for (std::string line; std::getline(lines, line);) {
    const auto message = nlohmann::json::parse(line);
    const std::uint64_t offset = message["offset"];
    if (archived.messages++ == 0) archived.first_offset = offset;
    archived.end_offset = offset + 1;
    ++archived
          .contents[content_of(message["topic"].get<std::string>(), message["payload"].get<std::string>())];
  }
  return archived;
}

}  // namespace

void tap(SiteOptions& options, PubackCounter& pubacks) {
  options.tap = both(std::move(options.tap), [&](std::size_t connection, std::string_view bytes) {
    pubacks.take(connection, bytes);
  });
  options.tap_down = both(std::move(options.tap_down), [&](std::size_t connection, std::string_view bytes) {
    pubacks.take_delivered(connection, bytes);
  });
}

Loss check_what_was_acknowledged(Site& site, const std::filesystem::path& state, const PubackCounter& pubacks,
                                 const std::string& what) {
  await_rest(site, pubacks);
  const Contents acknowledged = pubacks.acknowledged();
  const Journaled journaled = read_journaled(state);
  const Batch batch = batch_of(journaled);
  const LedgerReport report = site.settle(batch);
  const Loss loss = find_loss(site.box.ledger(), journaled.readings);
  check_whole(
      report,
      fmt::format("{}; {} readings acknowledged by the broker, {} lost by it, and with them {} numbers, "
                  "{} of them at the edges; {} PUBACKs of the gateway, {} records",
                  what, site.load.acknowledged(), loss.readings, loss.numbers, loss.at_edges,
                  total(acknowledged), journaled.messages));
  CHECK(total(acknowledged) > 0);
  CHECK(count_beyond(acknowledged, journaled.contents) == 0);
  CHECK(site.look().seq_gaps() == batch.seq_gaps("s"));
  CHECK(gaps_in_books(site.box) == loss.gaps);
  CHECK(sum_of(loss.gaps) + loss.at_edges == loss.numbers);
  return loss;
}

std::uint64_t check_archive(const Site& site, const PubackCounter& pubacks, bool may_evict) {
  const Contents acknowledged = pubacks.acknowledged();
  CHECK(total(acknowledged) > 0);
  Archived all;
  std::uint64_t missing = 0;
  // A look at a million messages takes a while, and so may the archive to take them.
  wait_until(
      [&] {
        all = read_archive(site);
        return (missing = count_beyond(acknowledged, all.contents)) <= all.first_offset;
      },
      std::chrono::seconds{180});
  const std::uint64_t evicted = all.first_offset;
  CHECK((may_evict || evicted == 0));
  CHECK(missing <= evicted);
  CHECK((evicted == 0 || all.end_offset - evicted == all.messages));
  std::unordered_set<std::string> archived;
  std::uint64_t doubled = 0;
  for (const LedgerEntry& reading : site.archived())
    doubled += archived.insert(key_of(reading)).second ? 0 : 1;
  CHECK(doubled == 0);
  std::uint64_t expected = 0, lost = 0;
  for (const LedgerEntry& reading : read_ledger(site.box.ledger())) {
    ++expected;
    if (!archived.contains(key_of(reading))) ++lost;
  }
  CHECK(archived.size() + lost == expected);  // and nothing that no sensor sent
  std::cout << fmt::format("archived {} of {} readings, each once", archived.size(), expected) << std::endl;
  return lost - std::min(lost, evicted);
}

}  // namespace lookout::test
