// The input begins with how it is to be read:
//   r   the rest is a snapshot file as it is
//   x   two bytes of position and one of change, which damage a good one, or cut it where that is 0
//   b   magic, the rest, and the hash of both
//   m   changes of the body of a good one, each two bytes of position and one of content, with the right hash
// A hash cannot be guessed, so what the first two have damaged must be refused. The last two have a right
// one: what nobody wrote may be taken for a state, but must neither end the program nor take memory without
// end.
#include <fmt/format.h>
#include <xxhash.h>

#include "common/file.h"
#include "gateway/snapshot.h"
#include "tests/fuzz/fuzz.h"

using namespace lookout;

namespace {

// Something of all that a state has: kinds of windows, groups, metrics, an alert.
constexpr const char* kConfig = R"(
[[input]]
topic = "s/{region}/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "t"
size = "5s"
by = ["sensor", "region"]
[[window]]
name = "sl"
kind = "sliding"
size = "30s"
step = "10s"
[[window]]
name = "se"
kind = "session"
gap = "2s"
[time]
lag = "1s"
[[rule]]
name = "R"
window = "t"
by = "region"
when = "t.mean > 3"
)";

const std::string& good() {
  static const std::string bytes = [] {
    const auto loaded = parse_config({{{"lookout.toml", kConfig}}});
    fuzz::demand(loaded.problems.empty());
    const Config& config = loaded.config;
    Machine machine = *Machine::create(config, "box");
    std::vector<Output> outputs;
    for (std::uint64_t i = 0; i < 40; ++i) {
      const std::string topic = fmt::format("s/r{}/s{}/{}", i % 2, i % 5, i % 3 ? "t" : "u");
      const std::string payload = fmt::format(R"({{"value":{},"event_time":{},"seq":{},"boot":"b"}})", i % 7,
                                              1'790'000'000 + i, i * 2);
      const Timestamp arrival{std::chrono::seconds{1'790'000'000 + i}};
      machine.step({i, {.arrival = arrival, .topic = topic, .payload = payload}}, outputs);
    }
    fuzz::demand(machine.alerts().firing() > 0);
    const SnapshotStore store(fuzz::folder());
    Replay replay(config, "box");
    fuzz::demand(store.write({1, config.sources, {}, {}}, machine, replay).has_value());
    return *read_file(fuzz::folder() / "00000000000000000001.snapshot");
  }();
  return bytes;
}

std::string with_hash(std::string bytes) {
  const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  return bytes.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
}

constexpr std::size_t kMagicSize = 8;

std::string changed(const std::uint8_t* data, std::size_t size) {
  std::string bytes = good().substr(0, good().size() - sizeof(std::uint64_t));
  for (; size >= 3; data += 3, size -= 3) {
    const std::size_t position = (data[0] * 256U + data[1]) % (bytes.size() - kMagicSize);
    bytes[kMagicSize + position] = static_cast<char>(data[2]);
  }
  return bytes;
}

bool is_read(const std::string& bytes) {
  const auto file = fuzz::folder() / "00000000000000000001.snapshot";
  fuzz::demand(replace_file(file, bytes, false).has_value());
  return SnapshotStore(fuzz::folder()).read_newest("box").has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string bytes(fuzz::text_of(data + 1, size - 1));
  if (data[0] == 'x' && size == 4) {
    bytes = good();
    const std::size_t position = (data[1] * 256U + data[2]) % bytes.size();
    if (data[3] == 0)
      bytes.resize(position);
    else
      bytes[position] = static_cast<char>(static_cast<unsigned char>(bytes[position]) ^ data[3]);
  }
  if (data[0] == 'b') {
    is_read(with_hash(good().substr(0, kMagicSize) + bytes));
  } else if (data[0] == 'm') {
    is_read(with_hash(changed(data + 1, size - 1)));
  } else {
    fuzz::demand(!is_read(bytes));
  }
  return 0;
}
