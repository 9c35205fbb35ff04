// The input: a recording, as for `lookout-gateway backtest`.
#include "gateway/recording.h"
#include "tests/fuzz/fuzz.h"

using namespace lookout;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::folder() / "recording.ndjson";
  test::spit(file, fuzz::text_of(data, size));
  std::uint64_t complaints = 0, messages = 0;
  auto recording = Recording::open(file.string(), [&](std::uint64_t, const std::string& why) {
    fuzz::demand(!why.empty());
    ++complaints;
  });
  fuzz::demand(recording.has_value());
  while (true) {
    const auto message = recording->next();
    fuzz::demand(message.has_value());
    if (!*message) break;
    ++messages;
  }
  fuzz::demand(recording->broken() == complaints && complaints + messages <= recording->lines());
  return 0;
}
