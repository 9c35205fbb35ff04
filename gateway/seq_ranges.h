#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lookout {

/// A sensor's boot id as a number; 0 where it gave none.
std::uint32_t boot_number(std::string_view boot);

/// Which numbers the sensors of an aggregate have counted, by sensor and boot: tells how many are missing and
/// how many sensors there were. One sensor with one boot, the usual case by far, needs no memory beyond the
/// object. Threading: one owner.
class SeqRanges {
 public:
  /// `seq` is -1 where the sensor gave none.
  void add(std::uint32_t member, std::uint32_t boot, std::int64_t seq);
  void merge(const SeqRanges& other);
  /// Of a group of sensors a half of the memory to an eighth (each with a boot of its own and many seqs; one
  /// boot and one seq), until the next add() or merge(), which takes longer then; for when little more is
  /// expected. Says nothing different.
  void pack();

  /// Numbers missing between the smallest and the largest seq of one boot of a sensor, over all sensors. A
  /// seq that comes twice, in readings that differ, counts once; more than 64 below the largest it counts
  /// twice. Of a boot, 2^32 at most.
  [[nodiscard]] std::uint64_t gaps() const;
  [[nodiscard]] std::uint64_t members() const;
  /// The members heard of, ascending.
  [[nodiscard]] std::vector<std::uint32_t> list_members() const;

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(only_, many_);
  }

 private:
  static constexpr std::uint32_t kNobody = ~std::uint32_t{0};
  struct Range {
    std::uint32_t member = kNobody, boot = 0;
    std::int64_t largest = 0;
    std::uint64_t recent = 0;  // bit i: largest - i was heard
    std::uint32_t below = 0;   // largest - smallest, or the most there can be
    std::uint32_t count = 0;   // of different seqs
    [[nodiscard]] std::int64_t smallest() const { return largest - below; }
    [[nodiscard]] std::uint64_t key() const { return std::uint64_t{member} << 32 | boot; }
    void add(const Range& other);
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(member, boot, largest, recent, below, count);
    }
  };
  struct Many {
    std::vector<Range> ranges;  // by key; none while they are packed
    std::string packed;         // seq_ranges.cpp
    std::size_t last = 0;       // where the last one was added: the next is often its neighbour
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(ranges, packed, last);
    }
  };
  static void insert(std::vector<Range>& ranges, std::size_t at, const Range& range);
  void add(const Range& range);
  template <typename Visit>
  static void for_each_packed(std::string_view packed, Visit visit);
  template <typename Visit>
  void for_each(Visit visit) const;

  Range only_;
  std::unique_ptr<Many> many_;  // as soon as there are two
};

}  // namespace lookout
