// The input: a configuration file.

#include "common/config.h"
#include "gateway/machine.h"
#include "tests/fuzz/fuzz.h"

using namespace lookout;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::folder() / "lookout.toml";
  test::spit(file, fuzz::text_of(data, size));
  const LoadedConfig loaded = load_config(file);
  for (const Problem& problem : loaded.problems) fuzz::demand(!problem.text().empty());
  // What is accepted can be run: rules too are compiled, or refused in words.
  if (loaded.problems.empty()) {
    const auto machine = Machine::create(loaded.config, "box");
    fuzz::demand(machine || !machine.error().empty());
  }
  return 0;
}
