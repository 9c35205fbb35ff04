#include "gateway/read_ahead.h"

#include <catch2/catch.hpp>
#include <random>

#include "common/journal_writer.h"
#include "gateway/publish.h"
#include "tests/support/captured_log.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/gateway/machine_rig.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

constexpr Timestamp kBegin{1'790'000'000s};

// Which level of a topic is the region and which the sensor depends on the configuration.
Config config(bool swapped) {
  const std::string levels = swapped ? "{sensor}/{region}" : "{region}/{sensor}";
  return parse_config({{{"lookout.toml", "[[input]]\ntopic = \"sensors/{network}/" + levels +
                                             "/{metric}\"\ncodec = \"lookout\"\n[[window]]\nname = \"w\"\n"
                                             "size = \"1s\"\nby = [\"region\"]\n"}}})
      .config;
}

/// A journal in which every kind of record stands, small and large ones, and now and then another
/// configuration.
class Recorded {
 public:
  Recorded() {
    settings_.segment = 1 << 20;
    writer = std::move(*JournalWriter::open(folder.path() / "journal", settings_));
  }
  void append(std::size_t records) {
    for (std::size_t i = 0; i < records; ++i) append_one();
  }
  void flip_byte_of_first_segment() const {
    const auto segment = journal::segment_path(writer->folder(), 0);
    std::string bytes = slurp(segment);
    bytes[bytes.size() / 2] ^= 1;
    spit(segment, bytes);
  }
  void flip_byte_of_last_record() const {
    const auto segment =
        journal::segment_path(writer->folder(), list_segments(writer->folder())->rbegin()->first);
    std::string bytes = slurp(segment);
    bytes[bytes.find_last_not_of('\0')] ^= 1;
    spit(segment, bytes);
  }

  TempFolder folder;
  std::unique_ptr<JournalWriter> writer;

 private:
  void append_one() {
    const Timestamp now = kBegin + count_++ * 50ms;
    std::string topic = fmt::format("sensors/net/a{}/b{}/t", random_() % 3, random_() % 3), payload;
    auto kind = journal::Kind::message;
    if (const auto dice = random_() % 1000; dice < 3) {
      kind = journal::Kind::configuration;
      payload = to_json(config(dice == 0).sources);
      topic.clear();
    } else if (dice < 20) {
      kind = dice < 10 ? journal::Kind::link_up : journal::Kind::tick;
      topic.clear();
    } else if (dice < 30) {
      payload = dice < 25 ? "no JSON" : std::string(random_() % 300'000, '7');
    } else if (dice < 40) {
      topic = "replay/job/raw/" + topic;
    } else {
      payload = fmt::format(R"({{"event_time":{}.{:03},"value":{}}})", now.time_since_epoch() / 1s,
                            now.time_since_epoch() % 1s / 1ms, random_() % 50);
    }
    REQUIRE(writer->prepare());
    REQUIRE(writer->append({now, topic, payload}, kind, {now - kBegin, true}).has_value());
  }

  JournalConfig settings_;
  std::mt19937_64 random_{7};
  std::int64_t count_ = 0;
};

/// What the machine gives for each record, with its offset.
struct Given {
  std::vector<std::string> outputs;
  std::uint64_t lost = 0;
  bool operator==(const Given&) const = default;
};

void add(Given& given, const journal::Record& record, const std::vector<Output>& outputs) {
  std::vector<Outgoing> messages;
  for (const Output& output : outputs) render(output, record, messages);
  for (const Outgoing& message : messages)
    given.outputs.push_back(fmt::format("{} {} {}", record.offset, message.topic, message.payload));
}

// One after the other.
Given read_plainly(const std::filesystem::path& folder, std::uint64_t end) {
  Machine machine = *Machine::create(config(false), "box");
  JournalReader reader(folder, 0);
  std::vector<Output> outputs;
  Given given;
  while (const auto record = *reader.next(end)) {
    machine.step(*record, outputs);
    add(given, *record, outputs);
  }
  given.lost = reader.lost();
  return given;
}

void read_on(ReadAhead& reader, Machine& machine, std::uint64_t end, Given& given) {
  std::vector<Output> outputs;
  while (auto* const item = *reader.next(end)) {
    REQUIRE(reader.position() == item->record.offset + 1);
    machine.step(item->record, item->parsed, outputs);
    add(given, item->record, outputs);
  }
  CHECK(reader.position() == end);
  given.lost = reader.lost();
}

}  // namespace

TEST_CASE(
    "what is read ahead gives what is read one after the other, under the configuration of each record") {
  Recorded recorded;
  recorded.append(10'000);
  const std::uint64_t end = recorded.writer->end();
  Machine machine = *Machine::create(config(false), "box");
  Given given;
  ReadAhead reader(recorded.writer->folder(), 0, end, machine);
  read_on(reader, machine, end, given);
  CHECK(given.outputs.size() > 300);
  CHECK(given == read_plainly(recorded.writer->folder(), end));

  recorded.append(1000);
  const std::uint64_t later = recorded.writer->end();
  read_on(reader, machine, later, given);
  CHECK(given == read_plainly(recorded.writer->folder(), later));
}

TEST_CASE("a damaged record is missing ahead as it is one after the other") {
  const CapturedLog log;
  Recorded recorded;
  recorded.append(10'000);
  recorded.flip_byte_of_first_segment();
  const std::uint64_t end = recorded.writer->end();
  Machine machine = *Machine::create(config(false), "box");
  Given given;
  ReadAhead reader(recorded.writer->folder(), 0, end, machine);
  read_on(reader, machine, end, given);
  CHECK(given.lost > 0);
  CHECK(given == read_plainly(recorded.writer->folder(), end));
  CHECK(log.count("cannot be read") == 2);  // once by each
}

TEST_CASE("a journal that cannot be read on fails ahead too, behind what could be, with the same words") {
  Recorded recorded;
  recorded.append(10'000);
  const auto folder = recorded.writer->folder();
  const std::uint64_t end = recorded.writer->end();
  const std::uint64_t second = std::next(list_segments(folder)->begin())->first;
  REQUIRE(second > 800);  // more than is read ahead of the first record
  const Machine machine = *Machine::create(config(false), "box");
  ReadAhead ahead(folder, 0, end, machine);
  JournalReader plain(folder, 0);
  REQUIRE(*ahead.next(end) != nullptr);
  REQUIRE(plain.next(end).value().has_value());
  // The segment that is open can be read on, the next one not be found.
  std::filesystem::rename(folder, recorded.folder / "elsewhere");
  spit(folder, "a file where the folder should be");
  for (std::uint64_t offset = 1; offset < second; ++offset)
    REQUIRE((*ahead.next(end))->record.offset == offset);
  while (plain.position() < second) REQUIRE(plain.next(end).has_value());
  const auto failed = ahead.next(end);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error() == plain.next(end).error());
  CHECK(ahead.position() == second);
}

TEST_CASE("a journal that cannot be read at all fails ahead too") {
  Recorded recorded;
  recorded.append(3000);
  const Machine machine = *Machine::create(config(false), "box");
  const TempFolder elsewhere;
  spit(elsewhere / "journal", "a file where the folder should be");
  ReadAhead reader(elsewhere / "journal", 0, 3000, machine);
  const auto ahead = reader.next(3000);
  REQUIRE_FALSE(ahead.has_value());
  CHECK(ahead.error() == JournalReader(elsewhere / "journal", 0).next(3000).error());
}

TEST_CASE("who stops in the middle does not wait for the rest: what is damaged there is not noticed") {
  Recorded recorded;
  recorded.append(10'000);
  recorded.flip_byte_of_last_record();
  const std::uint64_t end = recorded.writer->end();
  Machine machine = *Machine::create(config(false), "box");
  const CapturedLog log;
  for (const int taken : {0, 1, 300, 2600}) {
    ReadAhead reader(recorded.writer->folder(), 0, end, machine);
    for (int i = 0; i < taken; ++i) REQUIRE(*reader.next(end) != nullptr);
  }
  CHECK(log.count("cannot be read") == 0);
  Given given;
  ReadAhead reader(recorded.writer->folder(), 0, end, machine);
  read_on(reader, machine, end, given);
  CHECK(log.count("cannot be read") == 1);
}
