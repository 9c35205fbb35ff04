#include "simulator/publish.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "common/duration.h"
#include "simulator/message_format.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kInFlight = 1000;
constexpr auto kFlushInterval = 1s;
constexpr auto kStopPatience = 5s;
constexpr auto kGoodbyePatience = 1s;

}  // namespace

Publisher::Publisher(const Plan& plan, const SendOptions& options, Ledger* ledger, StopSignals& signals)
    : plan_(plan),
      ledger_(ledger),
      signals_(signals),
      stop_(signals.token()),
      speed_(options.speed),
      clock_(plan.clock_start, options.speed, EventClock::Steady::now()),
      progress_(plan.expected * (1 - options.faults.lose), Progress::Clock::now()),
      outbox_(kInFlight, [this](std::uint64_t readings) { acknowledged(readings); }) {
  make_session(options.mqtt);
  outbox_.use(*session_);
  supervisor_.add([this](auto now) { return session_->step(now); });
  if (ledger_) supervisor_.add(every(kFlushInterval, [this] { flush_ledger(); }));
  supervisor_.add([this](auto now) { return progress_.tick(now, acknowledged_, seconds_left(now)); });
}

Publisher::~Publisher() { supervisor_.stop(); }

void Publisher::make_session(const MqttConfig& mqtt) {
  SessionOptions session;
  session.mqtt = mqtt;
  session.client_id = fmt::format("lookout-simulator-{:08x}", std::random_device{}());
  session.clean_session = true;
  SessionEvents events;
  events.on_message = [](const MessageView&) {};
  events.on_connected = [this] { outbox_.on_connected(); };
  events.on_lost = [this] { outbox_.on_lost(); };
  events.wake = [this] { supervisor_.wake(); };
  session_ = make_paho_session(std::move(session), std::move(events));
}

// At a given speed the clock tells; as fast as the broker takes it, only the rate does.
std::optional<double> Publisher::seconds_left(EventClock::Steady::time_point now) const {
  if (std::isinf(speed_) || plan_.expected <= 0) return std::nullopt;
  return std::max(0.0, to_seconds(clock_.until(plan_.clock_end, now, wall_clock_now())));
}

Tally Publisher::run(Faults& faults) {
  supervisor_.start();
  while (const auto message = faults.next()) {
    // What is still held back at the end of the data is not waited for.
    if (!wait_until_due(clock_, std::min(message->due, faults.newest()), stop_) || !publish(*message)) break;
  }
  drain();
  supervisor_.stop();
  session_->close(kGoodbyePatience);
  tally_.acknowledged = acknowledged_;
  return tally_;
}

bool Publisher::publish(const Message& message) {
  if (ledger_ && !message.repeat) ledger_->expect(message.sample);
  const std::size_t readings = message.sample.values.size();
  // The tag says how many readings the acknowledgement settles: none for a repeat.
  const bool taken = outbox_.publish(format_message(plan_.catalogue, message.sample, plan_.form),
                                     message.repeat ? 0 : readings, stop_);
  if (taken) (message.repeat ? tally_.repeats : tally_.published) += readings;
  return taken;
}

void Publisher::acknowledged(std::uint64_t readings) {
  if (readings == 0) return;
  acknowledged_ += readings;
  if (ledger_) ledger_->acknowledge(wall_clock_now());
}

void Publisher::flush_ledger() {
  // A run without its ledger is of no use; the last flush will say what is wrong.
  if (!ledger_->flush()) signals_.request_stop();
}

void Publisher::drain() {
  while (!stop_.stop_requested() && !outbox_.drain(EventClock::Steady::now() + 100ms)) {
  }
  outbox_.drain(EventClock::Steady::now() + kStopPatience);
}

}  // namespace lookout
