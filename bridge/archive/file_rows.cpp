#include "bridge/archive/file_rows.h"

#include <nlohmann/json.hpp>

#include "bridge/archive/archive_guard.h"
#include "bridge/archive/archive_schema.h"
#include "bridge/archive/selection_sql.h"
#include "bridge/archive/sql_values.h"
#include "common/payload_json.h"

namespace lookout {
namespace {

constexpr int kPlaceColumns = 2;
constexpr std::size_t kPayload = 4, kPayloadBase64 = 5;  // of columns_of(RowKind::messages)

Cell cell_of(const SQLite::Column& column, CellType type) {
  if (column.isNull()) return std::monostate{};
  switch (type) {
    case CellType::integer:
      return column.getInt64();
    case CellType::number:
      return column.getDouble();
    case CellType::time:
      return sql::time_of(column);
    case CellType::flag:
      return column.getInt64() != 0;
    case CellType::text:
      break;
  }
  return sql::text_of(column);
}

}  // namespace

FileRows::FileRows(std::filesystem::path file, std::unique_ptr<SQLite::Database> database, RowKind kind)
    : file_(std::move(file)), kind_(kind), database_(std::move(database)), row_(columns_of(kind).size()) {}
FileRows::~FileRows() = default;

ArchiveResult<std::unique_ptr<FileRows>> FileRows::open(const std::filesystem::path& file, bool closed,
                                                        const Selection& selection) {
  auto database = open_read_only(file, closed);
  if (!database) return std::unexpected(std::move(database.error()));
  std::unique_ptr<FileRows> rows(new FileRows(file, std::move(*database), selection.kind));
  auto ready = guarded(file, [&]() -> ArchiveResult<void> {
    if (auto known = check_schema(*rows->database_, file); !known) return known;
    rows->set_up(selection, closed);
    return {};
  });
  if (!ready) return std::unexpected(std::move(ready.error()));
  if (!*ready) return std::unexpected(std::move(ready->error()));
  return rows;
}

void FileRows::set_up(const Selection& selection, bool closed) {
  add_topic_matches(*database_);
  database_->exec("BEGIN");
  database_->execAndGet("SELECT count(*) FROM file");  // a snapshot begins with the first look
  statement_ = std::make_unique<SQLite::Statement>(*database_, sql_of(selection, closed));
  bind_selection(*statement_, selection);
}

ArchiveResult<bool> FileRows::next() {
  return guarded(file_, [&] {
    if (!statement_->executeStep()) return false;
    place_ = {statement_->getColumn(0).getInt64(), statement_->getColumn(1).getInt64()};
    const auto columns = columns_of(kind_);
    // To be asked first: who takes a BLOB as text makes it one.
    const bool is_bytes = kind_ == RowKind::messages &&
                          statement_->getColumn(static_cast<int>(kPayload) + kPlaceColumns).isBlob();
    for (std::size_t i = 0; i < columns.size(); ++i)
      row_[i] = cell_of(statement_->getColumn(static_cast<int>(i) + kPlaceColumns), columns[i].type);
    if (is_bytes) encode_payload();
    return true;
  });
}

void FileRows::encode_payload() {
  nlohmann::ordered_json object;
  add_payload(object, std::get<std::string_view>(row_[kPayload]));
  const bool is_text = object.contains("payload");
  encoded_ = object[is_text ? "payload" : "payload_base64"].get<std::string>();
  row_[kPayload] = row_[kPayloadBase64] = std::monostate{};
  row_[is_text ? kPayload : kPayloadBase64] = std::string_view(encoded_);
}

}  // namespace lookout
