#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace lookout {

/// How many numbers are missing in what one series has counted, told in the order of event time: of each boot
/// those between its smallest and its largest seq. Boots may overlap in time. A seq that comes twice counts
/// once, also one that comes up to 64 numbers late. A counter that falls by more than that goes on behind its
/// end where it was within a sixteenth of 2^8, 2^16 or 2^32 and is as near to 0 then: it wrapped; else it
/// began anew (a sensor that names no boot), and nothing is missing in between. Threading: one owner.
class SeqGaps {
 public:
  /// `seq` is not negative.
  void add(std::string_view boot, std::int64_t seq);
  [[nodiscard]] std::uint64_t missing() const { return missing_; }

 private:
  struct Counter {
    std::uint64_t boot = 0;  // a hash
    std::int64_t smallest = 0, newest = 0;
    std::uint64_t recent = 1;  // bit i: newest - i was heard
  };
  Counter& counter_of(std::uint64_t boot, std::int64_t seq);
  void count(Counter& counter, std::int64_t seq);
  void go_on(Counter& counter, std::int64_t seq);
  void look_back(Counter& counter, std::int64_t seq);

  std::vector<Counter> counters_;  // the one heard last in front
  std::uint64_t missing_ = 0;
};

}  // namespace lookout
