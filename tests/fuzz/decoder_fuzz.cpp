// The input: a topic, a line end, the payload.
#include <cmath>

#include "common/decoder.h"
#include "tests/fuzz/fuzz.h"

using namespace lookout;

namespace {

constexpr const char* kConfig = R"(
[[input]]
topic = "sensors/{network}/{region}/{sensor}/{metric}"
codec = "lookout"
[[input]]
topic = "sensors/{network}/{region}/{sensor}"
codec = "flat"
metrics = { temperature = "temperature_c", smoke = "smoke_ug_m3" }
scale = { temperature = 1e300 }
[[input]]
topic = "number/{sensor}/{metric}"
codec = "number"
offset = -1e308
[[input]]
topic = "json/{sensor}"
codec = "json"
values = { temperature = "/decoded/temperature", rssi = "/rx/0/rssi" }
time = "/at"
seq = "/seq"
[[input]]
topic = "frames/{sensor}"
codec = "json"
values = { v = "/v" }
time = "/ms"
time_format = "ms"
identity = ["/f_cnt", "/frm_payload"]
)";

const Config& config() {
  static const Config loaded = [] {
    test::spit(fuzz::folder() / "decoder.toml", kConfig);
    LoadedConfig read = load_config(fuzz::folder() / "decoder.toml");
    fuzz::demand(read.problems.empty());
    return std::move(read.config);
  }();
  return loaded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const auto line_end = std::min(input.find('\n'), input.size());
  Decoder decoder(config().inputs, config().limits);
  Decoder::Result first, second;
  MessageView message{.arrival = Timestamp{std::chrono::hours{500'000}}, .topic = {}, .payload = {}};
  message.topic = input.substr(0, line_end);
  message.payload = input.substr(std::min(line_end + 1, input.size()));
  decoder.decode(message, first);
  fuzz::demand(!first.readings.empty() || !first.refusals.empty());
  for (const Reading& reading : first.readings) fuzz::demand(std::isfinite(reading.value));
  decoder.decode(message, second);
  fuzz::demand(first.readings.size() == second.readings.size());
  fuzz::demand(first.refusals.size() == second.refusals.size());
  return 0;
}
