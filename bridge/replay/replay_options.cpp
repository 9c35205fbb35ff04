#include "bridge/replay/replay_options.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <random>

#include "common/names.h"
#include "common/speed.h"

namespace lookout {
namespace {

Result<Timestamp> read_time(const char* option, const std::string& text, Timestamp now) {
  auto time = parse_time_argument(text, now);
  if (!time) return Failure(fmt::format("{}: {}", option, time.error()));
  return time;
}

Result<TimeRange> read_range(const ReplayArguments& arguments, Timestamp now) {
  const auto from = read_time("--from", arguments.from, now);
  if (!from) return Failure(from.error());
  const auto to = read_time("--to", arguments.to, now);
  if (!to) return Failure(to.error());
  if (*to <= *from) {
    return Failure(fmt::format("--to {} is not after --from {}: the range from <= time < to would be empty",
                               to_rfc3339(*to), to_rfc3339(*from)));
  }
  return TimeRange{*from, *to};
}

Result<void> check_into_live(const ReplayArguments& arguments) {
  if (arguments.order != ReplayOrder::event)
    return Failure("--into live needs --by event: by arrival, live's results would only come out again");
  if (!arguments.topics.empty())
    return Failure(
        "--into live takes no --topics: the results of a region or network would lack its other sensors");
  return {};
}

std::string make_job(Timestamp now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{:04x}", fmt::gmtime(seconds), std::random_device{}() & 0xffff);
}

}  // namespace

Result<ReplayPlan> make_plan(const ReplayArguments& arguments, Timestamp now) {
  const auto range = read_range(arguments, now);
  if (!range) return Failure(range.error());
  const auto speed = parse_speed(arguments.speed);
  if (!speed) return Failure("--speed: " + speed.error());
  if (!arguments.topics.empty() && !is_valid_filter(arguments.topics)) {
    return Failure(
        fmt::format("--topics: '{}' is no MQTT filter: + stands for one level, # at the end for all below",
                    arguments.topics));
  }
  if (!arguments.job.empty() && !is_valid_name(arguments.job))
    return Failure(
        fmt::format("--job: '{}' is no name for a job: accepted are {}", arguments.job, kNameRule));
  if (arguments.into_live) {
    if (auto good = check_into_live(arguments); !good) return Failure(good.error());
  }
  const std::string job = arguments.job.empty() ? make_job(now) : arguments.job;
  return ReplayPlan{{job, arguments.order, *range, arguments.topics}, *speed};
}

}  // namespace lookout
