#include "common/running_mark.h"

#include <utility>

#include "common/file.h"

namespace lookout {

std::string RunningMark::kernel_boot() { return read_file("/proc/sys/kernel/random/boot_id").value_or(""); }

RunningMark::RunningMark(const std::filesystem::path& folder, std::string boot)
    : file_(folder / "running"), boot_(std::move(boot)) {
  const auto before = read_file(file_);
  was_cut_ = before && !before->empty() && !boot_.empty() && *before != boot_;
  is_set_ = before && *before == boot_;
}

Result<void> RunningMark::set() {
  if (is_set_) return {};
  auto done = replace_or_write_over(file_, boot_, true);  // half of it is that of no boot, and says the same
  is_set_ = done.has_value();
  return done;
}

void RunningMark::clear() const {
  std::error_code error;
  std::filesystem::remove(file_, error);  // what stays costs a warning at the next start
}

}  // namespace lookout
