#include "bridge/kafka/forwarder.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <ctime>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "bridge/books_command.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"
#include "tests/unit/bridge/archive_fixture.h"
#include "tests/unit/bridge/fake_kafka.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

Sent numbered(int number) {
  return {.payload = fmt::format(R"({{"event_time":{},"value":{}}})", 1795346400 - number, number)};
}

/// What is logged while it is there.
class LogOf {
 public:
  LogOf() {
    spdlog::default_logger()->sinks().push_back(std::make_shared<spdlog::sinks::ostream_sink_mt>(log_));
  }
  LogOf(const LogOf&) = delete;
  LogOf& operator=(const LogOf&) = delete;
  ~LogOf() { spdlog::default_logger()->sinks().pop_back(); }
  /// While nobody else logs.
  [[nodiscard]] std::string text() const { return log_.str(); }

 private:
  std::ostringstream log_;
};

/// An archive, a Kafka, and the forwarder between them on a thread of its own.
class Forwarding {
 public:
  void start() {
    // As the programs do before they have threads: the thread sanitizer does not see how the library guards
    // it.
    spdlog::default_logger();
    forwarder_.emplace(Forwarder::Options{.archive = box.path(),
                                          .folder = box.folder / "bridge",
                                          .box = "b1",
                                          .epoch = box.archive->epoch(),
                                          .first_offset = box.archive->state().first_offset,
                                          .first_retry = 1ms,
                                          .fenced_pause = 20ms},
                       box.config, kafka.connector());
    forwarder_->taking_from(std::max(box.archive->next_offset(), forwarder_->forwarded()));
    forwarder_->advance(box.archive->next_offset());
    thread_ = std::jthread([this](const std::stop_token& stop) { forwarder_->run(stop); });
  }
  void stop() {
    thread_ = {};
    forwarder_.reset();
  }
  void store(int first, int count) {
    for (int i = 0; i < count; ++i) box.store({numbered(first + i)});
    if (forwarder_) forwarder_->advance(box.archive->next_offset());
  }
  bool await_forwarded() {
    return wait_until([&] { return forwarder_->forwarded() == box.archive->next_offset(); });
  }
  /// The values of the readings in Kafka, in order.
  [[nodiscard]] std::vector<int> values() const {
    std::vector<int> found;
    for (const FakeKafka::Record& record : kafka.committed()) {
      if (record.topic == "lookout.readings" && record.headers.at("ce_type") == "lookout.reading")
        found.push_back(nlohmann::json::parse(record.value)["value"]);
    }
    return found;
  }
  /// Epochs and offsets of the records: one may name one message only.
  [[nodiscard]] std::set<std::pair<std::string, std::string>> places() const {
    std::set<std::pair<std::string, std::string>> found;
    for (const FakeKafka::Record& record : kafka.committed())
      found.emplace(record.headers.at("epoch"), record.headers.at("offset"));
    return found;
  }
  [[nodiscard]] std::size_t epochs() const {
    std::set<std::string> found;
    for (const auto& [epoch, offset] : places()) found.insert(epoch);
    return found.size();
  }
  /// Of the state folder; and back again, with what the box remembers of Kafka, or without.
  void keep_copy() {
    box.close();
    std::filesystem::copy(box.folder / "bridge", box.folder / "kept",
                          std::filesystem::copy_options::recursive);
    box.open();
  }
  void restore_copy(bool whole = true) {
    const std::uint64_t before = box.archive->next_offset();
    box.close();
    std::filesystem::remove_all(whole ? box.folder / "bridge" : box.path());
    std::filesystem::copy(whole ? box.folder / "kept" : box.folder / "kept" / "archive",
                          whole ? box.folder / "bridge" : box.path(),
                          std::filesystem::copy_options::recursive);
    box.open();
    box.skip(box.archive->next_offset() - before);  // back
  }
  Forwarder& forwarder() { return *forwarder_; }

  ArchiveFixture box;
  FakeKafka kafka;

 private:
  std::optional<Forwarder> forwarder_;
  std::jthread thread_;
};

std::vector<int> counting(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace

TEST_CASE("what the archive holds and what comes goes to Kafka in order, with a cursor") {
  Forwarding site;
  site.store(0, 5);
  site.start();
  REQUIRE(site.await_forwarded());
  site.store(5, 3);
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(8));
  const auto cursor = parse_cursor(site.kafka.cursors().at(cursor_key("b1", site.box.archive->epoch())));
  REQUIRE(cursor);
  CHECK(cursor->offset == 8);
  CHECK(cursor->messages == 8);
  CHECK(cursor->records == 8);
  CHECK(site.forwarder().status().state == ForwardState::forwarding);
}

TEST_CASE("a forwarder that was stopped goes on where Kafka's cursor is, whatever the box remembers") {
  Forwarding site;
  site.store(0, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  SECTION("it remembers") {}
  SECTION("it has forgotten") { std::filesystem::remove(site.box.folder / "bridge" / "kafka-cursor.json"); }
  SECTION("it remembers too much") {
    const KafkaCursor wrong{.epoch = site.box.archive->epoch(), .offset = 6};
    REQUIRE(save_cursor_copy(site.box.folder / "bridge", {.cursor = wrong}, false));
  }
  site.store(4, 4);
  site.start();
  REQUIRE(wait_until([&] { return site.values().size() >= 8; }));
  CHECK(site.values() == counting(8));
}

TEST_CASE("a Kafka that has lost the cursor: it goes on where the box remembers, and the log says so") {
  Forwarding site;
  site.store(0, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.kafka.lose_cursors();
  site.store(4, 2);
  const LogOf log;
  site.start();
  REQUIRE(wait_until([&] { return site.values().size() >= 6; }));
  site.stop();
  CHECK(site.values() == counting(6));
  CHECK(occurrences(log.text(), "has lost the cursor of this box; it goes on at offset 4") == 1);
  CHECK(load_cursor_copy(site.box.folder / "bridge")->cursor.messages == 6);
}

TEST_CASE("another Kafka gets everything that the archive holds, and the log says so") {
  Forwarding site;
  site.store(0, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.kafka.replace("another");
  const LogOf log;
  site.start();
  CHECK(wait_until([&] { return site.values() == counting(4); }));
  site.stop();
  CHECK(occurrences(log.text(), "is not the Kafka to which it forwarded up to offset 4") == 1);
  site.store(4, 1);
  site.start();
  CHECK(wait_until([&] { return site.values() == counting(5); }));
}

TEST_CASE("whatever fails at whatever call, every record is committed once and in order") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Forwarding site;
  site.store(0, 20);
  int faults = 0;
  site.kafka.script([&](const std::string& call) -> std::optional<FakeKafka::Fault> {
    const bool often = call == "commit" || call == "take_over";
    if (faults >= 60 || random() % (often ? 2 : 20) != 0) return std::nullopt;
    ++faults;
    return FakeKafka::Fault{.fenced = random() % 5 == 0, .after = call == "commit" && random() % 2 == 0};
  });
  site.start();
  for (int i = 1; i < 20; ++i) site.store(20 * i, 20);
  REQUIRE(site.await_forwarded());
  CHECK(faults > 10);
  CHECK(site.values() == counting(400));
}

TEST_CASE("a commit of which nobody knows whether it took place is asked about, not repeated") {
  Forwarding site;
  site.store(0, 3);
  bool failed = false;
  site.kafka.script([&](const std::string& call) -> std::optional<FakeKafka::Fault> {
    if (call != "commit" || std::exchange(failed, true)) return std::nullopt;
    return FakeKafka::Fault{.after = true};
  });
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(failed);
  CHECK(site.values() == counting(3));
  CHECK(site.kafka.calls("take_over") == 2);
}

TEST_CASE("fenced, it stays away while the other one's cursor moves, and comes back when that one stops") {
  Forwarding site;
  site.store(0, 3);
  site.start();
  REQUIRE(site.await_forwarded());
  std::jthread other([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      site.kafka.set_cursor("b1/other", std::to_string(i));
      std::this_thread::yield();
    }
  });
  site.kafka.fence();
  site.store(3, 2);
  REQUIRE(wait_until([&] { return site.forwarder().status().state == ForwardState::fenced; }));
  const int reads = site.kafka.calls("read_cursors");
  REQUIRE(wait_until([&] { return site.kafka.calls("read_cursors") > reads + 3; }));
  CHECK(site.kafka.calls("take_over") == 1);
  CHECK_THAT(site.forwarder().status().error, Catch::Contains("another bridge forwards for box 'b1'"));
  other = {};
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(5));
}

TEST_CASE("fenced for no reason, it comes back after one look") {
  Forwarding site;
  site.store(0, 3);
  site.start();
  REQUIRE(site.await_forwarded());
  site.kafka.set_cursor(job_key("b1", site.box.archive->epoch(), "again"), "1");  // a job's, who moves it
  site.kafka.fence();
  site.store(3, 2);
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(5));
  CHECK(site.kafka.calls("read_cursors") == 3);  // at the start, at the look, and when it took over again
}

TEST_CASE("while Kafka is away the state says so and why, and tries are further and further apart") {
  Forwarding site;
  site.store(0, 3);
  site.kafka.script([](const std::string& call) {
    return call == "take_over" ? std::optional(FakeKafka::Fault{}) : std::nullopt;
  });
  site.start();
  REQUIRE(wait_until([&] { return site.kafka.calls("take_over") >= 6; }));
  CHECK(site.forwarder().status().state == ForwardState::failing);
  CHECK(site.forwarder().status().error == "take_over failed");
  CHECK(site.forwarder().forwarded() == 0);
  site.kafka.script({});
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(3));
}

TEST_CASE("what is refused again and again is not tried in a tight loop, and once taken all is well") {
  Forwarding site;
  site.store(0, 3);
  site.kafka.script([](const std::string& call) {
    return call == "commit" ? std::optional(FakeKafka::Fault{}) : std::nullopt;
  });
  site.start();
  const auto begin = Forwarder::Clock::now();
  REQUIRE(wait_until([&] { return site.kafka.calls("commit") >= 8; }));
  // 1, 2, 4, 8, 16, 32 and 60 ms between them.
  CHECK(Forwarder::Clock::now() - begin >= 120ms);
  CHECK(site.forwarder().status().state == ForwardState::failing);
  site.kafka.script({});
  REQUIRE(site.await_forwarded());
  CHECK(wait_until([&] { return site.forwarder().status().state == ForwardState::forwarding; }));
}

TEST_CASE("a Kafka that comes back when there is nothing to forward is no trouble any more") {
  Forwarding site;
  site.kafka.script([](const std::string& call) {
    return call == "take_over" ? std::optional(FakeKafka::Fault{}) : std::nullopt;
  });
  site.start();
  REQUIRE(wait_until([&] { return site.forwarder().status().state == ForwardState::failing; }));
  site.kafka.script({});
  CHECK(wait_until([&] { return site.forwarder().status().state == ForwardState::forwarding; }));
  CHECK(site.forwarder().status().error.empty());
}

TEST_CASE(
    "offsets missing at the archive's end are waited for in peace, and a gap as soon as one comes behind "
    "them") {
  Forwarding site;
  site.store(0, 2);
  site.start();
  REQUIRE(site.await_forwarded());
  const std::clock_t before = std::clock();
  site.forwarder().advance(5);  // two to four lay in a file that is damaged
  const auto until = Forwarder::Clock::now() + 1s;
  REQUIRE(wait_until([&] { return Forwarder::Clock::now() >= until; }));
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 4);
  CHECK(site.forwarder().forwarded() == 2);
  site.box.skip(3);
  site.store(5, 1);
  REQUIRE(site.await_forwarded());
  CHECK(site.kafka.committed().at(2).headers.at("ce_type") == "lookout.gap");
  CHECK(site.values() == std::vector{0, 1, 5});
}

TEST_CASE("another archive of the box begins at its own beginning") {
  Forwarding site;
  site.kafka.set_cursor(cursor_key("b1", site.box.archive->epoch() + 1),
                        to_json(KafkaCursor{.epoch = site.box.archive->epoch() + 1, .offset = 3}));
  site.store(0, 5);
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(5));
}

TEST_CASE(
    "an older copy of the archive while Kafka is away: what comes goes to Kafka once, under an epoch of its "
    "own") {
  Forwarding site;
  site.store(0, 2);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.keep_copy();
  site.store(2, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.restore_copy();
  site.kafka.script([](const std::string& call) {
    return call == "take_over" ? std::optional(FakeKafka::Fault{}) : std::nullopt;
  });
  // Of the offsets that these take Kafka has all, or some: 2 to 5.
  const int more = GENERATE(0, 3, 9);
  const int starts = GENERATE(1, 2);
  INFO(more << " messages, " << starts << " starts");
  for (int i = 0; i < starts; ++i) {
    if (i > 0) site.stop();
    site.start();
    site.store(100 + more * i, more);
  }
  site.kafka.script({});
  REQUIRE(wait_until([&] { return site.forwarder().status().state == ForwardState::forwarding; }));
  site.store(100 + more * starts, 1);
  REQUIRE(site.await_forwarded());
  std::vector<int> all = counting(6);
  for (int i = 0; i <= more * starts; ++i) all.push_back(100 + i);
  CHECK(site.values() == all);
  CHECK(site.places().size() == all.size());
  // Another start goes on there.
  site.stop();
  site.start();
  site.store(1000, 1);
  REQUIRE(site.await_forwarded());
  all.push_back(1000);
  CHECK(site.values() == all);
  CHECK(site.places().size() == all.size());
  const auto books = count_books(site.box.path(), site.forwarder().status().cursor);
  REQUIRE(books);
  CHECK(books->forwarded == all.size() - 6);
  CHECK(books->difference() == 0);
}

TEST_CASE("an older copy of the archive beside what the box remembers of Kafka: what comes lies above that") {
  Forwarding site;
  site.store(0, 2);
  site.keep_copy();
  site.store(2, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.restore_copy(false);
  site.box.skip(4);  // as the journal does
  site.start();
  site.store(100, 2);
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == std::vector{0, 1, 2, 3, 4, 5, 100, 101});
  CHECK(site.places().size() == 8);
  CHECK(site.epochs() == 1);
}

TEST_CASE("a copy of the archive that went its own way is noticed, also where no offset seems used twice") {
  Forwarding site;
  site.store(0, 2);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.keep_copy();
  site.store(2, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.restore_copy();
  site.store(100, 6);  // by a bridge without Kafka
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == std::vector{0, 1, 2, 3, 4, 5, 100, 101, 102, 103, 104, 105});
  CHECK(site.places().size() == 12);
}

TEST_CASE("a bridge that was fenced by its twin sends what it took itself under an epoch of its own") {
  Forwarding site;
  site.store(0, 3);
  site.start();
  REQUIRE(site.await_forwarded());
  const std::string key = cursor_key("b1", site.box.archive->epoch());
  KafkaCursor twin = *parse_cursor(site.kafka.cursors().at(key));
  twin.offset = 7;
  twin.last = "of the twin's";
  site.kafka.set_cursor(key, to_json(twin));
  site.kafka.fence();
  site.store(3, 2);
  REQUIRE(wait_until([&] { return site.values().size() == 5; }));
  CHECK(site.values() == counting(5));
  CHECK(site.epochs() == 2);
}

TEST_CASE("an alert of a region called forward is not told again after a start") {
  Forwarding site;
  const Sent alert{.topic = "alerts/w/Fire/forward/s1", .payload = R"({"id":"Fire","revision":1})"};
  site.box.store({alert});
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.box.store({alert});
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.kafka.committed().size() == 1);
}

TEST_CASE("a backlog goes in transactions of bounded size") {
  Forwarding site;
  site.box.begin();
  for (int i = 0; i < 12'000; ++i) site.box.add({numbered(i)});
  site.box.commit();
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(12'000));
  CHECK(site.kafka.largest_transaction() == 10'000);
}

TEST_CASE("a line too thin for a large transaction gets smaller ones, and larger ones where it has grown") {
  int produced = 0, refused = 0;
  std::atomic<bool> thin = true;
  Forwarding site;
  site.box.begin();
  for (int i = 0; i < 2000; ++i) site.box.add({numbered(i)});
  site.box.commit();
  site.kafka.script([&](const std::string& call) -> std::optional<FakeKafka::Fault> {
    if (call == "begin") produced = 0;
    if (call == "produce") ++produced;
    if (call != "commit" || produced <= 300 || !thin) return std::nullopt;
    ++refused;
    return FakeKafka::Fault{};
  });
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(2000));
  CHECK(site.kafka.largest_transaction() > 150);
  CHECK(site.kafka.largest_transaction() <= 300);
  CHECK(refused < 9);  // not every other one
  // What comes now and then proves nothing.
  for (int i = 2000; i < 2060; ++i) {
    site.store(i, 1);
    if (i % 20 == 0) REQUIRE(site.await_forwarded());
  }
  REQUIRE(site.await_forwarded());
  const int before = refused;
  site.box.begin();
  for (int i = 2060; i < 3000; ++i) site.box.add({numbered(i)});
  site.box.commit();
  site.store(3000, 1);
  REQUIRE(site.await_forwarded());
  CHECK(refused - before < 2);
  thin = false;
  site.box.begin();
  for (int i = 3001; i < 11'000; ++i) site.box.add({numbered(i)});
  site.box.commit();
  site.store(11'000, 1);
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(11'001));
  CHECK(site.kafka.largest_transaction() > 900);
}

TEST_CASE("large messages on a thin line go in transactions of fewer bytes") {
  std::size_t produced = 0, largest = 0;
  Forwarding site;
  site.box.begin();
  for (int i = 0; i < 200; ++i)
    site.box.add({{.payload = fmt::format(R"({{"event_time":{},"value":{},"note":"{}"}})", 1795346400 + i, i,
                                          std::string(30'000, 'x'))}});
  site.box.commit();
  site.kafka.script([&](const std::string& call) -> std::optional<FakeKafka::Fault> {
    if (call == "begin") produced = 0;
    if (call == "produce") ++produced;
    if (call != "commit") return std::nullopt;
    if (produced > 10) return FakeKafka::Fault{};
    largest = std::max(largest, produced);
    return std::nullopt;
  });
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(200));
  CHECK(largest > 3);
}

TEST_CASE("the books count what retention took before it was forwarded") {
  Forwarding site;
  site.box.config.archive.evict_unforwarded = true;
  site.box.open();
  site.store(0, 2);
  site.box.store({{.payload = R"({"event_time":1795346500,"value":77})", .arrival = "2026-11-23T12:00:00Z"}});
  site.box.maintain();
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  const auto copy = load_cursor_copy(site.box.folder / "bridge");
  REQUIRE(copy);
  const auto all = count_books(site.box.path(), copy->cursor);
  REQUIRE(all);
  CHECK(all->offsets == 3);
  CHECK(all->forwarded == 3);
  CHECK(all->difference() == 0);
  // As if it had been stopped before, and the oldest file had to go meanwhile.
  site.box.archive->set_forwarded(1);
  REQUIRE(*site.box.archive->make_room());
  const auto less = count_books(site.box.path(), {.epoch = 1, .begin = 0, .offset = 1, .messages = 1});
  REQUIRE(less);
  CHECK(less->evicted == 1);
  CHECK(less->pending == 1);
  CHECK(less->difference() == 0);
}

TEST_CASE("the books balance when a file is damaged after it was forwarded") {
  Forwarding site;
  site.store(0, 2);
  site.box.store({{.payload = R"({"event_time":1795346500,"value":77})", .arrival = "2026-11-23T12:00:00Z"}});
  site.box.maintain();
  site.start();
  REQUIRE(site.await_forwarded());
  site.box.archive->set_damaged_aside(0, "for example");
  site.stop();
  const auto copy = load_cursor_copy(site.box.folder / "bridge");
  REQUIRE(copy);
  const auto books = count_books(site.box.path(), copy->cursor);
  REQUIRE(books);
  CHECK(books->forwarded == 3);
  CHECK(books->lost == 0);
  CHECK(books->difference() == 0);
}

TEST_CASE("a file that cannot be read is told to the archive's owner, and is a gap from then on") {
  Forwarding site;
  site.store(0, 2);
  site.box.store({{.payload = R"({"event_time":1795346500,"value":77})", .arrival = "2026-11-23T12:00:00Z"}});
  site.box.maintain();
  const auto damaged = site.box.files().front();
  std::filesystem::permissions(damaged, std::filesystem::perms::owner_all);
  spit(damaged, std::string(8192, 'x'));
  site.start();
  std::optional<Forwarder::Damage> damage;
  REQUIRE(wait_until([&] { return (damage = site.forwarder().take_damage()).has_value(); }));
  CHECK_THAT(damage->why, Catch::Contains(damaged.filename().string()));
  site.box.archive->set_damaged_aside(damage->offset, damage->why);
  REQUIRE(site.await_forwarded());
  const auto books = count_books(site.box.path(), site.forwarder().status().cursor);
  REQUIRE(books);
  CHECK(books->forwarded == 1);
  CHECK(books->lost == 2);
  CHECK(books->difference() == 0);
  CHECK(site.values() == std::vector{77});
  std::set<std::string> topics;
  for (const FakeKafka::Record& record : site.kafka.committed()) {
    if (record.headers.at("ce_type") != "lookout.gap") continue;
    topics.insert(record.topic);
    CHECK(nlohmann::json::parse(record.value)["first_offset"] == 0);
    CHECK(nlohmann::json::parse(record.value)["end_offset"] == 2);
    CHECK(nlohmann::json::parse(record.value)["why"] == "corrupt");
  }
  CHECK(topics ==
        std::set<std::string>{"lookout.readings", "lookout.aggregates", "lookout.alerts", "lookout.late"});
}
