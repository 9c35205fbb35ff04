#include <functional>

#include "tests/property/stream.h"

namespace lookout::test {
namespace {

using namespace std::chrono_literals;

using Cases = std::vector<Case>;

// Without one half, one quarter, ..., one record.
void drop_steps(const Case& original, Cases& simpler) {
  const std::size_t count = original.steps.size();
  for (std::size_t length = count / 2; length > 0; length /= 2) {
    for (std::size_t from = 0; from + length <= count; from += length) {
      Case next = original;
      const auto first = next.steps.begin() + static_cast<std::ptrdiff_t>(from);
      next.steps.erase(first, first + static_cast<std::ptrdiff_t>(length));
      simpler.push_back(std::move(next));
    }
  }
}

// Adds what `change` makes of the original where that is something else.
template <typename T>
void set(const Case& original, const std::function<T&(Case&)>& field, const T& value, Cases& simpler) {
  Case next = original;
  if (field(next) == value) return;
  field(next) = value;
  simpler.push_back(std::move(next));
}

void simplify_config(const Case& original, Cases& simpler) {
  for (const auto member :
       {&TimeConfig::lag, &TimeConfig::allowed_lateness, &TimeConfig::correction_interval}) {
    set<Microseconds>(original, [&](Case& c) -> auto& { return c.config.time.*member; }, 0us, simpler);
  }
  const TimeConfig usual;
  for (const auto member : {&TimeConfig::idle, &TimeConfig::max_future, &TimeConfig::max_past}) {
    set<Microseconds>(
        original, [&](Case& c) -> auto& { return c.config.time.*member; }, usual.*member, simpler);
  }
}

void simplify_window(const Case& original, std::size_t index, Cases& simpler) {
  const auto window = [index](Case& c) -> WindowConfig& { return c.config.windows[index]; };
  if (original.config.windows.size() > 1) {
    Case next = original;
    next.config.windows.erase(next.config.windows.begin() + static_cast<std::ptrdiff_t>(index));
    simpler.push_back(std::move(next));
  }
  set<std::vector<GroupBy>>(
      original, [&](Case& c) -> auto& { return window(c).by; }, {GroupBy::network}, simpler);
  set<std::vector<std::string>>(original, [&](Case& c) -> auto& { return window(c).metrics; }, {}, simpler);
  set<std::optional<double>>(original, [&](Case& c) -> auto& { return window(c).over; }, {}, simpler);
  set<Microseconds>(original, [&](Case& c) -> auto& { return window(c).offset; }, 0us, simpler);
  for (const auto member : {&WindowConfig::lag, &WindowConfig::allowed_lateness}) {
    set<std::optional<Microseconds>>(
        original, [&](Case& c) -> auto& { return window(c).*member; }, {}, simpler);
  }
}

void simplify_step(const Case& original, std::size_t index, Cases& simpler) {
  const auto step = [index](Case& c) -> Step& { return c.steps[index]; };
  set<bool>(original, [&](Case& c) -> auto& { return step(c).trusted; }, true, simpler);
  if (original.steps[index].kind != journal::Kind::message) return;
  set<double>(original, [&](Case& c) -> auto& { return step(c).value; }, 1, simpler);
  set<unsigned>(original, [&](Case& c) -> auto& { return step(c).sensor; }, 0, simpler);
  set<unsigned>(original, [&](Case& c) -> auto& { return step(c).metric; }, 0, simpler);
  set<std::optional<std::uint64_t>>(original, [&](Case& c) -> auto& { return step(c).seq; }, {}, simpler);
  set<std::string>(original, [&](Case& c) -> auto& { return step(c).boot; }, {}, simpler);
  if (const auto time = original.steps[index].event_time) {
    const auto field = [&](Case& c) -> auto& { return step(c).event_time; };
    for (const Microseconds unit : {Microseconds{10s}, Microseconds{1s}}) {
      set<std::optional<Timestamp>>(original, field, *time - time->time_since_epoch() % unit, simpler);
    }
  }
}

}  // namespace

Cases shrink_case(const Case& original) {
  Cases simpler;
  drop_steps(original, simpler);
  for (std::size_t i = 0; i < original.config.windows.size(); ++i) simplify_window(original, i, simpler);
  simplify_config(original, simpler);
  for (std::size_t i = 0; i < original.steps.size(); ++i) simplify_step(original, i, simpler);
  return simpler;
}

}  // namespace lookout::test
