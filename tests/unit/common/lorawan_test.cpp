#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "common/decoder.h"

using namespace lookout;

namespace {

InputConfig uplinks() {
  InputConfig input;
  input.topic = *TopicPattern::parse("lora/{network}/{sensor}");
  input.codec = CodecKind::json;
  input.values = {{"temperature", "/decoded/payload/temperature"}, {"rssi", "/hotspots/0/rssi"}};
  input.time = "/reported_at";
  input.time_format = TimeFormat::milliseconds;
  input.identity = {"/fcnt", "/payload"};
  return input;
}

void for_each_line(const std::string& gzip_file, const std::function<void(std::string_view line)>& each) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      popen(fmt::format("gzip -dc '{}'", gzip_file).c_str(), "r"), pclose);
  REQUIRE(pipe);
  char* line = nullptr;
  std::size_t size = 0;
  for (ssize_t length = 0; (length = getline(&line, &size, pipe.get())) > 0;) {
    each({line, static_cast<std::size_t>(length)});
  }
  std::free(line);
}

}  // namespace

TEST_CASE("20,351 LoRaWAN uplinks are 20,109 frames, whichever gateways heard them and whenever they told") {
  const char* cases = std::getenv("LOOKOUT_CASES");
  if (cases == nullptr || !std::filesystem::exists(std::string(cases) + "/lorawan")) {
    WARN("skipped: no case data (LOOKOUT_CASES)");
    return;
  }
  Decoder decoder({uplinks()}, {});
  Decoder::Result result;
  std::size_t messages = 0, refused = 0;
  std::map<std::string, std::size_t> readings;
  std::map<std::string, std::set<Identity>> identities;
  for (const auto& file : std::filesystem::directory_iterator(std::string(cases) + "/lorawan")) {
    if (file.path().extension() != ".gz") continue;
    for_each_line(file.path().string(), [&](std::string_view line) {
      ++messages;
      decoder.decode({Timestamp{}, "lora/grenoble/ems", line}, result);
      refused += result.refusals.size();
      for (const Reading& reading : result.readings) {
        const std::string& metric = decoder.series()[reading.series].metric;
        ++readings[metric];
        identities[metric].insert(reading.identity.value());
      }
    });
  }
  CHECK(messages == 20'351);
  CHECK(refused == 0);
  CHECK(readings["rssi"] == 20'351);
  CHECK(identities["rssi"].size() == 20'109);
  // Most frames carry no decoded temperature: counted apart, with another JSON library.
  CHECK(readings["temperature"] == 6'635);
  CHECK(identities["temperature"].size() == 6'605);
}
