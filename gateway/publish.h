#pragma once

#include <vector>

#include "common/journal_format.h"
#include "common/message.h"
#include "gateway/output.h"

namespace lookout {

/// The step publish: writes an output of the machine as the messages of the public interface and appends
/// them. `cause` is the record that the output follows from. `past` is what topics begin with where the
/// output is that of a replay, `replay/{job}/`: then it is said to be historical, and is not retained. Pure:
/// the same output gives the same bytes.
void render(const Output& output, const journal::Record& cause, std::vector<Outgoing>& messages,
            std::string_view past = {});

}  // namespace lookout
