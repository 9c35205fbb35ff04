#pragma once

#include <chrono>
#include <functional>

namespace lookout::test {

/// Polls until the condition holds or the deadline passes; whether it holds. What tests use in place of
/// sleeping.
bool wait_until(const std::function<bool()>& condition,
                std::chrono::seconds patience = std::chrono::seconds{30});

}  // namespace lookout::test
