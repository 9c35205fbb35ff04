#pragma once

#include <string_view>

namespace lookout {

/// Stands for "the whole network" where a group's name is expected; therefore no captured name may be `_all`.
inline constexpr std::string_view kAllGroup = "_all";

/// The window of the bridge's daily summary; therefore no configured one may be called so.
inline constexpr std::string_view kDayWindow = "day";

/// A name as it may stand in topics, ids and labels: [A-Za-z0-9_.:-]{1,64}, and not `_all`.
bool is_valid_name(std::string_view name);

/// What is accepted as a name, for error messages.
inline constexpr std::string_view kNameRule = "1 to 64 of A-Z a-z 0-9 _ . : - (and not _all)";

}  // namespace lookout
