#include "tests/fault/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "tests/support/wait.h"

namespace lookout::test {
namespace {

constexpr const char* kConfig = R"(
[time]
lag = "3s"
idle = "3s"
[[window]]
name = "s"
size = "10s"
by = ["sensor"]
[[window]]
name = "r"
size = "10s"
by = ["region"]
[[rule]]
name = "Hot"
window = "r"
when = "temperature.mean > 35"
)";

// What stands in sections of the box's own goes where a later value wins.
void configure(const Box& box, const SiteOptions& options) {
  const auto folder = box.folder() / "conf.d";
  std::filesystem::create_directory(folder);
  spit(folder / "1-site.toml", "[box]\nclock = \"trusted\"\n[mqtt]\nkeepalive = \"5s\"\n");
  spit(folder / "2-test.toml", options.overrides);
  if (options.before_start) options.before_start(box);
}

ChildProcess start_with(const WallClock* clock, Box& box, const std::string& name,
                        bool wait_for_subscription) {
  if (clock) clock->give();
  ChildProcess child = box.start(name, wait_for_subscription);
  if (clock) WallClock::take_back();
  return child;
}

ChildProcess configure_and_start(Box& box, const SiteOptions& options) {
  configure(box, options);
  return start_with(options.clock, box, "gateway", true);
}

std::optional<std::uint64_t> number_of(const char* variable) {
  const char* text = std::getenv(variable);
  return text ? std::optional(std::strtoull(text, nullptr, 10)) : std::nullopt;
}

}  // namespace

Site::Site(const SiteOptions& options)
    : broker(options.broker, options.broker_data),
      proxy(broker.port(), options.tap, options.tap_down),
      box(proxy.port(), kConfig + options.windows_and_rules),
      observer(broker, {"aggregates/#", "alerts/#", "lookout/#"}),
      gateway(configure_and_start(box, options)),
      clock_(options.clock) {}

void Site::start_gateway(bool wait_for_subscription) {
  gateway = start_with(clock_, box, "gateway", wait_for_subscription);
}

void Site::start_bridge(bool wait_for_subscription) {
  bridge = start_with(clock_, box, "bridge", wait_for_subscription);
}

void Site::restart_gateway() {
  gateway.kill();
  start_gateway();
}

void Site::restart_bridge() {
  bridge->kill();
  start_bridge();
}

// How long it is away is the fault here.
void Site::kill_broker(std::chrono::seconds away) {
  look();
  proxy.refuse();
  broker.kill();
  std::this_thread::sleep_for(away);
  broker.start();
  observer.await();
  outputs_.take_repeats(observer);
  proxy.resume();
}

void Site::restart_broker() {
  broker.stop();
  broker.start();
}

Batch Site::empty_batch() { return Batch({{"s", 10, true, false}, {"r", 10, false, true}}); }

Batch Site::batch() const {
  Batch batch = empty_batch();
  batch.add_ledger(box.ledger());
  return batch;
}

std::vector<LedgerEntry> Site::archived() const {
  const auto query = run({program("bridge"), "query", "--config", box.config(), "--format", "ndjson"});
  if (query.code != 0) throw std::runtime_error("query: " + query.err);
  const TempFolder folder;
  spit(folder / "rows", query.out);
  return read_ledger(folder / "rows");
}

Outputs& Site::look() {
  outputs_.take(observer);
  return outputs_;
}

LedgerReport Site::settle(const Batch& batch, std::chrono::seconds patience,
                          const std::function<bool(const std::string&)>& keep) {
  // What nobody keeps is counted too: the number alone may be there too early.
  wait_until(
      [&] { return look().readings() >= batch.readings() && compare(batch, outputs_, "s", keep).lost == 0; },
      patience);
  const auto caught_up = [&] {
    const auto& stats = look().stats();
    return stats.is_object() && stats["books"]["accepted"] >= batch.readings() &&
           stats["lag"]["records"] == 0;
  };
  wait_until(caught_up);
  LedgerReport report = compare(batch, outputs_, "s", keep);
  check_alerts(batch, outputs_, {"Hot", "r", "temperature", 35}, report);
  return report;
}

std::uint64_t fault_seed() { return number_of("LOOKOUT_SEED").value_or(std::random_device{}()); }

unsigned fault_count(unsigned usual) {
  return static_cast<unsigned>(number_of("LOOKOUT_KILLS").value_or(usual));
}

}  // namespace lookout::test
