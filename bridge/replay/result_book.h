#pragma once

#include <map>
#include <string>
#include <string_view>

#include "bridge/archive/aggregate_row.h"

namespace lookout {

/// Of each id the result that holds: complete beats incomplete, then the highest revision. Threading: one
/// owner.
class ResultBook {
 public:
  struct Entry {
    AggregateRow row;
    std::string payload;  ///< as it came; empty where nobody needs it
  };

  /// Takes a result if it beats what is there.
  void offer(AggregateRow row, std::string_view payload = {});
  /// Nothing where the id is not known.
  [[nodiscard]] const AggregateRow* find(const std::string& id) const;
  /// By id.
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace lookout
