#include "common/peer_watch.h"

#include <catch2/catch.hpp>

using namespace lookout;
using namespace std::chrono_literals;

namespace {

constexpr auto kStart = PeerWatch::Clock::time_point{} + 1000s;

}  // namespace

TEST_CASE("a silent peer is asked after half a keepalive, once, and dead a keepalive later") {
  PeerWatch watch(60s);
  watch.heard(kStart);
  CHECK(watch.look(kStart + 29s) == PeerWatch::Verdict::alive);
  CHECK(watch.next_look(kStart + 29s) == kStart + 30s);
  CHECK(watch.look(kStart + 30s) == PeerWatch::Verdict::ask);
  CHECK(watch.next_look(kStart + 30s) == kStart + 60s);
  CHECK(watch.look(kStart + 60s) == PeerWatch::Verdict::alive);
  CHECK(watch.next_look(kStart + 60s) == kStart + 90s);
  CHECK(watch.look(kStart + 89s) == PeerWatch::Verdict::alive);
  CHECK(watch.look(kStart + 90s) == PeerWatch::Verdict::dead);
}

TEST_CASE("a peer that answers late, or says anything else, is alive and asked again in the next silence") {
  PeerWatch watch(60s);
  watch.heard(kStart);
  REQUIRE(watch.look(kStart + 30s) == PeerWatch::Verdict::ask);
  watch.heard(kStart + 89s);
  CHECK(watch.look(kStart + 90s) == PeerWatch::Verdict::alive);
  CHECK(watch.next_look(kStart + 90s) == kStart + 119s);
  CHECK(watch.look(kStart + 119s) == PeerWatch::Verdict::ask);
}

// Stopped or asleep, this side has heard nothing for long and must not blame the other one unasked.
TEST_CASE("a peer is asked before it is dead, however late anybody looks") {
  PeerWatch watch(60s);
  watch.heard(kStart);
  CHECK(watch.look(kStart + 1h) == PeerWatch::Verdict::ask);
  CHECK(watch.look(kStart + 1h + 59s) == PeerWatch::Verdict::alive);
  CHECK(watch.look(kStart + 1h + 60s) == PeerWatch::Verdict::dead);
}

// Who hears the answer does not wake who looks.
TEST_CASE("a peer that answered at once is asked again half a keepalive later, and dead in one and a half") {
  PeerWatch watch(60s);
  watch.heard(kStart);
  REQUIRE(watch.look(kStart + 30s) == PeerWatch::Verdict::ask);
  const auto look = watch.next_look(kStart + 30s);
  watch.heard(kStart + 30s + 1ms);
  CHECK(look <= kStart + 60s + 1ms);
  CHECK(watch.look(look) == PeerWatch::Verdict::alive);
  CHECK(watch.next_look(look) == kStart + 60s + 1ms);
  CHECK(watch.look(kStart + 60s + 1ms) == PeerWatch::Verdict::ask);
  CHECK(watch.look(kStart + 120s + 1ms) == PeerWatch::Verdict::dead);
}
