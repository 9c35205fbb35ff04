#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "bridge/archive/archive_failure.h"
#include "bridge/archive/archive_name.h"

namespace lookout {

/// Where that cannot be told, it is.
inline bool is_there(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error) || error;
}

/// Opens a file that was listed (list_archive), by open(path, closed). One that was closed since is there
/// under its new name before the old one goes. Nothing: retention has taken it.
template <typename Open>
auto open_listed(const std::filesystem::path& folder, ArchiveName name, Open open)
    -> ArchiveResult<std::optional<typename decltype(open(folder, true))::value_type>> {
  for (const bool sealed : {name.sealed, true}) {
    name.sealed = sealed;
    const auto path = folder / to_text(name);
    auto opened = open(path, sealed);
    if (opened) return std::move(*opened);
    if (is_there(path)) return std::unexpected(std::move(opened.error()));
  }
  return std::nullopt;
}

}  // namespace lookout
