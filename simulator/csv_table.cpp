#include "simulator/csv_table.h"

#include <array>
#include <string_view>
#include <utility>

#include "common/file.h"

namespace lookout {
namespace {

constexpr std::size_t kChunk = 65536;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

Result<std::unique_ptr<CsvTable>> CsvTable::open(const std::filesystem::path& path) {
  File file(std::fopen(path.c_str(), "rbe"));
  if (!file) return Failure(describe_errno("cannot open", path));
  return std::unique_ptr<CsvTable>(new CsvTable(std::move(file), path));
}

CsvTable::CsvTable(File file, std::filesystem::path path) : file_(std::move(file)), path_(std::move(path)) {
  csv_init(&parser_, 0);
}

CsvTable::~CsvTable() { csv_free(&parser_); }

Result<bool> CsvTable::next(Row& row) {
  while (rows_.empty() && !ended_) {
    if (auto parsed = parse_more(); !parsed) return Failure(parsed.error());
  }
  if (rows_.empty()) return false;
  row = std::move(rows_.front());
  rows_.pop_front();
  return true;
}

Result<void> CsvTable::parse_more() {
  std::array<char, kChunk> chunk;
  const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), file_.get());
  if (std::ferror(file_.get()) != 0) return Failure(describe_errno("cannot read", path_));
  std::string_view text(chunk.data(), size);
  if (std::exchange(first_, false) && text.starts_with(kByteOrderMark))
    text.remove_prefix(kByteOrderMark.size());
  bool good = csv_parse(&parser_, text.data(), text.size(), on_field, on_row, this) == text.size();
  if (size < chunk.size()) {
    ended_ = true;
    good = good && csv_fini(&parser_, on_field, on_row, this) == 0;
  }
  if (!good) return Failure("cannot read '" + path_.string() + "': " + csv_strerror(csv_error(&parser_)));
  return {};
}

void CsvTable::on_field(void* bytes, std::size_t size, void* self) {
  static_cast<CsvTable*>(self)->row_.emplace_back(static_cast<const char*>(bytes), size);
}

void CsvTable::on_row(int /*terminator*/, void* self) {
  auto& table = *static_cast<CsvTable*>(self);
  table.rows_.push_back(std::exchange(table.row_, {}));
}

}  // namespace lookout
