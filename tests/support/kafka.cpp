#include "tests/support/kafka.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/broker.h"
#include "tests/support/wait.h"

namespace lookout::test {
namespace {

using namespace std::chrono_literals;

// As kcat writes them: name=value,name=value.
std::map<std::string, std::string> headers_of(const std::string& text) {
  std::map<std::string, std::string> headers;
  std::istringstream fields(text);
  for (std::string field; std::getline(fields, field, ',');) {
    const auto equals = field.find('=');
    headers[field.substr(0, equals)] = field.substr(equals + 1);
  }
  return headers;
}

void replace_all(std::string& text, std::string_view name, int port) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name))
    text.replace(at, name.size(), std::to_string(port));
}

}  // namespace

Kafka::Kafka(const std::string& properties) : port_(free_port(2)), secure_port_(free_port()) {
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

std::filesystem::path Kafka::consume(const std::string& topic, const std::vector<std::string>& how) const {
  std::vector<std::string> command{"kcat",      "-C", "-q",  "-b",
                                   brokers(),   "-t", topic, "-o",
                                   "beginning", "-e", "-X",  "isolation.level=read_committed"};
  command.insert(command.end(), how.begin(), how.end());
  const auto out = folder_ / "consumed", err = folder_ / "consumed.err";
  for (const auto& file : {out, err}) std::filesystem::remove(file);  // a child's output is appended
  const auto code = ChildProcess(command, {out, err}).wait(300s);
  const std::string complaint = slurp(err);
  if (code != 0 && complaint.find("Unknown topic") == std::string::npos)
    throw std::runtime_error("kcat: " + complaint);
  return out;
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

std::string Kafka::batches(const std::string& topic) const {
  std::string found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "node" / "data")) {
    const auto& path = entry.path();
    if (path.extension() == ".log" && path.parent_path().filename().string().starts_with(topic + '-')) {
      found +=
          run({source_path("scripts/kafka"), "tool", "kafka.tools.DumpLogSegments", "--files", path.string()})
              .out;
    }
  }
  return found;
}

void Kafka::for_each(const std::string& topic, const std::function<void(const Record&)>& visit) const {
  // Values of one line, keys without tabs, headers without commas: as the bridge makes them.
  std::ifstream lines(consume(topic, {"-f", "%p\\t%o\\t%k\\t%h\\t%s\\n"}));
  for (std::string partition, offset, key, headers, value; std::getline(lines, partition, '\t');) {
    for (std::string* field : {&offset, &key, &headers}) std::getline(lines, *field, '\t');
    std::getline(lines, value);
    visit({std::stoi(partition), std::stoll(offset), key, value, headers_of(headers)});
  }
}

std::vector<Kafka::Record> Kafka::read(const std::string& topic) const {
  std::vector<Record> records;
  for_each(topic, [&](const Record& record) { records.push_back(record); });
  std::ranges::sort(records, {},
                    [](const Record& record) { return std::pair(record.partition, record.offset); });
  return records;
}

std::uint64_t Kafka::count(const std::string& topic) const {
  return std::filesystem::file_size(consume(topic, {"-f", "."}));
}

}  // namespace lookout::test
