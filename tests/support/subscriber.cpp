#include "tests/support/subscriber.h"

#include <algorithm>
#include <stdexcept>

#include "tests/support/wait.h"

namespace lookout::test {
namespace {

constexpr const char* kProbe = "test/probe";

std::vector<std::string> command_for(const Broker& broker, const std::vector<std::string>& filters) {
  // Line buffered, one JSON object a message with the payload as text.
  std::vector<std::string> command{
      "stdbuf", "-oL", "mosquitto_sub", "-p", broker.port_text(), "-q", "1", "-F", "%j", "-t", kProbe};
  for (const std::string& filter : filters) command.insert(command.end(), {"-t", filter});
  return command;
}

}  // namespace

Subscriber::Subscriber(const Broker& broker, const std::vector<std::string>& filters)
    : process_(command_for(broker, filters), {folder_ / "out", folder_ / "err"}) {
  const bool stands = wait_until([&] {
    broker.publish(kProbe, "there?");
    received();
    return std::ranges::find(all_, kProbe, &Received::topic) != all_.end();
  });
  if (!stands) throw std::runtime_error("mosquitto_sub: " + slurp(folder_ / "err"));
}

std::vector<Received> Subscriber::received(const std::string& prefix) {
  const std::string output = slurp(folder_ / "out");
  for (auto end = output.find('\n', read_); end != std::string::npos; end = output.find('\n', read_)) {
    const auto line = nlohmann::json::parse(output.substr(read_, end - read_));
    all_.push_back({line["topic"], line["retain"] != 0, line["payload"]});
    read_ = end + 1;
  }
  std::vector<Received> matching;
  for (const Received& message : all_) {
    if (message.topic.starts_with(prefix) && message.topic != kProbe) matching.push_back(message);
  }
  return matching;
}

}  // namespace lookout::test
