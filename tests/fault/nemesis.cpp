#include "tests/fault/nemesis.h"

#include <fmt/format.h>

#include <thread>

namespace lookout::test {
namespace {

using namespace std::chrono_literals;

const char* name_of(Fault fault) {
  constexpr const char* kNames[] = {"kill_gateway", "pause_gateway", "pause_broker", "restart_broker",
                                    "kill_broker",  "cut",           "half_open",    "delay",
                                    "loss",         "disk_full",     "clock_step",   "pause_bridge",
                                    "kill_bridge"};
  return kNames[static_cast<std::size_t>(fault)];
}

}  // namespace

// The times themselves are the fault here: nothing is waited for.
void Nemesis::rest(std::chrono::milliseconds from, std::chrono::milliseconds to) {
  std::this_thread::sleep_for(from + std::chrono::milliseconds{static_cast<std::int64_t>(
                                         random_() % static_cast<std::uint64_t>((to - from).count()))});
}

void Nemesis::strike() {
  rest(100ms, 3s);
  const Fault fault = faults_[random_() % faults_.size()];
  ++inflicted_[fault];
  inflict(fault);
  revive();
}

template <typename Process>
void Nemesis::pause(const Process& process) {
  process.send(SIGSTOP);
  rest(500ms, 9s);
  process.send(SIGCONT);
}

void Nemesis::fill_disk() {
  tools_.disk->fill();
  rest(500ms, 4s);
  tools_.disk->give_room(kRoomMib);
}

void Nemesis::step_clock() {
  constexpr std::int64_t kHour = 3600;
  tools_.clock->step(std::chrono::seconds{static_cast<std::int64_t>(random_() % (2 * kHour)) - kHour});
}

void Nemesis::revive() {
  if (!site_.gateway.running()) site_.start_gateway();
  if (site_.bridge && !site_.bridge->running()) site_.start_bridge();
}

void Nemesis::inflict(Fault fault) {
  switch (fault) {
    case Fault::kill_gateway:
      return site_.restart_gateway();
    case Fault::pause_gateway:
      return pause(site_.gateway);
    case Fault::pause_broker:
      return pause(site_.broker);
    case Fault::restart_broker:
      return site_.restart_broker();
    case Fault::kill_broker:
      return site_.kill_broker();
    case Fault::cut:
      return site_.proxy.cut();
    case Fault::half_open:
      site_.proxy.half_open();
      rest(500ms, 9s);
      return site_.proxy.resume();
    case Fault::delay:
      site_.proxy.delay(std::chrono::milliseconds{100 + random_() % 1900});
      rest(500ms, 4s);
      return site_.proxy.resume();
    case Fault::loss:
      site_.proxy.lose(0.05);
      rest(500ms, 4s);
      return site_.proxy.resume();
    case Fault::disk_full:
      return fill_disk();
    case Fault::clock_step:
      return step_clock();
    case Fault::pause_bridge:
      return pause(*site_.bridge);
    case Fault::kill_bridge:
      return site_.restart_bridge();
  }
}

std::string Nemesis::text() const {
  std::string text = fmt::format("seed {}:", seed_);
  for (const auto& [fault, count] : inflicted_) text += fmt::format(" {} {}", count, name_of(fault));
  return text;
}

}  // namespace lookout::test
