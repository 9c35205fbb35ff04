#include "simulator/ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <utility>

namespace lookout {
namespace {

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::create(const std::filesystem::path& path,
                                               const Catalogue& catalogue) {
  auto file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return Failure(file.error());
  return std::unique_ptr<Ledger>(new Ledger(std::move(*file), path, catalogue));
}

void Ledger::expect(const Sample& sample) {
  const std::lock_guard lock(mutex_);
  expected_.push_back(sample);
}

void Ledger::acknowledge(Timestamp when) {
  const std::lock_guard lock(mutex_);
  append(expected_.front(), when);
  expected_.pop_front();
}

void Ledger::append(const Sample& sample, Timestamp acked) {
  const Catalogue::Sensor& sensor = catalogue_.sensors[sample.sensor];
  for (const Sample::Value& value : sample.values) {
    fmt::format_to(std::back_inserter(lines_),
                   R"({{"network":"{}","region":"{}","sensor":"{}","metric":"{}","event_time":"{}",)"
                   R"("value":{},"seq":{},"acked":"{}"}})"
                   "\n",
                   catalogue_.network, sensor.region, sensor.name, catalogue_.metrics[value.metric].name,
                   to_rfc3339(sample.event_time), value.number, sample.seq, to_rfc3339(acked));
  }
}

Result<void> Ledger::flush() {
  const std::lock_guard one_writer(writing_);
  std::string lines;
  {
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
  }
  if (state_ && !write_all(file_.get(), lines))
    state_ = Failure(describe_errno("cannot write the ledger", path_));
  return state_;
}

}  // namespace lookout
