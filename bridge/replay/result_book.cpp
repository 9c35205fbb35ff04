#include "bridge/replay/result_book.h"

namespace lookout {
namespace {

bool beats(const AggregateRow& a, const AggregateRow& b) {
  return a.incomplete != b.incomplete ? b.incomplete : a.revision > b.revision;
}

}  // namespace

void ResultBook::offer(AggregateRow row, std::string_view payload) {
  const auto found = entries_.find(row.id);
  if (found != entries_.end() && !beats(row, found->second.row)) return;
  std::string id = row.id;
  entries_.insert_or_assign(std::move(id), Entry{std::move(row), std::string(payload)});
}

const AggregateRow* ResultBook::find(const std::string& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second.row;
}

}  // namespace lookout
