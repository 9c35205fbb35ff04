// The input: a recording, played through the whole machine. Its books balance whatever comes.
#include "gateway/playback.h"
#include "gateway/publish.h"
#include "tests/fuzz/fuzz.h"

using namespace lookout;

namespace {

constexpr const char* kConfig = R"(
[[input]]
topic = "s/{sensor}/{metric}"
codec = "lookout"
[[window]]
name = "t"
size = "10s"
[[window]]
name = "sl"
kind = "sliding"
size = "30s"
step = "10s"
by = ["region"]
[[window]]
name = "se"
kind = "session"
gap = "20s"
[[rule]]
name = "R"
window = "t"
when = "v.mean > 35 and v.count / v.sensors > 1"
)";

const Config& config() {
  static const Config loaded = [] {
    test::spit(fuzz::folder() / "backtest.toml", kConfig);
    LoadedConfig read = load_config(fuzz::folder() / "backtest.toml");
    fuzz::demand(read.problems.empty());
    return std::move(read.config);
  }();
  return loaded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::folder() / "recording.ndjson";
  test::spit(file, fuzz::text_of(data, size));
  auto machine = Machine::create(config(), "box");
  fuzz::demand(machine.has_value());
  std::vector<Outgoing> messages;
  PlaybackOptions options;
  options.input = file.string();
  const auto played =
      play(options, *machine,
           [&](const std::vector<Output>& outputs, const journal::Record& cause) -> Result<void> {
             messages.clear();
             for (const Output& output : outputs) render(output, cause, messages);
             return {};
           });
  fuzz::demand(played.has_value());
  const Books& books = machine->books();
  fuzz::demand(books.received == books.accepted + books.duplicate + books.late + books.all_rejected());
  return 0;
}
