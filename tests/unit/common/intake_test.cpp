#include "common/intake.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>

#include "common/journal_reader.h"
#include "common/outbox.h"
#include "tests/support/broker.h"
#include "tests/support/captured_log.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/subscriber.h"
#include "tests/support/wait.h"

using namespace lookout;
using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

/// An intake as in a service: with a session of its own that publishes, on the same supervisor.
struct Rig {
  explicit Rig(Broker& broker) {
    config.mqtt.port = broker.port();
    config.journal.segment = 64 << 10;
    config.journal.limit = 512 << 10;
    config.journal.high =
        0.8;  // what comes within a look at the fill, on a busy machine too, is below a fifth
    config.journal.low = 0.6;
    journal = std::move(*JournalWriter::open(folder.path() / "journal", config.journal));
    intake.emplace(config, Intake::Options{"in", {"t/#"}, true}, *journal, supervisor);
    SessionOptions session;
    session.mqtt = config.mqtt;
    session.client_id = "out";
    session.clean_session = true;
    SessionEvents events;
    events.on_message = [](const MessageView&) {};
    events.on_connected = [this] { outbox.on_connected(); };
    events.on_lost = [this] { outbox.on_lost(); };
    events.wake = [this] { supervisor.wake(); };
    publisher = make_paho_session(session, events);
    outbox.use(*publisher);
    supervisor.add([this](auto now) { return publisher->step(now); });
    supervisor.start();
    reader.emplace(journal->folder(), 0);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() {
    supervisor.stop();
    intake->close(1s);
    publisher->close(1s);
  }

  /// One message of about 4 KiB, its number first.
  void publish() {
    const std::string payload = std::to_string(published) + std::string(4096, ' ');
    REQUIRE(outbox.publish({"t/x", payload, false}, ++published, {}));
  }
  /// Whether the broker has acknowledged all.
  [[nodiscard]] bool delivered() const { return outbox.unacknowledged() == 0; }
  /// What has come into the journal since the last call.
  void read() {
    while (true) {
      const auto record = reader->next(journal->end());
      REQUIRE(record.has_value());
      if (!*record) break;
      if ((*record)->kind == journal::Kind::message) {
        ++times[std::stoi(std::string((*record)->message.payload))];
      } else {
        changes.push_back(**record);
      }
    }
  }
  bool is_away() {
    read();
    return !changes.empty() && changes.back().kind == journal::Kind::link_down;
  }

  TempFolder folder;
  Config config;
  std::unique_ptr<JournalWriter> journal;
  std::optional<JournalReader> reader;
  Supervisor supervisor;
  std::optional<Intake> intake;
  Outbox outbox{4096, [](std::uint64_t) {}};
  std::unique_ptr<MqttSession> publisher;
  std::uint64_t published = 0;
  std::map<int, int> times;              // by number of the message: how often it was journaled
  std::vector<journal::Record> changes;  // of link and clock; their views are gone
};

}  // namespace

TEST_CASE(
    "above the high-water mark the subscription is left, publishing goes on, nothing is lost or doubled") {
  const CapturedLog log;
  Broker broker;
  Rig rig(broker);
  REQUIRE(wait_until([&] {
    rig.read();
    return !rig.changes.empty();
  }));
  // Nobody trims: the consumer is slow. 512 KiB x 0.8 are 102 of these.
  REQUIRE(wait_until([&] {
    if (rig.delivered()) rig.publish();
    return rig.is_away();
  }));
  CHECK(rig.journal->size_bytes() > rig.journal->high_water());
  CHECK(rig.journal->size_bytes() < rig.config.journal.limit);

  const std::uint64_t end = rig.journal->end();
  for (int i = 0; i < 80; ++i) rig.publish();
  REQUIRE(wait_until([&] { return rig.delivered(); }));
  // Below high and above low: it stays away.
  rig.journal->trim(end, rig.journal->high_water());
  REQUIRE(rig.journal->size_bytes() > rig.journal->low_water());
  CHECK_FALSE(wait_until([&] { return rig.journal->end() > end; }, 1s));
  rig.journal->trim(end);
  REQUIRE(wait_until([&] {
    rig.read();
    return rig.times.size() == rig.published;
  }));
  int doubled = 0;
  for (const auto& [number, times] : rig.times) doubled += times - 1;
  CHECK(doubled <= 1);  // one at a time was on its way when the session left

  REQUIRE(rig.changes.size() >= 3);
  const auto& down = rig.changes.at(rig.changes.size() - 2);
  const auto& up = rig.changes.back();
  CHECK(down.kind == journal::Kind::link_down);
  CHECK(up.kind == journal::Kind::link_up);
  CHECK(down.stamp.connected == up.stamp.connected);
  CHECK_FALSE(rig.changes.front().message.retain);  // the session was new then
  CHECK(up.message.retain);
  CHECK(log.count("leaves the broker") == 1);
  CHECK(log.count("goes back to the broker") == 1);
  CHECK(log.count("lost the broker") == 0);
}

TEST_CASE("a journal that is full at the start is not filled further before it was trimmed") {
  Broker broker;
  const TempFolder folder;
  Config config;
  config.mqtt.port = broker.port();
  config.journal.segment = 64 << 10;
  config.journal.limit = 256 << 10;
  auto journal = std::move(*JournalWriter::open(folder.path() / "journal", config.journal));
  while (journal->size_bytes() <= journal->high_water()) {
    REQUIRE(journal->prepare());
    REQUIRE(journal->append({Timestamp{}, "t", std::string(4096, 'x')}));
  }
  Supervisor supervisor;
  Intake intake(config, {"in", {"t/#"}, false}, *journal, supervisor);
  supervisor.start();
  const std::uint64_t end = journal->end();
  broker.publish("t/before", "no session yet, so nobody keeps it");
  journal->trim(end);
  REQUIRE(wait_until([&] {
    broker.publish("t/after", "taken");
    return journal->end() > end;
  }));
  JournalReader reader(journal->folder(), end);
  CHECK(reader.next(end + 1).value()->message.topic == "t/after");
  supervisor.stop();
  intake.close(1s);
}

TEST_CASE("a disk whose sync fails ends the process with exit code 75 and says so") {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::alarm(30);
    CrashFileSystem disk;
    Config config;
    config.mqtt.port = 1;
    auto journal = JournalWriter::open("/state/journal", config.journal, 0, disk);
    disk.fail_syncs(true);
    Supervisor supervisor;
    const Intake intake(config, {"in", {}, false}, **journal, supervisor);
    while (true) ::pause();
  }
  ::close(pipe[1]);
  std::string said(4096, '\0');
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < said.size();
       size += static_cast<std::size_t>(std::max<ssize_t>(got, 0)))
    got = ::read(pipe[0], said.data() + size, said.size() - size);
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 75);
  CHECK_THAT(said,
             Catch::Contains("cannot sync the journal in '/state/journal': Input/output error: ending"));
}
