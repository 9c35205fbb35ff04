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

bool wait_for_all(const std::function<std::size_t()>& count, std::size_t all) {
  for (std::size_t seen = count(); seen < all;) {
    const std::size_t before = seen;
    if (!wait_until([&] { return (seen = count()) > before; })) return false;
  }
  return true;
}

}  // namespace lookout::test
