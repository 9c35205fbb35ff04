#pragma once

#include <string_view>

#include "common/result.h"

namespace lookout {

/// Whether a text is a JSON pointer (RFC 6901); fails with what is accepted.
Result<void> check_json_pointer(std::string_view text);

}  // namespace lookout
