#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace lookout {

/// Which numbers of one sensor are missing, for as long as the box lives: those between the smallest and the
/// largest of a boot that have not come. One that comes later, however late, is not missing any more, and one
/// that comes again changes nothing. Exact for the last 64 holes of each of the last 4 boots; what is older
/// stays missing. Threading: one owner.
class SeqHoles {
 public:
  /// `boot`: boot_number(); `seq` is not negative.
  void note(std::uint32_t boot, std::int64_t seq);
  [[nodiscard]] bool empty() const { return now_.largest < 0; }
  /// Of a boot, 2^32 at most.
  [[nodiscard]] std::uint64_t missing() const;

  /// Writes or reads the state (snapshot.h).
  template <typename Archive>
  void serialize(Archive& archive) {
    archive(now_, former_, settled_);
  }

 private:
  struct Hole {
    std::int64_t first, end;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(first, end);
    }
  };
  struct Boot {
    std::uint32_t number = 0;
    std::int64_t smallest = -1, largest = -1;
    std::vector<Hole> holes{};  // ascending
    void note(std::int64_t seq);
    [[nodiscard]] std::uint64_t missing() const;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(number, smallest, largest, holes);
    }

   private:
    void fill(std::int64_t seq);
  };
  void turn_to(std::uint32_t boot);

  Boot now_;
  std::unique_ptr<std::vector<Boot>> former_;  // the last one heard of at the end; hardly ever there are any
  std::uint64_t settled_ = 0;                  // missing, and not looked for any more
};

}  // namespace lookout
