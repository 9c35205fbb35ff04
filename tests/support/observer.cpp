#include "tests/support/observer.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "tests/support/wait.h"

namespace lookout::test {
namespace {

constexpr const char* kProbe = "test/probe";

std::vector<std::string> command_for(const Broker& broker, const std::vector<std::string>& filters) {
  // Line buffered: retained or not, topic, payload; payloads are JSON, which has no line ends of its own
  // here.
  std::vector<std::string> command{"stdbuf", "-oL", "mosquitto_sub", "-p", broker.port_text(), "-q", "1",
                                   "-c",     "-i",  "test-observer", "-F", "%r %t %p",         "-t", kProbe};
  for (const std::string& filter : filters) command.insert(command.end(), {"-t", filter});
  return command;
}

}  // namespace

Observer::Observer(const Broker& broker, const std::vector<std::string>& filters)
    : broker_(broker), process_(command_for(broker, filters), {folder_ / "out", folder_ / "err"}) {
  wait_until([&] { return std::filesystem::exists(folder_ / "out"); });
  await();
}

void Observer::await() {
  const std::string word = fmt::format("{}", probes_++);
  const auto before = static_cast<std::streamoff>(std::filesystem::file_size(folder_ / "out"));
  const bool stands = wait_until([&] {
    broker_.publish(kProbe, word);
    std::ifstream out(folder_ / "out", std::ios::binary);
    out.seekg(before);
    const std::string news{std::istreambuf_iterator<char>(out), {}};
    return news.find(fmt::format(" {} {}\n", kProbe, word)) != std::string::npos;
  });
  if (!stands) throw std::runtime_error("mosquitto_sub: " + slurp(folder_ / "err"));
}

// A line without its end is not whole yet.
bool Observer::next_line(std::ifstream& out, std::string& line) {
  if (!std::getline(out, line) || out.eof()) return false;
  read_ += static_cast<std::streamoff>(line.size()) + 1;
  return true;
}

Observer::Seen Observer::split(std::string_view line) {
  const auto topic = line.find(' ') + 1;
  const auto payload = line.find(' ', topic) + 1;
  return {line[0] == '1', line.substr(topic, payload - topic - 1), line.substr(payload)};
}

bool Observer::is_probe(std::string_view topic) { return topic == kProbe; }

}  // namespace lookout::test
