#include "common/service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <random>

#include "common/duration.h"
#include "common/ending_signals.h"
#include "common/exit_code.h"
#include "common/version.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kOutboxCapacity = 256;
constexpr auto kDrainPatience = 2s;
constexpr auto kClosePatience = 1s;
constexpr auto kMarkInterval = 5s;

}  // namespace

void say_ready() { sd_notify(0, "READY=1"); }

Result<std::unique_ptr<Service>> Service::create(const Config& config, const StateFolder& folder,
                                                 Options options) {
  auto journal = JournalWriter::open(folder.path() / "journal", config.journal, options.first_offset);
  if (!journal) return Failure(journal.error());
  if (options.configuration.size() > journal::kLargestBody - journal::kBodyHeadSize)
    return Failure("the configuration is larger than a record of the journal can be");
  RunningMark mark(folder.path());
  if (mark.was_cut()) {
    if (auto left = (*journal)->leave_gap(); !left) return Failure(left.error());
    spdlog::warn(
        "the machine went down while lookout-{} ran: some of what was acknowledged in the last {} before "
        "may be missing; the journal goes on at offset {}",
        options.program, format_duration(config.journal.sync_interval), (*journal)->end());
  }
  if (const auto set = mark.set(); !set)
    spdlog::warn("{}: until there is room, a power cut would not be noticed", set.error());
  block_ending_signals();
  return std::unique_ptr<Service>(
      new Service(config, folder, std::move(options), std::move(mark), std::move(*journal)));
}

Service::Service(const Config& config, const StateFolder& folder, Options options, RunningMark mark,
                 std::unique_ptr<JournalWriter> journal)
    : mark_(std::move(mark)),
      program_(options.program),
      box_id_(folder.box_id()),
      boot_(fmt::format("{:08x}", std::random_device{}())),
      since_(to_rfc3339(std::chrono::floor<std::chrono::seconds>(wall_clock_now()))),
      online_(status("online")),
      stopping_(status("stopping")),
      offline_(status("offline")),
      journal_(std::move(journal)),
      outbox_(kOutboxCapacity, std::move(options.on_acknowledged)),
      intake_(config,
              {.client_id = fmt::format("lookout-{}-{}-in", program_, box_id_),
               .filters = std::move(options.filters),
               .record_link_and_clock = options.record_link_and_clock,
               .filters_file = folder.path() / "subscriptions",
               .configuration = std::move(options.configuration),
               .on_last_words = [this] { mark_.clear(); }},
              *journal_, supervisor_) {
  SessionOptions session;
  session.mqtt = config.mqtt;
  session.client_id = fmt::format("lookout-{}-{}-out", program_, box_id_);
  session.clean_session =
      true;  // the outbox is what remembers; the broker has nothing to keep for a publisher
  session.will = offline_;
  SessionEvents events;
  events.on_message = [](const MessageView&) {};
  events.on_connected = [this] {
    outbox_.on_connected();
    {
      const std::lock_guard lock(connection_mutex_);
      ++connections_;
      end_at_connect_ = journal_->end();
    }
    journal_->wake();
  };
  events.on_lost = [this] { outbox_.on_lost(); };
  events.wake = [this] { supervisor_.wake(); };
  publisher_ = make_paho_session(std::move(session), std::move(events));
  outbox_.use(*publisher_);
  supervisor_.add([this](auto now) { return publisher_->step(now); });
  if (mark_.is_set()) return;
  supervisor_.add(every(kMarkInterval, [this] {
    if (!mark_.is_set() && mark_.set()) spdlog::info("a power cut would be noticed from now on");
  }));
}

Service::~Service() { supervisor_.stop(); }

std::optional<std::uint64_t> Service::new_connection(std::uint64_t position) const {
  const std::lock_guard lock(connection_mutex_);
  if (told_ == connections_ || position < end_at_connect_) return std::nullopt;
  return connections_;
}

void Service::say_online(std::uint64_t connection) {
  {
    const std::lock_guard lock(connection_mutex_);
    told_ = connection;
  }
  outbox_.flush();
  const std::lock_guard lock(connection_mutex_);
  // Where that connection is lost again already, the next one has it told anew.
  if (!is_stopping_) publisher_->send(online_, no_receipt_);
}

std::string Service::own_topic(std::string_view what) const {
  return fmt::format("lookout/{}/{}/{}", program_, box_id_, what);
}

Outgoing Service::status(std::string_view state) const {
  nlohmann::ordered_json payload;
  payload["state"] = state;
  payload["version"] = kVersion;
  payload["boot"] = boot_;
  payload["since"] = since_;
  return {own_topic("status"), payload.dump(), true};
}

int Service::run(const Work& work, const std::function<void()>& worked) {
  supervisor_.start();
  Result<void> outcome;
  std::jthread worker([&](const std::stop_token& stop) {
    outcome = work(stop);
    if (!outcome) ::kill(::getpid(), SIGTERM);
  });
  say_ready();
  const sigset_t signals = ending_signals();
  int signal = 0;
  sigwait(&signals, &signal);
  sd_notify(0, "STOPPING=1");
  spdlog::info("stopping");
  intake_.hurry();
  worker.request_stop();
  // Straight to the network: with the broker away the outbox may be full, and nobody would make room.
  {
    const std::lock_guard lock(connection_mutex_);
    is_stopping_ = true;
    publisher_->send(stopping_, no_receipt_);
  }
  journal_->wake();
  worker.join();
  worked();
  const auto synced = shut_down();
  if (!synced) spdlog::critical("{}", synced.error());
  if (outcome) return synced ? kExitDone : kExitTryAgain;
  spdlog::critical("{}", outcome.error());
  return kExitFailed;
}

Result<void> Service::shut_down() {
  outbox_.drain(std::chrono::steady_clock::now() + kDrainPatience);
  publisher_->send(offline_, no_receipt_);
  supervisor_.stop();
  intake_.close(kClosePatience);
  publisher_->close(kClosePatience);
  auto synced = journal_->sync();
  if (synced) mark_.clear();
  return synced;
}

}  // namespace lookout
