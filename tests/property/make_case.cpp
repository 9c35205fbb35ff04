#include <algorithm>
#include <array>

#include "tests/property/stream.h"

namespace lookout::test {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1790000100s};  // a multiple of 300 s
constexpr Timestamp kSensor1970{17s}, kSensor2040{2209000000s};
constexpr unsigned kSensors = 8;

// Draws what both the configuration and the stream are made of.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  template <typename T>
  T of(std::initializer_list<T> choices) {
    return choices.begin()[random_() % choices.size()];
  }
  Microseconds span(std::initializer_list<Microseconds> choices) { return of(choices); }

 private:
  std::mt19937_64 random_;
};

WindowConfig make_window(Dice& dice, std::size_t index) {
  WindowConfig window;
  window.name = "w" + std::to_string(index);
  window.kind = dice.of({WindowKind::tumbling, WindowKind::sliding, WindowKind::session});
  if (window.kind == WindowKind::session) {
    window.gap = dice.span({1ms, 1s, 3s, 10s, 30s, 300s});
  } else {
    window.size = dice.span({1s, 6s, 10s, 30s, 60s, 300s});
    window.step = window.size;
    if (window.kind == WindowKind::sliding) window.step /= dice.of({1, 2, 2, 5, 10});
    if (window.kind == WindowKind::sliding && window.size % window.step != 0us) window.step = window.size / 2;
    if (dice.chance(30)) window.offset = Microseconds{dice.between(0, window.size.count() - 1)};
    if (dice.chance(20)) window.offset = window.step / 2;
  }
  if (dice.chance(30)) window.lag = dice.span({0s, 1s, 10s, 100s});
  if (dice.chance(30)) window.allowed_lateness = dice.span({0s, 1s, 10s, 600s});
  for (const GroupBy by : {GroupBy::sensor, GroupBy::region, GroupBy::network}) {
    if (dice.chance(60)) window.by.push_back(by);
  }
  if (window.by.empty()) window.by.push_back(GroupBy::region);
  if (dice.chance(20)) window.metrics = {dice.of({"t", "u"})};
  if (dice.chance(30)) window.over = dice.of({0.0, 1.0, 20.5});
  return window;
}

Config make_config(Dice& dice) {
  Config config;
  InputConfig input;
  input.topic = *TopicPattern::parse("sensors/{network}/{region}/{sensor}/{metric}");
  config.inputs.push_back(input);
  config.time.lag = dice.span({0s, 0s, 1s, 5s, 20s, 60s});
  config.time.idle = dice.span({1s, 5s, 30s, 90s});
  config.time.allowed_lateness = dice.span({0s, 0s, 1s, 10s, 60s, 600s});
  config.time.correction_interval = dice.span({0s, 1s, 1s, 5s, 30s});
  config.time.max_future = dice.span({0s, 1s, 10s, 60s, 60s});
  config.time.max_past = dice.span({60s, 600s, 3600s, 7 * 24h, 7 * 24h});
  const std::int64_t windows = dice.between(1, 3);
  for (std::int64_t i = 0; i < windows; ++i)
    config.windows.push_back(make_window(dice, static_cast<std::size_t>(i)));
  return config;
}

// A world of sensors, a box and a link, of which each call of add() records one event.
class World {
 public:
  World(Dice& dice, const Trouble& trouble, std::vector<Step>& steps)
      : dice_(dice), trouble_(trouble), steps_(steps), pace_(dice.span({100ms, 1s, 1s, 3s, 10s})) {
    for (Timestamp& clock : sensor_starts_) clock = kStart + skew();
    if (trouble.clock) clock_trouble_ = static_cast<unsigned>(dice.of({0, 0, 0, 0, 1, 2, 3}));
    if (clock_trouble_ == 2 || (clock_trouble_ == 3 && dice.chance(50))) trusted_ = false;
    if (clock_trouble_ == 3 && dice.chance(50)) wall_start_ = wrong_start();
    sensors_ = static_cast<unsigned>(dice.between(1, 4));
  }

  void add() {
    pass(pace_ * dice_.of({0, 0, 1, 1, 1, 2, 3, 5}));
    if (dice_.chance(4)) pass(pace_ * dice_.between(10, 200));  // silence
    if (dice_.chance(3)) lose_link();
    if (clock_trouble_ != 0 && dice_.chance(5)) disturb_clock();
    if (trouble_.restarts && dice_.chance(2)) connected_ = 0us;
    if (burst_ == 0 && dice_.chance(4)) burst_ = dice_.between(2, 6);
    if (dice_.chance(6)) return record({.kind = journal::Kind::tick});
    const bool repeats = !steps_.empty() && dice_.chance(12);
    record(repeats ? repeat() : reading());
  }

 private:
  // 1970 and 2040 are what real sensors show; the guards must keep them out.
  Timestamp wrong_start() { return dice_.chance(50) ? kSensor1970 : kSensor2040; }
  Microseconds skew() {
    if (dice_.chance(75)) return 0us;
    if (dice_.chance(30)) return wrong_start() - kStart;
    return dice_.span({500ms, 5s, 61s, 3600s, -1s, -20s, -300s, -3600s});
  }
  void pass(Microseconds time) {
    now_ += time;
    connected_ += time;
  }
  void lose_link() {
    record({.kind = journal::Kind::link_down});
    now_ += pace_ * dice_.between(1, 100);
    record({.kind = journal::Kind::link_up});
  }
  void disturb_clock() {
    if (clock_trouble_ == 1) wall_start_ += dice_.span({1s, 30s, 300s, -1s, -30s, -300s});
    if (clock_trouble_ == 3) {
      wall_start_ = dice_.chance(40) ? wrong_start() : kStart;
      trusted_ = dice_.chance(50);
    }
    record({.kind = journal::Kind::clock});
  }
  void record(Step step) {
    step.arrival = wall_start_ + now_;
    step.connected = connected_;
    step.trusted = trusted_;
    steps_.push_back(std::move(step));
  }

  Step reading() {
    Step step;
    const auto number = static_cast<unsigned>(dice_.between(0, sensors_ - 1));
    step.sensor =
        trouble_.networks == 1 ? number : number % 4 + 4 * static_cast<unsigned>(dice_.between(0, 1));
    step.metric = dice_.chance(25) ? 1 : 0;
    step.broken = dice_.chance(1);
    step.value = value();
    if (dice_.chance(40)) step.seq = static_cast<std::uint64_t>(dice_.between(0, 12));
    if (step.seq && dice_.chance(50)) step.boot = dice_.of({"x", "y"});
    // Without an event time the arrival counts, of which no sense can be made when it jumps by decades.
    if (clock_trouble_ != 3 && dice_.chance(4)) return step;
    step.event_time = event_time(step.sensor);
    return step;
  }
  Timestamp event_time(unsigned sensor) {
    Timestamp time = sensor_starts_[sensor % kSensors] + now_;
    if (burst_ > 0) {
      --burst_;
      time -= pace_ * dice_.between(5, 100);
    } else if (dice_.chance(30)) {
      time -= pace_ * dice_.between(0, 10);  // reordered on the way
    }
    if (dice_.chance(60)) time = std::chrono::floor<std::chrono::seconds>(time);
    if (dice_.chance(20)) time -= time.time_since_epoch() % 10s;
    if (dice_.chance(5)) time += dice_.span({-1us, 1us});
    return time;
  }
  double value() {
    if (dice_.chance(70)) return dice_.of({0.0, 1.0, 2.0, 20.5, -3.0, -0.0});
    if (dice_.chance(70)) return static_cast<double>(dice_.between(-1000000, 1000000)) / 7e3;
    return dice_.of({1e-9, 1e9, 1e12, -1e12, 1e12 + 1, 1e150, -1e150});
  }
  // The same reading again, or what a node that has rebooted makes of the same instant.
  Step repeat() {
    Step step =
        steps_[static_cast<std::size_t>(dice_.between(0, static_cast<std::int64_t>(steps_.size()) - 1))];
    if (step.kind != journal::Kind::message) return reading();
    if (dice_.chance(15)) step.value = value();
    if (dice_.chance(10)) step.boot = "z";
    return step;
  }

  Dice& dice_;
  const Trouble& trouble_;
  std::vector<Step>& steps_;
  const Microseconds pace_;
  std::array<Timestamp, kSensors> sensor_starts_;
  Timestamp wall_start_ = kStart;
  unsigned clock_trouble_ = 0;  // none, small steps, never trusted, decades
  bool trusted_ = true;
  unsigned sensors_ = 1;
  Microseconds now_{}, connected_{};
  std::int64_t burst_ = 0;  // readings still to come of a burst of old ones
};

}  // namespace

Case make_case(std::uint64_t seed, int size, const Trouble& trouble) {
  Dice dice(seed);
  Case made{make_config(dice), {}};
  World world(dice, trouble, made.steps);
  const std::int64_t length = dice.between(5, 5 + size * 55 / 100);
  for (std::int64_t i = 0; i < length; ++i) world.add();
  return made;
}

}  // namespace lookout::test
