#pragma once

#include <string_view>

namespace lookout {

/// Messages of the past come back under it, and so do their results: replay/{job}/... (docs/replay.md).
inline constexpr std::string_view kReplayPrefix = "replay/";

inline bool is_replay(std::string_view topic) { return topic.starts_with(kReplayPrefix); }

}  // namespace lookout
