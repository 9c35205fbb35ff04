#include "simulator/options.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <utility>

#include "common/duration.h"
#include "common/names.h"
#include "common/speed.h"
#include "simulator/fault_keys.h"
#include "simulator/key_values.h"

namespace lookout {
namespace {

// Adds an option whose text goes through `parse`, a function that returns a Result, and then to `store`.
template <typename Parse, typename Store>
CLI::Option* add_with(CLI::App& command, const std::string& name, Parse parse, Store store,
                      const std::string& description) {
  const auto read = [name, parse, store](const CLI::results_t& texts) {
    for (const std::string& text : texts) {
      auto value = parse(text);
      if (!value) throw CLI::ValidationError(name, value.error());
      store(std::move(*value));
    }
    return true;
  };
  return command.add_option(name, read, description)->type_name("TEXT");
}

template <typename Parse, typename T>
CLI::Option* add_parsed(CLI::App& command, const std::string& name, Parse parse, T& target,
                        const std::string& description) {
  return add_with(command, name, parse, [&target](auto value) { target = std::move(value); }, description);
}

Result<std::uint64_t> parse_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seed);
  if (error == std::errc{} && stop == end) return seed;
  return Failure(
      fmt::format("'{}' is not a seed: accepted are whole numbers from 0 to 18446744073709551615", text));
}

// The same for an option that may be given several times.
template <typename Parse, typename T>
CLI::Option* add_repeatable(CLI::App& command, const std::string& name, Parse parse, std::vector<T>& target,
                            const std::string& description) {
  return add_with(
             command, name, parse, [&target](T value) { target.push_back(std::move(value)); }, description)
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false);
}

Result<std::string> parse_name(const std::string& text) {
  if (is_valid_name(text)) return text;
  return Failure(fmt::format("'{}' is not a name: accepted are {}", text, kNameRule));
}

Result<Timestamp> parse_time(const std::string& text) { return parse_time_argument(text, wall_clock_now()); }

Result<CsvTimeFormat> parse_time_format(const std::string& text) {
  if (text == "s") return CsvTimeFormat::seconds;
  if (text == "ms") return CsvTimeFormat::milliseconds;
  if (text == "rfc3339") return CsvTimeFormat::rfc3339;
  return Failure(fmt::format("'{}' is not a time format: accepted are s, ms and rfc3339", text));
}

void add_broker_options(CLI::App& command, MqttConfig& mqtt) {
  command.add_option("--host", mqtt.host, "The broker's host")->capture_default_str()->group("Broker");
  command.add_option("--port", mqtt.port, "The broker's port")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str()
      ->group("Broker");
  command.add_option("--username", mqtt.username, "Who to log in as")->group("Broker");
  command.add_option("--password-file", mqtt.password_file, "A file that holds the password")
      ->check(CLI::ExistingFile)
      ->group("Broker");
  command.add_option("--ca-file", mqtt.ca_file, "Use TLS and trust these certificates (PEM)")
      ->check(CLI::ExistingFile)
      ->group("Broker");
}

void add_fault_options(CLI::App& command, FaultOptions& faults) {
  constexpr const char* kGroup = "Faults";
  add_parsed(command, "--duplicates", parse_share, faults.duplicates, "Share of messages sent twice, 0 to 1")
      ->group(kGroup);
  add_parsed(command, "--reorder", parse_share, faults.reorder, "Share of messages held back, 0 to 1")
      ->group(kGroup);
  add_parsed(command, "--reorder-max", parse_duration, faults.reorder_max,
             "For how long at most, in event time [30s]")
      ->group(kGroup);
  add_parsed(command, "--lose", parse_share, faults.lose, "Share of messages never sent, 0 to 1")
      ->group(kGroup);
  add_repeatable(
      command, "--fault", parse_fault, faults.faults,
      "A kind and its keys; repeatable. WHO: sensor=NAME, region=NAME or share=0.1 of all sensors [all of "
      "them]; "
      "start counts from the first reading [0s], duration lasts to the end where it is not needed\n"
      "kind=spike,share=0.001,amount=50[,metric=temperature]: values that jump\n"
      "kind=offline[,WHO],duration=1h[,start=1h][,every=6h][,order=oldest|newest][,rate=20]: no link; "
      "uploads on return, so many readings per second\n"
      "kind=clock[,WHO][,start=1h][,duration=1h],offset=-2h[,flap=60s] or reset=true (to 1970) or "
      "drift=50 (seconds per day): wrong event times\n"
      "kind=stuck[,WHO][,start=1h][,duration=1h][,metric=temperature]: the same value again and again\n"
      "kind=reboot[,WHO],start=1h or every=6h: seq from 0, a new boot id\n"
      "kind=delay,p80=10s,p99.5=8m,max=6h: 80 % of messages travel for 10 s at most, and so on")
      ->group(kGroup);
}

void add_send_options(CLI::App& command, SendOptions& options) {
  add_parsed(command, "--speed", parse_speed, options.speed, "1x, 60x, max: how fast event time passes [1x]");
  add_parsed(command, "--seed", parse_seed, options.seed, "Same seed, same readings, same faults [1]");
  command.add_option("--truth", options.truth,
                     "Ledger: one JSON line per reading that the broker acknowledged");
  command.add_flag("--dry-run", options.dry_run,
                   "Write messages as NDJSON to standard output; starts at 2026-01-01T00:00:00Z by default");
  add_broker_options(command, options.mqtt);
  add_fault_options(command, options.faults);
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options) {
  command
      .add_option("--preset", options.preset,
                  "figure-6.1: one sensor, one fire; wildfire: 50 sensors, fires in north")
      ->check(CLI::IsMember({"figure-6.1", "wildfire"}));
  add_parsed(command, "--network", parse_name, options.network,
             "First level of topics after sensors/ [wildfire]");
  command.add_option("--sensors", options.sensors, "How many [50]")
      ->check(CLI::Range(std::size_t{1}, kMostSensors));
  command.add_option("--regions", options.regions, "Dealt to in turn [north,south,east,west,central]")
      ->delimiter(',');
  add_parsed(command, "--interval", parse_duration, options.interval,
             "Between two instants of one sensor [30s]");
  add_parsed(command, "--duration", parse_duration, options.duration, "How much event time to simulate [2h]");
  add_parsed(command, "--start", parse_time, options.start,
             "First event time: RFC 3339, 2026-11-22, 11:20, -2h [now at 1x, else now less the duration]");
  command.add_flag("--follow", options.follow, "Go on after the duration; at 1x once the present is reached");
  command.add_flag("--combined", options.combined,
                   "One message per sensor and instant (codec flat), not per metric");
  add_repeatable(command, "--metric", parse_metric, options.metrics,
                 "name=temperature,baseline=22,noise=2,min=0,unit=Cel; repeatable [temperature and smoke]");
  add_repeatable(command, "--fire", parse_fire, options.fires,
                 "region=north|sensor=sensor-003,start=3600s,duration=900s,every=7200s,ramp=60s,spread=10s,"
                 "temperature=25: a metric's rise; repeatable");
  add_send_options(command, options.send);
}

void add_play_options(CLI::App& command, PlayOptions& options) {
  RecordingOptions& recording = options.recording;
  command.add_option("FILE", recording.file, "A table (CSV) with a header")->required();
  command.add_option("--time-column", recording.time_column, "Its name [the first column]");
  add_parsed(command, "--time-format", parse_time_format, recording.time_format, "s, ms or rfc3339 [s]");
  add_parsed(
      command, "--time-zero", parse_time, options.time_zero,
      "Event time at which the time column is 0 (RFC 3339 counts from 1970) [such that the last row is now]");
  command.add_option("--columns", recording.columns, "Which columns, a glob; repeatable [all]")
      ->allow_extra_args(false);
  add_parsed(command, "--map", &ColumnPattern::parse, recording.pattern,
             "How columns are named, e.g. \"Quadrant {region} {metric} {sensor}\" [{sensor}]");
  add_parsed(command, "--network", parse_name, recording.network,
             "First level of topics after sensors/ [wildfire]");
  add_parsed(command, "--region", parse_name, recording.region, "Where --map gives none [default]");
  add_parsed(command, "--metric", parse_name, recording.metric, "Where --map gives none [value]");
  add_send_options(command, options.send);
}

}  // namespace lookout
