#include "bridge/books_command.h"
#include "tests/support/captured_log.h"
#include "tests/unit/bridge/forwarding.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("a Kafka that has lost the cursor: it goes on where the box remembers, and the log says so") {
  Forwarding site;
  site.store(0, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.kafka.lose_cursors();
  site.store(4, 2);
  const CapturedLog log;
  site.start();
  REQUIRE(wait_until([&] { return site.values().size() >= 6; }));
  site.stop();
  CHECK(site.values() == counting(6));
  CHECK(log.count("has lost the cursor of this box; it goes on at offset 4") == 1);
  CHECK(load_cursor_copy(site.box.folder / "bridge")->cursor.messages == 6);
}

TEST_CASE("another Kafka gets everything that the archive holds, and the log says so") {
  Forwarding site;
  site.store(0, 4);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.kafka.replace("another");
  const CapturedLog log;
  site.start();
  CHECK(wait_until([&] { return site.values() == counting(4); }));
  site.stop();
  CHECK(log.count("is not the Kafka to which it forwarded up to offset 4") == 1);
  site.store(4, 1);
  site.start();
  CHECK(wait_until([&] { return site.values() == counting(5); }));
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
