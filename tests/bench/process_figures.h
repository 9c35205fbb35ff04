#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace lookout::bench {

/// What the kernel says that a process has used since it began, all its threads together.
struct ProcessFigures {
  double cpu_s = 0;
  double peak_rss_mb = 0;  ///< VmHWM, in units of 10^6 bytes
  double wchar = 0;        ///< bytes given to write calls, sockets included
  double write_bytes = 0;  ///< bytes of pages made dirty: what a disk is asked to store
};
ProcessFigures figures_of(pid_t pid);

double median(std::vector<double> values);

/// Has the box believe its clock, whatever the kernel says: a container's kernel often says nothing.
void trust_clock(const std::filesystem::path& config);

}  // namespace lookout::bench
