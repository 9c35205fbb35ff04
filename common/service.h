#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/config.h"
#include "common/intake.h"
#include "common/journal_writer.h"
#include "common/outbox.h"
#include "common/running_mark.h"
#include "common/state_folder.h"
#include "common/supervisor.h"

namespace lookout {

/// Tells systemd that the program is up: also of one that waits for something to be mended before it serves,
/// since starting it anew would mend nothing.
void say_ready();

/// What gateway and bridge are around their own work: a journal filled by a subscribing session, a publishing
/// session with outbox and Last Will, the retained status, readiness for systemd, and an orderly end on
/// SIGTERM or SIGINT.
///
/// Threads: the MQTT library's (appends, acknowledgements), the supervisor's (connects), the journal's keeper
/// (syncs), one worker, and the main thread, which waits for a signal.
class Service {
 public:
  struct Options {
    std::string program;                 ///< "gateway" or "bridge"
    std::vector<std::string> filters;    ///< what to subscribe to
    std::uint64_t first_offset = 0;      ///< offsets below were used before, whatever the journal remembers
    bool record_link_and_clock = false;  ///< as records of the journal
    std::string
        configuration{};  ///< where not empty, the payload of a record before all others of this start
    Outbox::OnAcknowledged on_acknowledged;
  };

  /// Opens the journal in the state folder. Fails with a sentence.
  static Result<std::unique_ptr<Service>> create(const Config& config, const StateFolder& folder,
                                                 Options options);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  /// The worker's part: reads the journal and publishes until `stop`; a failure it cannot mend is returned.
  using Work = std::function<Result<void>(const std::stop_token& stop)>;
  /// Runs until a signal or the work's failure; returns the exit code: kExitTryAgain where the journal's last
  /// sync fails. `worked` is called on this thread between the work's end and the goodbye to the broker.
  int run(const Work& work, const std::function<void()>& worked = [] {});

  /// Waits while the outbox is full: the back-pressure that lets the journal take up the slack. False when
  /// stopping.
  bool publish(Outgoing message, std::uint64_t tag, const std::stop_token& stop) {
    return outbox_.publish(std::move(message), tag, stop);
  }
  /// The same, sent with the next that is published or by flush().
  bool gather(Outgoing message, std::uint64_t tag, const std::stop_token& stop) {
    return outbox_.gather(std::move(message), tag, stop);
  }
  void flush() { outbox_.flush(); }
  [[nodiscard]] JournalWriter& journal() { return *journal_; }
  [[nodiscard]] Intake& intake() { return intake_; }
  /// Whether the machine went down under the program before this one: some of what that had acknowledged may
  /// be missing, and the journal leaves out an offset there.
  [[nodiscard]] bool after_power_cut() const { return mark_.was_cut(); }
  [[nodiscard]] std::size_t unacknowledged() const { return outbox_.unacknowledged(); }
  [[nodiscard]] std::vector<std::pair<std::uint64_t, Outgoing>> unacknowledged_messages() const {
    return outbox_.unacknowledged_messages();
  }
  /// Waits until the message of this tag and all before it are acknowledged. False when stopping.
  bool await_acknowledged(std::uint64_t tag, const std::stop_token& stop) {
    return outbox_.await_acknowledged(tag, stop);
  }
  /// The publishing session's last connection, by its number, where say_online() was not called for it yet
  /// and `position`, up to which the worker has read the journal, has caught up with what was the journal's
  /// end then.
  [[nodiscard]] std::optional<std::uint64_t> new_connection(std::uint64_t position) const;
  /// The retained status `online`, behind what was published so far: a broker may have lost it. By the
  /// worker.
  void say_online(std::uint64_t connection);
  /// lookout/{program}/{box}/{what}
  [[nodiscard]] std::string own_topic(std::string_view what) const;

 private:
  Service(const Config& config, const StateFolder& folder, Options options, RunningMark mark,
          std::unique_ptr<JournalWriter> journal);
  [[nodiscard]] Outgoing status(std::string_view state) const;
  Result<void> shut_down();

  struct NoReceipt final : PublishReceipt {
    void acknowledged() noexcept override {}
  };

  RunningMark mark_;
  const std::string program_, box_id_, boot_, since_;
  const Outgoing online_, stopping_, offline_;
  NoReceipt no_receipt_;
  std::unique_ptr<JournalWriter> journal_;
  Outbox outbox_;
  Supervisor supervisor_;
  Intake intake_;
  std::unique_ptr<MqttSession> publisher_;
  mutable std::mutex connection_mutex_;  // guards what follows
  std::uint64_t connections_ = 0;        // of the publishing session
  std::uint64_t end_at_connect_ = 0;     // of the journal, at the last one
  std::uint64_t told_ = 0;               // the one on which the status was last told
  bool is_stopping_ = false;             // and says so: nothing else is told behind it
};

}  // namespace lookout
