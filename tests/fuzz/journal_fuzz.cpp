// The input begins with how it is to be read:
//   r   the rest is a segment file as it is
//   b   a valid header, then the rest
//   l   a valid segment with a record for each line of the rest
//   x   two bytes of position and one of change, which damage such a segment
// A hash cannot be guessed: that is why the last two make valid ones.
#include <unistd.h>

#include <vector>

#include "common/journal_reader.h"
#include "common/journal_writer.h"
#include "tests/fuzz/fuzz.h"

using namespace lookout;

namespace {

constexpr std::uint64_t kFirst = 7;

struct Journal {
  std::string bytes;
  std::vector<std::string> payloads;  // of the records that were whole
};

void append_record(Journal& journal, std::string_view payload) {
  std::string body(journal::kBodyHeadSize, '\0');
  char* to = body.data();
  journal::put(to, journal::Kind::message);
  body += payload;
  const std::uint64_t offset = kFirst + journal.payloads.size();
  std::string head(journal::kRecordHeadSize, '\0');
  to = head.data();
  journal::put(to, static_cast<std::uint32_t>(body.size()));
  journal::put(to, journal::hash_body(offset, body));
  journal.bytes += head + body;
  journal.payloads.emplace_back(payload);
}

Journal make_lines(std::string_view lines) {
  Journal journal{journal::encode_header(kFirst), {}};
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    append_record(journal, lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return journal;
}

Journal make_damaged(std::string_view input) {
  if (input.size() < 3) return {};
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(input[i]));
  };
  Journal journal = make_lines(input.substr(3));
  const std::size_t position = (byte(0) * 256 + byte(1)) % journal.bytes.size();
  if (byte(2) == 0) {
    journal.bytes.resize(position);  // cut
  } else {
    journal.bytes[position] =
        static_cast<char>(static_cast<unsigned char>(journal.bytes[position]) ^ byte(2));
  }
  return journal;
}

Journal make_journal(std::string_view input) {
  const char kind = input.empty() ? 'r' : input[0];
  if (!input.empty()) input.remove_prefix(1);
  if (kind == 'l') return make_lines(input);
  if (kind == 'x') return make_damaged(input);
  if (kind == 'b') return {journal::encode_header(kFirst) + std::string(input), {}};
  return {std::string(input), {}};
}

// What it says of a record is what was written there; what it does not say it has counted.
void read_all(const std::filesystem::path& folder, std::uint64_t end, const Journal& journal,
              std::string_view newest) {
  JournalReader reader(folder, kFirst);
  std::uint64_t count = 0;
  while (true) {
    const auto record = reader.next(end);
    if (!record) return;
    if (!*record) break;
    ++count;
    fuzz::demand((*record)->offset >= kFirst && (*record)->offset < end);
    const std::uint64_t index = (*record)->offset - kFirst;
    const std::string_view payload = (*record)->message.payload;
    if (index < journal.payloads.size())
      fuzz::demand(payload == journal.payloads[index] || payload == newest);
  }
  fuzz::demand(count + reader.lost() == end - kFirst);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto folder = fuzz::folder() / "journal";
  std::filesystem::create_directory(folder);
  const Journal journal = make_journal(fuzz::text_of(data, size));
  test::spit(journal::segment_path(folder, kFirst), journal.bytes);
  read_all(folder, kFirst + size + 1, journal, "");

  // Whatever it was, a start takes it, keeps what is whole, and goes on behind it.
  constexpr const char* kNewest = "the newest";
  {
    JournalConfig config;
    config.segment = 64 << 10;
    const auto writer = JournalWriter::open(folder, config);
    fuzz::demand(writer.has_value());
    const auto offset = (*writer)->append({.arrival = Timestamp{}, .topic = "t", .payload = kNewest});
    fuzz::demand(offset.has_value() && *offset + 1 == (*writer)->end());
    read_all(folder, (*writer)->end(), journal, kNewest);
  }
  std::filesystem::remove_all(folder);
  return 0;
}
