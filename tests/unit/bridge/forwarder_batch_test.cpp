#include <atomic>
#include <filesystem>

#include "tests/unit/bridge/forwarding.h"

using namespace lookout;
using namespace lookout::test;

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

TEST_CASE("a transaction is bounded in records too, where a message makes many") {
  constexpr int kMessages = 6'000;
  Forwarding site;
  site.box.begin();
  for (int i = 0; i < kMessages; ++i)
    site.box.add({{.topic = "flat/wild/north/s1",
                   .payload = fmt::format(R"({{"event_time":{},"t":{},"s":1}})", 1795346400 + i, i)}});
  site.box.commit();
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.kafka.committed().size() == 2 * kMessages);
  CHECK(site.kafka.largest_transaction() == 10'000);
}

TEST_CASE("while Kafka is away no file of the archive is held open: one that is evicted frees its room") {
  Forwarding site;
  site.box.begin();
  for (int i = 0; i < 150; ++i)  // more than a batch
    site.box.add({{.payload = std::string(30'000, 'x')}});
  site.box.commit();
  site.box.store({{.arrival = "2026-11-23T00:00:00Z"}});
  site.box.maintain();
  const std::string closed = site.box.files().front().string();
  REQUIRE(!closed.ends_with(".open.db"));
  std::atomic<bool> is_away = false;
  site.kafka.script([&](const std::string& call) -> std::optional<FakeKafka::Fault> {
    if (call == "commit") is_away = true;
    return call == "commit" || is_away ? std::optional(FakeKafka::Fault{}) : std::nullopt;
  });
  site.start();
  REQUIRE(wait_until([&] { return is_away && site.forwarder().status().state == ForwardState::failing; }));
  const auto holds_it = [&] {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      if (std::filesystem::read_symlink(entry.path(), error) == closed) return true;
    }
    return false;
  };
  CHECK(!holds_it());
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

TEST_CASE("a transaction takes more than the archive gives at once: all of it in order, a gap where it was") {
  constexpr int kBefore = 1000, kLost = 5, kBehind = 1500;
  Forwarding site;
  site.box.begin();
  for (int i = 0; i < kBefore; ++i) site.box.add({numbered(i)});
  site.box.commit();
  site.box.skip(kLost);
  site.box.begin();
  for (int i = kBefore; i < kBefore + kBehind; ++i) site.box.add({numbered(i)});
  site.box.commit();
  int commits = 0;
  site.kafka.script([&](const std::string& call) -> std::optional<FakeKafka::Fault> {
    commits += call == "commit" ? 1 : 0;
    return std::nullopt;
  });
  site.start();
  REQUIRE(site.await_forwarded());
  CHECK(site.values() == counting(kBefore + kBehind));
  CHECK(commits == 1);
  std::vector<std::string> offsets;
  for (const FakeKafka::Record& record : site.kafka.committed()) {
    if (record.topic == "lookout.readings") offsets.push_back(record.headers.at("offset"));
  }
  REQUIRE(offsets.size() == kBefore + kBehind + 1);
  CHECK(offsets[kBefore] == "1000");  // of the gap
  CHECK(offsets[kBefore + 1] == "1005");
}
