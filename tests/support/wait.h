#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

namespace lookout::test {

/// Polls until the condition holds or the deadline passes; whether it holds. What tests use in place of
/// sleeping.
bool wait_until(const std::function<bool()>& condition,
                std::chrono::seconds patience = std::chrono::seconds{30});

/// Waits until `count` has come to `all`, as long as it grows within 30 s: under a sanitizer, beside other
/// tests, all of it may take longer than one thing is waited for.
bool wait_for_all(const std::function<std::size_t()>& count, std::size_t all);

}  // namespace lookout::test
