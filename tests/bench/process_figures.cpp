#include "tests/bench/process_figures.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/support/temp_folder.h"

namespace lookout::bench {
namespace {

// "name: value" lines, as in /proc/PID/io and status.
double value_of(const std::string& file, const std::string& name) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    double value = 0;
    if (word == name && in >> value) return value;
  }
  return 0;
}

}  // namespace

ProcessFigures figures_of(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}/", pid);
  ProcessFigures figures;
  figures.peak_rss_mb = value_of(folder + "status", "VmHWM:") * 1024 / 1e6;
  figures.wchar = value_of(folder + "io", "wchar:");
  figures.write_bytes = value_of(folder + "io", "write_bytes:");
  // The program's name may hold spaces: the fields are counted from its closing bracket.
  std::string stat = test::slurp(folder + "stat");
  std::istringstream in(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) in >> skipped;
  double user = 0, system = 0;
  in >> user >> system;
  figures.cpu_s = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return figures;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

void trust_clock(const std::filesystem::path& config) {
  const auto folder = config.parent_path() / "conf.d";
  std::filesystem::create_directories(folder);
  test::spit(folder / "clock.toml", "[box]\nclock = \"trusted\"\n");
}

}  // namespace lookout::bench
