#pragma once

#include <string>
#include <vector>

#include "tests/fault/journaled.h"
#include "tests/fault/puback_counter.h"
#include "tests/fault/site.h"

namespace lookout::test {

/// Lets the counter see both ways of the site's connections, beside those that see them already.
void tap(SiteOptions& options, PubackCounter& pubacks);

/// Mosquitto acknowledges before it saves: what it loses is measured. What the gateway has acknowledged is
/// promised. Checks that each message whose PUBACK went by is in its journal, content for content; that its
/// results are those of a batch over the journal; and that its books miss the numbers that the broker lost,
/// no more and no fewer. Prints the figures; returns what the broker lost. `state`: the gateway's journal,
/// from its beginning.
Loss check_what_was_acknowledged(Site& site, const std::filesystem::path& state, const PubackCounter& pubacks,
                                 const std::string& what);

/// The same of the bridge and its archive: each message acknowledged is archived, and each reading of the
/// ledger is, once, but for those that the broker lost. Returns how many these are. Where the disk was full
/// the oldest may have made room, `may_evict`: then from the first offset on there is no hole, no more are
/// missing than lie below it, and so many of the readings do not count as lost.
std::uint64_t check_archive(const Site& site, const PubackCounter& pubacks, bool may_evict = false);

}  // namespace lookout::test
