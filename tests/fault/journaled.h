#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/fault/contents.h"
#include "tests/support/box.h"
#include "tests/support/ledger_check.h"

namespace lookout::test {

/// What a program has recorded of the sensors' messages, read from its journal.
struct Journaled {
  std::uint64_t messages = 0;           ///< repeats included
  Contents contents{};                  ///< of them
  std::vector<LedgerEntry> readings{};  ///< each once
};
/// `state`: a program's own folder. The program may run, but must have nothing to do.
Journaled read_journaled(const std::filesystem::path& state);

/// Of each topic the messages in the journal, whatever is in them.
std::map<std::string, std::uint64_t> count_journaled_by_topic(const std::filesystem::path& state);

/// What tells readings of one run of the simulator apart.
std::string key_of(const LedgerEntry& reading);

/// What of the ledger is not among the readings recorded: the broker lost it, where nobody else did. A sensor
/// counts its rounds, and all its readings of a round have its number.
struct Loss {
  std::uint64_t readings = 0;
  std::uint64_t numbers = 0;   ///< of which no reading is left, of all sensors
  std::uint64_t at_edges = 0;  ///< of these, before the first or behind the last that is left of its sensor
  std::map<std::string, std::uint64_t> gaps{};  ///< numbers missing between the first and the last, by sensor
};
Loss find_loss(const std::filesystem::path& ledger, const std::vector<LedgerEntry>& recorded);

/// The gaps that the gateway's books name, by sensor.
std::map<std::string, std::uint64_t> gaps_in_books(const Box& box);

/// Keeps every segment of a journal that is trimmed meanwhile, as further links to it.
class JournalKeeper {
 public:
  explicit JournalKeeper(const std::filesystem::path& state);
  JournalKeeper(const JournalKeeper&) = delete;
  JournalKeeper& operator=(const JournalKeeper&) = delete;
  ~JournalKeeper();
  /// A folder to read_journaled().
  [[nodiscard]] const std::filesystem::path& state();

 private:
  void link_new();
  const std::filesystem::path from_, to_;
  std::mutex mutex_;
  std::jthread thread_;
};

}  // namespace lookout::test
