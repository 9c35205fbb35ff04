#pragma once

#include <cstdint>
#include <string_view>

#include "common/result.h"

namespace lookout {

/// "64 KiB" "16MiB" "1 GiB" or a bare number of bytes.
Result<std::uint64_t> parse_byte_size(std::string_view text);

}  // namespace lookout
