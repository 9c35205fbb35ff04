#include "bridge/table_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace lookout {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::size_t kRowsThatTellWidths = 200;

struct AppendText {
  std::string& to;
  void operator()(std::monostate) const {}
  void operator()(std::int64_t value) const { fmt::format_to(std::back_inserter(to), "{}", value); }
  void operator()(double value) const { fmt::format_to(std::back_inserter(to), "{}", value); }
  void operator()(bool value) const { to += value ? "true" : "false"; }
  void operator()(Timestamp value) const { to += to_rfc3339(value); }
  void operator()(std::string_view value) const { to += value; }
};

void append_csv_field(std::string& to, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    to += text;
    return;
  }
  to += '"';
  for (const char c : text) {
    if (c == '"') to += '"';
    to += c;
  }
  to += '"';
}

void append_json_text(std::string& to, std::string_view text) {
  const auto needs_escape = [](char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
  };
  if (std::ranges::none_of(text, needs_escape)) {
    to += '"';
    to += text;
    to += '"';
  } else {
    to += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

// What moves a terminal's cursor, or says more to it: also the control characters beyond ASCII, C2 80 to C2
// 9F.
void append_visible(std::string& to, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (text[i] == '\n') {
      to += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(to), "\\x{:02x}", byte);
    } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {
      fmt::format_to(std::back_inserter(to), "\\x{:02x}", next);
      ++i;
    } else {
      to += text[i];
    }
  }
}

// Columns on a screen, to a good approximation: code points.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

TableOutput::TableOutput(Format format, std::span<const Column> columns, Sink sink)
    : format_(format), columns_(columns), sink_(std::move(sink)) {
  if (format_ == Format::ndjson) return;
  Texts names;
  for (const Column& column : columns_) names.emplace_back(column.name);
  if (format_ == Format::csv) {
    buffer_ = fmt::format("{}\n", fmt::join(names, ","));
  } else {
    first_rows_.push_back(std::move(names));
  }
}

bool TableOutput::row(std::span<const Cell> cells) {
  if (format_ == Format::csv) {
    add_csv(cells);
  } else if (format_ == Format::ndjson) {
    add_ndjson(cells);
  } else {
    Texts texts(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (const auto* text = std::get_if<std::string_view>(&cells[i])) {
        append_visible(texts[i], *text);
      } else {
        std::visit(AppendText{texts[i]}, cells[i]);
      }
      if (texts[i].empty()) texts[i].push_back('-');
    }
    if (!widths_.empty()) {
      add_aligned(texts);
    } else {
      first_rows_.push_back(std::move(texts));
      if (first_rows_.size() > kRowsThatTellWidths) lay_out_table();
    }
  }
  return buffer_.size() < kPiece || flush();
}

bool TableOutput::finish() {
  if (format_ == Format::table && widths_.empty()) lay_out_table();
  return flush();
}

void TableOutput::add_csv(std::span<const Cell> cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) buffer_ += ',';
    if (const auto* text = std::get_if<std::string_view>(&cells[i])) {
      append_csv_field(buffer_, *text);
    } else {
      std::visit(AppendText{buffer_}, cells[i]);
    }
  }
  buffer_ += '\n';
}

void TableOutput::add_ndjson(std::span<const Cell> cells) {
  bool is_first = true;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (columns_[i].absent == Absent::left_out && std::holds_alternative<std::monostate>(cells[i])) continue;
    buffer_ += std::exchange(is_first, false) ? "{\"" : ",\"";
    buffer_ += columns_[i].name;
    buffer_ += "\":";
    if (const auto* text = std::get_if<std::string_view>(&cells[i])) {
      append_json_text(buffer_, *text);
    } else if (const auto* time = std::get_if<Timestamp>(&cells[i])) {
      append_json_text(buffer_, to_rfc3339(*time));
    } else if (std::holds_alternative<std::monostate>(cells[i])) {
      buffer_ += "null";
    } else {
      std::visit(AppendText{buffer_}, cells[i]);
    }
  }
  buffer_ += "}\n";
}

void TableOutput::add_aligned(const Texts& texts) {
  std::string line;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool to_the_right = columns_[i].type == CellType::integer || columns_[i].type == CellType::number;
    const std::size_t missing = widths_[i] - std::min(widths_[i], width_of(texts[i]));
    if (i > 0) line += "  ";
    if (to_the_right) line.append(missing, ' ');
    line += texts[i];
    if (!to_the_right) line.append(missing, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  buffer_ += line;
  buffer_ += '\n';
}

void TableOutput::lay_out_table() {
  widths_.assign(columns_.size(), 0);
  for (const Texts& texts : first_rows_) {
    for (std::size_t i = 0; i < texts.size(); ++i) widths_[i] = std::max(widths_[i], width_of(texts[i]));
  }
  for (const Texts& texts : std::exchange(first_rows_, {})) add_aligned(texts);
}

bool TableOutput::flush() {
  const bool taken = buffer_.empty() || sink_(buffer_);
  buffer_.clear();
  return taken;
}

}  // namespace lookout
