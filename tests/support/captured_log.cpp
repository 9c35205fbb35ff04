#include "tests/support/captured_log.h"

#include <spdlog/sinks/dist_sink.h>
#include <spdlog/spdlog.h>

#include "tests/support/text.h"

namespace lookout::test {
namespace {

using Fork = spdlog::sinks::dist_sink_mt;

std::shared_ptr<Fork> add_fork() {
  auto fork = std::make_shared<Fork>();
  spdlog::default_logger()->sinks().push_back(fork);
  return fork;
}

// Before main(), while there is one thread.
const std::shared_ptr<Fork> fork_of_log = add_fork();

}  // namespace

CapturedLog::CapturedLog() : sink_(std::make_shared<Sink>(1000)) { fork_of_log->add_sink(sink_); }

CapturedLog::~CapturedLog() { fork_of_log->remove_sink(sink_); }

std::string CapturedLog::text() const {
  std::string text;
  for (const auto& line : sink_->last_raw()) text.append(line.payload.data(), line.payload.size()) += '\n';
  return text;
}

std::size_t CapturedLog::count(std::string_view word) const { return occurrences(text(), word); }

}  // namespace lookout::test
