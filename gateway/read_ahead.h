#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/journal_reader.h"
#include "gateway/machine.h"

namespace lookout {

/// Reads the journal for the machine: the records in order, and what their messages say. The records that are
/// there at the start are read and parsed on a thread of its own, ahead of who steps them: that is half of
/// the work of a start, which has a core to spare. What comes later is read when it is asked for.
///
/// Threading: one owner, who steps the machine with each record before he asks for the next.
class ReadAhead {
 public:
  /// From the offset `from`; ahead up to `end`, where that is worth a thread.
  ReadAhead(const std::filesystem::path& folder, std::uint64_t from, std::uint64_t end,
            const Machine& machine);
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead();

  struct Item {
    journal::Record record;
    std::optional<Decoder::Parsed> parsed;  ///< Machine::parse()
  };
  /// As JournalReader::next(): null at `end`. The item may be used up; it and its views are valid until the
  /// next call.
  Result<Item*> next(std::uint64_t end);

  /// As of JournalReader, of the records that next() has returned; while it reads ahead all but the position
  /// are those of up to 256 records later.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t segment() const { return place_.segment; }
  [[nodiscard]] std::uint64_t segment_position() const { return place_.segment_position; }
  [[nodiscard]] std::uint64_t lost() const { return place_.lost; }

 private:
  struct Place {
    std::uint64_t segment = 0, segment_position = 0, lost = 0;
  };
  struct Batch {
    std::string bytes;  // of the items, which refer to it: never beyond its capacity
    std::vector<Item> items;
    Place place;  // behind them
    std::string error;
    bool is_last = false, is_full = false;
  };
  struct Ahead {
    std::array<Batch, 2> batches;  // in turns
    std::mutex mutex;              // guards is_full; who finds it as he needs it owns the rest of the batch
    std::condition_variable_any changed;
    std::size_t batch = 0, item = 0;  // the next one's, of the owner
    std::jthread thread;
  };

  void run(const std::stop_token& stop, std::uint64_t end);
  void fill(Batch& batch, std::uint64_t end);
  bool await(const Batch& batch, bool full, const std::stop_token& stop);
  void set(Batch& batch, bool full);
  Result<Item*> next_ahead();
  Result<Item*> next_at_once(std::uint64_t end);
  [[nodiscard]] Place place() const {
    return {reader_.segment(), reader_.segment_position(), reader_.lost()};
  }

  JournalReader reader_;  // of the thread, while there is one
  const Machine& machine_;
  Item item_;
  std::uint64_t position_;
  Place place_;
  std::unique_ptr<Ahead> ahead_;
};

}  // namespace lookout
