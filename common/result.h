#pragma once

#include <expected>
#include <string>

namespace lookout {

/// An expected failure is a value: a sentence a person can act on.
template <typename T>
using Result = std::expected<T, std::string>;

using Failure = std::unexpected<std::string>;

}  // namespace lookout
