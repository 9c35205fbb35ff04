#include "bridge/stats.h"

#include <catch2/catch.hpp>

using namespace lookout;

TEST_CASE("the statistics say what was received and what became of it") {
  ArchiveBooks books;
  books.received = 10;
  books.accepted = 6;
  books.duplicate = 1;
  books.reject(Reason::not_json);
  books.reject(Reason::not_json);
  books.reject(Reason::bad_name);
  books.retained_ignored = 4;
  books.archived = {.messages = 12, .readings = 6, .aggregates = 2};
  books.malformed_aggregates = 1;
  const JournalState journal{.lag_records = 3,
                             .lag_bytes = 400,
                             .journal_bytes = 5000,
                             .journal_limit = 5500,
                             .journal_full = true,
                             .disk_full = true,
                             .power_cut = true,
                             .unreadable_records = 2};
  const ArchiveState archive{.state = "held_up",
                             .error = "it is full",
                             .epoch = 0xab12,
                             .first_offset = 100,
                             .next_offset = 900,
                             .files = 3,
                             .bytes = 7000,
                             .evicted = 60,
                             .evicted_unforwarded = 7};
  CHECK(
      render_stats(*parse_rfc3339("2026-11-22T11:20:00Z"), books, journal, archive, {}) ==
      R"({"time":"2026-11-22T11:20:00Z",)"
      R"("books":{"received":10,"accepted":6,"duplicate":1,"rejected":{"not_json":2,"bad_name":1},"retained_ignored":4},)"
      R"("lag":{"records":3,"bytes":400},"journal_bytes":5000,"journal_limit":5500,"journal_full":true,"disk_full":true,"power_cut":true,)"
      R"("unreadable_records":2,)"
      R"("archived":{"messages":12,"readings":6,"aggregates":2},)"
      R"("archive":{"state":"held_up","error":"it is full","epoch":"000000000000ab12","first_offset":100,"next_offset":900,"files":3,"bytes":7000},)"
      R"("kafka":{"state":"off","error":"","offset":0,"in_per_s":0.0,"out_per_s":0.0},)"
      R"("forwarded":{"messages":0,"records":0},)"
      R"("evicted":60,"evicted_unforwarded":7,"malformed_aggregates":1})");
}

TEST_CASE("the time to drain is what is pending over what is gained") {
  const ForwardFigures far{.state = "forwarding", .pending = 200'000, .in_per_s = 800, .out_per_s = 1000};
  CHECK(time_to_drain(far) == 1000);
  CHECK(time_to_drain({.pending = 0, .in_per_s = 5, .out_per_s = 5}) == 0);
  CHECK(time_to_drain({.pending = 10, .in_per_s = 5, .out_per_s = 4}) == 0);
  CHECK(time_to_drain({.pending = 11, .in_per_s = 5, .out_per_s = 5}) == std::nullopt);
  CHECK(time_to_drain({.pending = 11, .in_per_s = 5, .out_per_s = 0}) == std::nullopt);
  CHECK_THAT(render_stats({}, {}, {}, {}, far), Catch::Contains(R"("pending":200000,"drain_s":1000.0,)"));
}

TEST_CASE("books add up") {
  ArchiveBooks batch;
  batch.received = 3;
  batch.accepted = 1;
  batch.duplicate = 1;
  batch.reject(Reason::too_large);
  batch.archived.messages = 2;
  ArchiveBooks books;
  books += batch;
  books += batch;
  CHECK(books.received == 6);
  CHECK(books.accepted == 2);
  CHECK(books.duplicate == 2);
  CHECK(books.rejected[static_cast<std::size_t>(Reason::too_large)] == 2);
  CHECK(books.archived.messages == 4);
}
