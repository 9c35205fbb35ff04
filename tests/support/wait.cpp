#include "tests/support/wait.h"

#include <thread>

namespace lookout::test {

bool wait_until(const std::function<bool()>& condition, std::chrono::seconds patience) {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

}  // namespace lookout::test
