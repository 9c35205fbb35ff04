// The input: a configuration file.
#include <algorithm>

#include "common/config.h"
#include "gateway/machine.h"
#include "tests/fuzz/fuzz.h"

using namespace lookout;

namespace {

// toml++ 3.3 holds most characters beyond ASCII for impossible where a space may stand, and says so to the
// compiler.
bool breaks_toml(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (breaks_toml(fuzz::text_of(data, size))) return 0;
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
