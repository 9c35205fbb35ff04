// The input begins with how it is to be read:
//   r   the rest is a snapshot file as it is
//   x   two bytes of position and one of change, which damage a good one, or cut it where that is 0
// A hash cannot be guessed, so what is damaged must be refused.
#include "common/file.h"
#include "gateway/snapshot.h"
#include "tests/fuzz/fuzz.h"

using namespace lookout;

namespace {

const std::string& good() {
  static const std::string bytes = [] {
    const auto config = parse_config({{{"lookout.toml",
                                        "[[input]]\ntopic = \"{sensor}/{metric}\"\ncodec = \"lookout\"\n"
                                        "[[window]]\nname = \"w\"\nsize = \"5m\"\n"}}})
                            .config;
    Machine machine = *Machine::create(config, "box");
    std::vector<Output> outputs;
    for (std::int64_t i = 0; i < 20; ++i)
      machine.step({static_cast<std::uint64_t>(i),
                    {Timestamp{std::chrono::seconds{1790000000 + i}}, "a/t", "{\"value\":1}"}},
                   outputs);
    const SnapshotStore store(fuzz::folder());
    Replay replay(config, "box");
    fuzz::demand(store.write({1, config.sources, {}, {}}, machine, replay).has_value());
    return *read_file(fuzz::folder() / "00000000000000000001.snapshot");
  }();
  return bytes;
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
  fuzz::demand(replace_file(fuzz::folder() / "00000000000000000001.snapshot", bytes, false).has_value());
  fuzz::demand(!SnapshotStore(fuzz::folder()).read_newest("box").has_value());
  return 0;
}
