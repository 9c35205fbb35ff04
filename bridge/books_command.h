#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bridge/archive/archive_failure.h"
#include "bridge/kafka/kafka_cursor.h"

namespace lookout {

/// What became of the messages that were to be forwarded, each figure counted by itself: in Kafka by the
/// forwarder, with each transaction; the others in the archive's files.
struct ForwardBooks {
  std::uint64_t offsets = 0;    ///< given out since forwarding began
  std::uint64_t forwarded = 0;  ///< messages in Kafka
  std::uint64_t pending = 0;    ///< messages in the archive behind the cursor
  std::uint64_t evicted = 0;    ///< that retention took before they were forwarded
  std::uint64_t lost = 0;       ///< in damaged files, or that the journal's end had lost
  /// Files that cannot be read, each with a sentence: what they hold is unaccounted for.
  std::vector<std::string> passed_over{};

  /// offsets - forwarded - pending - evicted - lost: 0, while nobody writes.
  [[nodiscard]] std::int64_t difference() const {
    return static_cast<std::int64_t>(offsets - forwarded - pending - evicted - lost);
  }
};

ArchiveResult<ForwardBooks> count_books(const std::filesystem::path& archive, const KafkaCursor& cursor);
/// The same where nothing was ever forwarded: `pending` is what the archive holds, `evicted` what came
/// before that, which retention notes nowhere.
ArchiveResult<ForwardBooks> count_books(const std::filesystem::path& archive);

/// Prints the account of a bridge in this folder, also while it runs. Returns the exit code: 1 where the
/// account does not balance, or a file could not be read.
int books_command(const std::filesystem::path& folder, bool json);

}  // namespace lookout
