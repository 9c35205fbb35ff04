#include "bridge/archive/archive.h"

#include "tests/unit/bridge/archive_fixture.h"

using namespace lookout;
using namespace lookout::test;

TEST_CASE("a reading that comes twice is stored once, its message twice") {
  ArchiveFixture box;
  const Sent reading{.payload = R"({"event_time":"2026-11-22T11:20:00Z","value":20.5,"seq":7,"boot":"a1"})"};
  Sent again = reading;
  again.arrival = "2026-11-22T12:00:03Z";
  box.store({reading, again});
  box.store({again});
  CHECK(box.count("messages") == "3");
  CHECK(box.count("readings") == "1");
  CHECK(box.ask("SELECT offset FROM readings") == "0");
  CHECK(box.recorder->books().accepted == 1);
  CHECK(box.recorder->books().duplicate == 2);
}

TEST_CASE("a reading without seq and boot is recognised by its time and value") {
  ArchiveFixture box;
  const Sent reading{.payload = R"({"event_time":1795346400,"value":20.5})"};
  box.store({reading, reading});
  CHECK(box.count("readings") == "1");
}

TEST_CASE("readings that differ in value, seq, boot, time, metric or sensor are stored apart") {
  ArchiveFixture box;
  box.store({{.payload = R"({"event_time":1795346400,"value":20.5,"seq":7,"boot":"a1"})"},
             {.payload = R"({"event_time":1795346400,"value":20.6,"seq":7,"boot":"a1"})"},
             {.payload = R"({"event_time":1795346400,"value":20.5,"seq":8,"boot":"a1"})"},
             {.payload = R"({"event_time":1795346400,"value":20.5,"seq":7,"boot":"a2"})"},
             {.payload = R"({"event_time":1795346400,"value":20.5,"boot":"a1"})"},
             {.payload = R"({"event_time":1795346400,"value":20.5,"seq":7})"},
             {.payload = R"({"event_time":1795346400.000001,"value":20.5,"seq":7,"boot":"a1"})"},
             {.topic = "sensors/wild/north/s1/smoke",
              .payload = R"({"event_time":1795346400,"value":20.5,"seq":7,"boot":"a1"})"},
             {.topic = "sensors/wild/north/s2/temperature",
              .payload = R"({"event_time":1795346400,"value":20.5,"seq":7,"boot":"a1"})"}});
  CHECK(box.count("readings") == "9");
  CHECK(box.recorder->books().duplicate == 0);
}

TEST_CASE("readings without an identity are never merged, even from one moment") {
  ArchiveFixture box;
  const Sent plain{.topic = "plain/wild/north/s1/temperature", .payload = "20.5"};
  const Sent only_seq{.payload = R"({"value":20.5,"seq":7})"};
  box.store({plain, plain, plain, only_seq, only_seq});
  CHECK(box.count("readings") == "5");
  CHECK(box.ask("SELECT count(*) FROM readings WHERE time_is_arrival = 1 AND boot = 0") == "5");
}

TEST_CASE("seq and boot without a time are an identity whatever the arrival") {
  ArchiveFixture box;
  const auto sent = [](const char* payload, const char* arrival) {
    return Sent{.payload = payload, .arrival = arrival};
  };
  const char* reading = R"({"value":20.5,"seq":7,"boot":"a1"})";
  box.store({sent(reading, "2026-11-22T12:00:00Z"), sent(reading, "2026-11-22T12:00:05Z"),
             sent(reading, "2026-11-22T12:23:00Z"),
             sent(reading, "2026-11-22T11:00:00Z")});  // the box's clock was set back
  CHECK(box.count("readings") == "1");
  box.store({sent(R"({"value":20.6,"seq":7,"boot":"a1"})", "2026-11-22T12:00:05Z"),
             sent(R"({"value":20.5,"seq":8,"boot":"a1"})", "2026-11-22T12:00:05Z"),
             sent(R"({"value":20.5,"seq":7,"boot":"a2"})", "2026-11-22T12:00:05Z")});
  CHECK(box.count("readings") == "4");
}

TEST_CASE("counters wrap: after the identity window the same seq of the same boot is another reading") {
  ArchiveFixture box;
  box.config.time.identity_window = std::chrono::hours{1};
  box.open();
  const char* reading = R"({"value":20.5,"seq":7,"boot":"a1"})";
  box.store({{.payload = reading, .arrival = "2026-11-22T12:00:00Z"},
             {.payload = reading, .arrival = "2026-11-22T13:00:00Z"},
             {.payload = reading, .arrival = "2026-11-22T13:00:00.000001Z"}});
  CHECK(box.count("readings") == "2");
}

TEST_CASE("a reading named by pointers is stored once, whatever time and value it comes with") {
  ArchiveFixture box;
  const auto heard = [](const char* at, const char* value, const char* arrival) {
    return Sent{.topic = "lora/wild/ems",
                .payload = fmt::format(R"({{"fcnt":7,"frame":"AQ","at":"{}","t":{}}})", at, value),
                .arrival = arrival};
  };
  box.store({heard("2026-11-22T11:59:58Z", "20.5", "2026-11-22T12:00:00Z"),
             heard("2026-11-22T11:59:59Z", "20.5", "2026-11-22T12:00:13Z")});
  box.close();
  box.open();
  box.store({heard("2026-11-22T12:20:00Z", "20.6", "2026-11-22T12:23:00Z"),
             heard("2026-11-22T11:00:00Z", "20.5", "2026-11-22T11:00:00Z")});  // the box's clock was set back
  CHECK(box.ask("SELECT count(*) || ' ' || min(offset) || ' ' || min(event_us) FROM readings") ==
        fmt::format("1 0 {}", at("2026-11-22T11:59:58Z").time_since_epoch().count()));
  CHECK(box.recorder->books().duplicate == 2);
}

TEST_CASE("readings of one time and value whose names differ are stored apart") {
  ArchiveFixture box;
  const auto sent = [](const char* topic, const char* payload) {
    return Sent{.topic = topic, .payload = payload};
  };
  box.store({sent("lora/wild/ems", R"({"fcnt":7,"frame":"AQ","at":"2026-11-22T11:59:58Z","t":1})"),
             sent("lora/wild/ems", R"({"fcnt":8,"frame":"AQ","at":"2026-11-22T11:59:58Z","t":1})"),
             sent("lora/wild/ems", R"({"fcnt":7,"frame":"AR","at":"2026-11-22T11:59:58Z","t":1})"),
             sent("lora/wild/ems2", R"({"fcnt":7,"frame":"AQ","at":"2026-11-22T11:59:58Z","t":1})"),
             // Without names the usual rule holds.
             sent("lora/wild/ems", R"({"at":"2026-11-22T11:59:58Z","t":1})"),
             sent("lora/wild/ems", R"({"at":"2026-11-22T11:59:58Z","t":1})")});
  CHECK(box.count("readings") == "5");
  CHECK(box.ask(
            "SELECT count(*) || ' ' || count(DISTINCT identity) FROM readings WHERE length(identity) = 16") ==
        "4 4");
  CHECK(box.recorder->books().duplicate == 1);
}

TEST_CASE("a reading named by pointers is another one after the identity window: frame counters wrap") {
  ArchiveFixture box;
  box.config.time.identity_window = std::chrono::hours{1};
  box.open();
  const auto heard = [](const char* arrival) {
    return Sent{.topic = "lora/wild/ems",
                .payload = R"({"fcnt":7,"frame":"AQ","at":"2026-11-22T11:59:58Z","t":1})",
                .arrival = arrival};
  };
  box.store(
      {heard("2026-11-22T12:00:00Z"), heard("2026-11-22T13:00:00Z"), heard("2026-11-22T13:00:00.000001Z")});
  CHECK(box.count("readings") == "2");
}

TEST_CASE("a payload is kept byte for byte") {
  using namespace std::string_literals;
  ArchiveFixture box;
  const auto payload =
      GENERATE(as<std::string>{}, "", "plain", "22,5 °C", "a\0b"s, "\0"s, "\xff\xfe"s, "a\xc3"s);
  box.store({{.payload = payload}});
  CHECK(box.ask("SELECT CAST(payload AS BLOB) FROM messages") == payload);
}

TEST_CASE("a payload is TEXT where a person can read it, else BLOB") {
  using namespace std::string_literals;
  ArchiveFixture box;
  box.store({{.payload = "22,5 °C"}, {.payload = "a\0b"s}, {.payload = "\xff\xfe"s}});
  CHECK(box.ask("SELECT group_concat(typeof(payload), ' ') FROM messages") == "text blob blob");
}

TEST_CASE("messages that give no readings are archived and counted by reason") {
  ArchiveFixture box;
  box.store({{.payload = "oops"},
             {.payload = "\xff"},
             {.topic = "elsewhere/x", .payload = "1"},
             {.topic = "plain/wild/north/s1/temperature", .payload = "21", .retain = true},
             {.topic = "alerts/wild/Fire/north", .payload = "{}"},
             {.topic = "late/sensors/wild/north/s1/temperature", .payload = "{}"},
             {.topic = "rejected/sensors/wild/north/s1/temperature", .payload = "{}"}});
  CHECK(box.count("messages") == "7");
  CHECK(box.count("readings") == "0");
  const ArchiveBooks& books = box.recorder->books();
  CHECK(books.received == 3);
  CHECK(books.rejected[static_cast<std::size_t>(Reason::not_json)] == 1);
  CHECK(books.rejected[static_cast<std::size_t>(Reason::not_utf8)] == 1);
  CHECK(books.rejected[static_cast<std::size_t>(Reason::no_input)] == 1);
  CHECK(books.retained_ignored == 1);
  CHECK(box.ask("SELECT flags FROM messages WHERE offset = 3") == "1");
}

TEST_CASE("the good readings of a message are kept beside its bad one") {
  ArchiveFixture box;
  box.store({{.topic = "flat/wild/north/s1", .payload = R"({"event_time":1795346400,"t":20.5,"s":"thick"})"},
             {.topic = "flat/wild/north/s1", .payload = R"({"event_time":1795346401,"t":21.5,"s":4})"}});
  CHECK(box.ask("SELECT group_concat(offset || ':' || part || ':' || value, ' ') FROM "
                "(SELECT * FROM readings ORDER BY offset, part)") == "0:0:20.5 1:0:21.5 1:1:4.0");
  CHECK(box.recorder->books().received == 4);
  CHECK(box.recorder->books().accepted == 3);
}

TEST_CASE("each revision of an aggregate is kept once") {
  ArchiveFixture box;
  std::string corrected = kAggregate;
  corrected.replace(corrected.find("\"revision\":0"), 12, "\"revision\":1");
  corrected.replace(corrected.find("22.62"), 5, "22.70");
  const Sent first{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate};
  const Sent second{.topic = "aggregates/wild/5m/north/temperature", .payload = corrected};
  box.store(
      {first, second, first, second, {.topic = "aggregates/wild/5m/north/temperature", .payload = "{}"}});
  CHECK(box.ask("SELECT group_concat(revision || ':' || mean, ' ') FROM aggregates") == "0:22.62 1:22.7");
  CHECK(box.count("messages") == "5");
  CHECK(box.recorder->books().archived.aggregates == 2);
  CHECK(box.recorder->books().malformed_aggregates == 1);
}

TEST_CASE("a retraction is kept as a revision without figures") {
  ArchiveFixture box;
  const Sent result{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate};
  const Sent retraction{.topic = "aggregates/wild/5m/north/temperature", .payload = kRetraction};
  box.store({result, retraction, retraction});
  CHECK(box.ask("SELECT group_concat(revision || ':' || retracted || ':' || coalesce(mean, 'none'), ' ') "
                "FROM aggregates_text") == "0:0:22.62 1:1:none");
  CHECK(box.ask("SELECT count(*) FROM aggregates WHERE retracted = 1 AND count = 0 AND sum = 0 AND "
                "coalesce(mean, min, max, stddev, first, last) IS NULL") == "1");
  CHECK(box.recorder->books().archived.aggregates == 2);
  CHECK(box.recorder->books().malformed_aggregates == 0);
}

TEST_CASE("each field of an aggregate stands in the column of its name") {
  ArchiveFixture box;
  const Sent plain{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate};
  Sent full = plain;
  full.payload = replaced(replaced(kAggregate, R"("revision":0)", R"("revision":1)"), R"("late":0)",
                          R"("late":4,"over":7,"incomplete":true,"historical":true)");
  box.store({plain, full});
  CHECK(box.ask("SELECT group_concat(late || ' ' || coalesce(over, 'none') || ' ' || incomplete || ' ' || "
                "retracted || "
                "' ' || historical, ', ') FROM aggregates_text") == "0 none 0 0 0, 4 7 1 0 1");
  CHECK(box.ask(
            "SELECT closed_by || ' ' || count || ' ' || sensors || ' ' || sum || ' ' || mean || ' ' || min "
            "|| ' ' "
            "|| max || ' ' || stddev || ' ' || first || ' ' || last || ' ' || seq_gaps FROM aggregates_text "
            "WHERE revision = 1") == "watermark 100 10 2262.0 22.62 18.1 27.4 1.98 22.5 22.1 3");
}

TEST_CASE("a complete result is kept beside an incomplete one of the same revision, in either order") {
  ArchiveFixture box;
  const Sent complete{.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate};
  Sent incomplete = complete;
  incomplete.payload = replaced(kAggregate, R"("late":0)", R"("late":0,"incomplete":true)");
  SECTION("the complete one first") { box.store({complete, incomplete, complete}); }
  SECTION("the incomplete one first") { box.store({incomplete, complete, incomplete}); }
  CHECK(box.ask("SELECT group_concat(incomplete, ' ') FROM (SELECT * FROM aggregates ORDER BY incomplete)") ==
        "0 1");
}

TEST_CASE("the views show names and RFC 3339 times, also from before 1970") {
  ArchiveFixture box;
  box.store(
      {{.payload =
            R"({"event_time":"1969-12-31T23:59:59.25Z","value":-1.5,"unit":"Cel","seq":7,"boot":"a1"})"},
       {.topic = "aggregates/wild/5m/north/temperature", .payload = kAggregate}});
  CHECK(box.ask("SELECT offset || ' ' || arrival || ' ' || network || ' ' || region || ' ' || sensor || ' ' "
                "|| metric || "
                "' ' || event_time || ' ' || value || ' ' || unit || ' ' || seq || ' ' || boot FROM "
                "readings_text") ==
        "0 2026-11-22T12:00:00Z wild north s1 temperature 1969-12-31T23:59:59.250000Z -1.5 Cel 7 a1");
  CHECK(
      box.ask("SELECT \"group\" || ' ' || start || ' ' || \"end\" || ' ' || seq_gaps FROM aggregates_text") ==
      "north 2026-11-22T11:20:00Z 2026-11-22T11:25:00Z 3");
}

TEST_CASE("an archive opened again goes on behind its newest message") {
  ArchiveFixture box;
  CHECK(box.archive->next_offset() == 0);
  box.store({{.payload = "1"}, {.payload = "2"}, {.payload = "3"}});
  CHECK(box.archive->next_offset() == 3);
  box.close();
  box.open();
  CHECK(box.archive->next_offset() == 3);
}

TEST_CASE("a batch that was not committed never happened") {
  ArchiveFixture box;
  const Sent reading{.payload = R"({"event_time":1795346400,"value":20.5})"};
  const Sent other{.topic = "sensors/wild/north/s2/temperature", .payload = reading.payload};
  box.store({reading});
  box.begin();
  box.add({other, other});

  SECTION("because it was abandoned") {
    box.archive->abandon();
    box.recorder->forget();
    CHECK(box.archive->next_offset() == 1);
    CHECK(box.recorder->books().received == 1);
    // The series that the batch had made is gone with it and made anew.
    box.store({other});
    CHECK(box.count("readings") == "2");
    CHECK(box.ask("SELECT count(*) FROM readings r JOIN series s ON s.id = r.series WHERE s.sensor = 's2'") ==
          "1");
  }
  SECTION("because the process ended") {
    box.close();
    box.open();
    CHECK(box.archive->next_offset() == 1);
    CHECK(box.count("messages") == "1");
    CHECK(box.count("series") == "1");
  }
}

TEST_CASE("an archive with a newer schema is refused with a sentence, and left as it is") {
  ArchiveFixture box;
  box.store({{.payload = "1"}});
  box.close();
  SQLite::Database(box.file().string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  const std::string before = box.listing();
  const auto opened = Archive::open(box.path(), {}, std::chrono::hours{24});
  REQUIRE(!opened);
  CHECK(opened.error().kind == ArchiveFailure::Kind::newer);
  CHECK_THAT(opened.error().text,
             Catch::Contains("has schema 99, this lookout-bridge knows schemas up to 3"));
  CHECK(box.listing() == before);
}
