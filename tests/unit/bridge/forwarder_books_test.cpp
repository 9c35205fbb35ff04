#include <map>

#include "bridge/books_command.h"
#include "tests/support/text.h"
#include "tests/unit/bridge/forwarding.h"

using namespace lookout;
using namespace lookout::test;

namespace {

/// Where the gaps of that kind begin and end, by the topics that have them.
std::map<std::string, std::vector<std::pair<int, int>>> gaps(const Forwarding& site, const std::string& why) {
  std::map<std::string, std::vector<std::pair<int, int>>> found;
  for (const FakeKafka::Record& record : site.kafka.committed()) {
    if (record.headers.at("ce_type") != "lookout.gap") continue;
    const auto gap = nlohmann::json::parse(record.value);
    if (gap["why"] == why) found[record.topic].emplace_back(gap["first_offset"], gap["end_offset"]);
  }
  return found;
}

std::map<std::string, std::vector<std::pair<int, int>>> in_all_topics(int first, int end) {
  std::map<std::string, std::vector<std::pair<int, int>>> all;
  for (const char* topic : {"lookout.readings", "lookout.aggregates", "lookout.alerts", "lookout.late"})
    all[topic] = {{first, end}};
  return all;
}

}  // namespace

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

TEST_CASE("what retention took before it was forwarded is a gap that consumers of all topics see") {
  Forwarding site;
  site.box.config.archive.evict_unforwarded = true;
  site.box.open();
  site.store(0, 1);
  site.start();
  REQUIRE(site.await_forwarded());
  site.stop();
  site.store(1, 1);
  site.box.store({{.payload = R"({"event_time":1795346500,"value":77})", .arrival = "2026-11-23T12:00:00Z"}});
  site.box.maintain();
  site.box.archive->set_forwarded(1);
  REQUIRE(*site.box.archive->make_room());
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == std::vector{0, 77});
  CHECK(gaps(site, "evicted") == in_all_topics(1, 2));
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
  CHECK(gaps(site, "corrupt") == in_all_topics(0, 2));
}
