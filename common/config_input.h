#pragma once

#include <vector>

#include "common/toml_reader.h"

namespace lookout {

/// Reads one [[input]] and adds it to `inputs`.
void read_input(TomlSection section, std::vector<InputConfig>& inputs);

}  // namespace lookout
