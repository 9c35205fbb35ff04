#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/archive/rows.h"

namespace lookout {

enum class Format {
  table,   ///< for people: aligned columns, "-" where there is nothing
  csv,     ///< a header, then a line a row; fields quoted as in RFC 4180, empty where there is nothing
  ndjson,  ///< a JSON object a line, null where there is nothing
};

/// Writes rows as text, in pieces of about 64 KiB. Times are RFC 3339; numbers are the shortest text that
/// reads back as the same number. Threading: one owner.
class TableOutput {
 public:
  /// Takes a piece of the text; false when no more can be written.
  using Sink = std::function<bool(std::string_view text)>;

  /// `columns` must live as long as this.
  TableOutput(Format format, std::span<const Column> columns, Sink sink);

  /// False when the sink takes no more.
  bool row(std::span<const Cell> cells);
  /// Writes what is left; to be called once, at the end.
  bool finish();

 private:
  using Texts = std::vector<std::string>;

  void add_csv(std::span<const Cell> cells);
  void add_ndjson(std::span<const Cell> cells);
  void add_aligned(const Texts& texts);
  void lay_out_table();
  bool flush();

  const Format format_;
  const std::span<const Column> columns_;
  const Sink sink_;
  std::string buffer_;
  std::vector<Texts> first_rows_;    // of a table, until they have told how wide its columns are
  std::vector<std::size_t> widths_;  // empty until then
};

}  // namespace lookout
