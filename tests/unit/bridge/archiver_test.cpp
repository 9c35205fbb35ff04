#include "bridge/archiver.h"

#include <sys/resource.h>

#include <csignal>

#include "tests/unit/bridge/archive_fixture.h"

using namespace lookout;
using namespace lookout::test;

namespace {

/// Files of this process cannot grow beyond a size: as a full disk, and ended at will.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

/// A journal with messages whose seq counts from 0, and an archive behind it.
class Line {
 public:
  explicit Line(int messages) {
    auto opened = JournalWriter::open(box.folder / "journal", box.config.journal);
    REQUIRE(opened);
    journal = std::move(*opened);
    append(messages);
  }
  void append(int messages) {
    for (int i = 0; i < messages; ++i) {
      const Sent sent{
          .payload = fmt::format(R"({{"event_time":{},"value":1,"seq":{}}})", 1795346400 + next_, next_)};
      ++next_;
      REQUIRE(journal->append(sent.view()));
    }
  }

  ArchiveFixture box;
  std::unique_ptr<JournalWriter> journal;

 private:
  int next_ = 0;
};

}  // namespace

TEST_CASE("the archiver goes through the journal in batches, each message once") {
  Line line(7);
  Archiver archiver(*line.journal, *line.box.archive, line.box.config, {.size = 3});
  REQUIRE(archiver.archive_batch({}));
  CHECK(line.box.archive->next_offset() == 3);
  CHECK(archiver.journal_state().lag_records == 4);
  REQUIRE(archiver.archive_batch({}));
  line.append(2);
  REQUIRE(archiver.archive_batch({}));
  CHECK(line.box.archive->next_offset() == 9);
  CHECK(archiver.journal_state().lag_records == 0);
  CHECK(archiver.journal_state().lag_bytes == 0);
  REQUIRE(archiver.archive_batch({}));
  CHECK(line.box.ask("SELECT count(*) || ' ' || count(DISTINCT seq) || ' ' || max(seq) FROM readings") ==
        "9 9 8");
  CHECK(archiver.books().archived.messages == 9);
}

TEST_CASE("a file of the archive ends at midnight, in the middle of a batch") {
  Line line(3);
  REQUIRE(line.journal->append(Sent{.payload = "4", .arrival = "2026-11-23T00:00:00Z"}.view()));
  REQUIRE(line.journal->append(Sent{.payload = "5", .arrival = "2026-11-23T00:00:01Z"}.view()));
  Archiver archiver(*line.journal, *line.box.archive, line.box.config, {.size = 5});
  REQUIRE(archiver.archive_batch({}));
  CHECK(line.box.archive->next_offset() == 5);
  REQUIRE(line.box.files().size() == 2);
  CHECK(ArchiveFixture::ask(line.box.files().front(), "SELECT max(offset) FROM messages") == "2");
  CHECK(line.box.ask("SELECT min(offset) || ' ' || max(offset) FROM messages") == "3 4");
  CHECK(archiver.books().archived.messages == 5);
}

TEST_CASE("the archiver does not wait for a full batch beyond its time") {
  Line line(1);
  Archiver archiver(*line.journal, *line.box.archive, line.box.config,
                    {.size = 1000, .time = std::chrono::milliseconds{1}});
  REQUIRE(archiver.archive_batch({}));
  CHECK(line.box.archive->next_offset() == 1);
}

TEST_CASE("an archiver started anew goes on behind the newest archived message") {
  Line line(5);
  {
    Archiver archiver(*line.journal, *line.box.archive, line.box.config, {.size = 2});
    REQUIRE(archiver.archive_batch({}));
  }
  line.box.close();
  line.box.open();
  Archiver archiver(*line.journal, *line.box.archive, line.box.config, {.size = 3});
  CHECK(archiver.position() == 2);
  REQUIRE(archiver.archive_batch({}));
  CHECK(line.box.ask("SELECT count(*) || ' ' || min(offset) || ' ' || max(offset) FROM messages") == "5 0 4");
  CHECK(line.box.count("readings") == "5");
}

TEST_CASE("what the archive cannot take waits in the journal and is archived once there is room") {
  Line line(2000);
  Archiver archiver(*line.journal, *line.box.archive, line.box.config);
  {
    const FullDisk full(100'000);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto archived = archiver.archive_batch({});
      REQUIRE(!archived);
      CHECK(archived.error().may_pass());
    }
  }
  CHECK(line.box.archive->next_offset() == 0);
  CHECK(archiver.books().received == 0);
  // A batch ends by the clock too.
  while (line.box.archive->next_offset() < 2000) REQUIRE(archiver.archive_batch({}));
  CHECK(line.box.ask("SELECT count(*) || ' ' || min(offset) || ' ' || max(offset) FROM messages") ==
        "2000 0 1999");
  CHECK(line.box.count("readings") == "2000");
  CHECK(archiver.books().received == 2000);
  CHECK(line.box.ask("PRAGMA integrity_check") == "ok");
}
