#pragma once

#include <array>
#include <cstdint>
#include <numeric>

#include "common/reading.h"

namespace lookout {

/// The account of readings, which balances: received = accepted + duplicate + rejected + late. An undecodable
/// message counts as one rejected.
struct Books {
  std::uint64_t received = 0, accepted = 0, duplicate = 0, late = 0;
  std::array<std::uint64_t, kReasonNames.size()> rejected{};  ///< by Reason
  std::uint64_t corrected = 0;            ///< accepted ones that came after a window of theirs had closed
  std::uint64_t refused = 0;              ///< refusals by single windows of readings that another one took
  std::uint64_t windows_full = 0;         ///< readings that a window refused because it held too many windows
  std::uint64_t watermarks_set_back = 0;  ///< how often time proved to have run ahead
  std::uint64_t retained_ignored =
      0;  ///< retained messages without identity: not received in the sense above

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(received, accepted, duplicate, late, rejected, corrected, refused, windows_full,
            watermarks_set_back, retained_ignored);
  }
  [[nodiscard]] bool balance() const { return received == accepted + duplicate + all_rejected() + late; }
  [[nodiscard]] std::uint64_t all_rejected() const {
    return std::accumulate(rejected.begin(), rejected.end(), std::uint64_t{0});
  }
};

}  // namespace lookout
