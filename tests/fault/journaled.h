#pragma once

#include <filesystem>

#include "tests/support/ledger_check.h"

namespace lookout::test {

/// What a program has recorded of the sensors' messages, read from its journal.
struct Journaled {
  std::uint64_t messages = 0;           ///< repeats included
  std::vector<LedgerEntry> readings{};  ///< each once
};
/// `state`: a program's own folder. The program may run, but must have nothing to do.
Journaled read_journaled(const std::filesystem::path& state);

/// Readings of the ledger that are not among those recorded.
std::uint64_t count_missing(const std::filesystem::path& ledger, const Journaled& journaled);

}  // namespace lookout::test
