#include "tests/support/kafka.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "tests/support/broker.h"
#include "tests/support/wait.h"

namespace lookout::test {
namespace {

using namespace std::chrono_literals;

std::map<std::string, std::string> headers_of(const nlohmann::json& record) {
  std::map<std::string, std::string> headers;
  const auto list = record.value("headers", nlohmann::json::array());
  for (std::size_t i = 0; i + 1 < list.size(); i += 2) headers[list[i]] = list[i + 1];
  return headers;
}

std::string text_of(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : std::string{};
}

void replace_all(std::string& text, std::string_view name, int port) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name))
    text.replace(at, name.size(), std::to_string(port));
}

}  // namespace

Kafka::Kafka(const std::string& properties) : port_(free_port()), secure_port_(free_port()) {
  configure(properties);
  start();
}

void Kafka::configure(const std::string& properties) {
  properties_ = properties;
  replace_all(properties_, "{port}", port_);
  replace_all(properties_, "{controller}", port_ + 1);
  replace_all(properties_, "{secure}", secure_port_);
}

std::string Kafka::brokers() const { return fmt::format("127.0.0.1:{}", port_); }

void Kafka::start() {
  const auto log = folder_ / "log";
  process_.emplace(
      std::vector<std::string>{"env", "KAFKA_PROPERTIES=" + properties_, source_path("scripts/kafka"), "run",
                               (folder_ / "node").string(), std::to_string(port_)},
      ChildProcess::Options{log, log});
  const auto answers = [&] {
    if (!process_->running()) throw std::runtime_error("kafka: " + slurp(log));
    return run({"kcat", "-b", brokers(), "-X", "log_level=0", "-m", "2", "-L"}).out.find("broker 1 at") !=
           std::string::npos;
  };
  if (!wait_until(answers, 90s)) throw std::runtime_error("kafka is not ready: " + slurp(log));
}

std::string Kafka::consume(const std::string& topic, const std::vector<std::string>& how) const {
  std::vector<std::string> command{"kcat",      "-C", "-q",  "-b",
                                   brokers(),   "-t", topic, "-o",
                                   "beginning", "-e", "-X",  "isolation.level=read_committed"};
  command.insert(command.end(), how.begin(), how.end());
  const Finished finished = run(command, 120s);
  if (finished.code == 0) return finished.out;
  if (finished.err.find("Unknown topic") != std::string::npos) return {};
  throw std::runtime_error("kcat: " + finished.err);
}

std::string Kafka::setting(const std::string& topic, const std::string& name) const {
  const auto told = run({source_path("scripts/kafka"), "tool", "kafka.admin.ConfigCommand",
                         "--bootstrap-server", brokers(), "--describe", "--all", "--topic", topic});
  const auto at = told.out.find(' ' + name + '=');
  if (at == std::string::npos)
    throw std::runtime_error("kafka: no setting " + name + ": " + told.out + told.err);
  const auto begin = at + name.size() + 2;
  return told.out.substr(begin, told.out.find_first_of(" \n", begin) - begin);
}

std::vector<Kafka::Record> Kafka::read(const std::string& topic) const {
  std::vector<Record> records;
  std::istringstream lines(consume(topic, {"-J"}));
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    records.push_back({json["partition"], json["offset"], text_of(json["key"]), text_of(json["payload"]),
                       headers_of(json)});
  }
  std::ranges::sort(records, {},
                    [](const Record& record) { return std::pair(record.partition, record.offset); });
  return records;
}

std::uint64_t Kafka::count(const std::string& topic) const {
  const std::string dots = consume(topic, {"-f", "."});
  return static_cast<std::uint64_t>(dots.size());
}

}  // namespace lookout::test
