#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/config.h"
#include "gateway/replay_job.h"

namespace lookout {

/// The replays at work, each a job with a machine of its own under the configuration of the live one
/// (docs/replay.md).
///
/// Takes every record of the journal after the live machine has; appends what is to be published for it, at
/// most a few messages a record and job, so that whoever is live does not wait long. Jobs begin, go on and
/// end with records only, so that a start which reads the journal again gives the same bytes. Another
/// configuration, a loss in the journal and ten minutes of connected time without a message abandon a job.
/// Whoever names a job that is not at work is told so once. Threading: one owner.
class Replay {
 public:
  static constexpr std::size_t kMostJobs = 4;
  static constexpr Microseconds kPatience = std::chrono::minutes{10};

  /// `config` must be that of the live machine.
  Replay(Config config, std::string box_id) : config_(std::move(config)), box_id_(std::move(box_id)) {}
  Replay(Replay&&) = default;

  void step(const journal::Record& record, const Machine& live, std::vector<Outgoing>& messages);
  /// Records before the next one are lost, maybe messages of the jobs: with it they are abandoned.
  void note_loss() { lost_ = true; }
  /// Connected time from `now` to when something is to be done without a message, when there is such a time.
  [[nodiscard]] std::optional<Microseconds> due_in(Microseconds now) const;
  [[nodiscard]] std::size_t jobs() const { return jobs_.size(); }

  /// Writes the state, or reads it (snapshot.h) where there are no jobs, under the same configuration.
  template <typename Archive>
  void serialize(Archive& archive) {
    std::vector<Begun> begun = all_begun();
    archive(answered_, begun);
    if (jobs_.empty()) {
      for (Begun& each : begun) begin(each.name, std::move(each.start), {});
    }
    for (auto& [name, job] : jobs_) archive(*job);
  }

 private:
  struct Begun {
    std::string name;
    ReplayStart start;
    template <typename Archive>
    void serialize(Archive& archive) {
      archive(name, start);
    }
  };
  using Jobs = std::map<std::string, std::unique_ptr<ReplayJob>, std::less<>>;

  [[nodiscard]] std::vector<Begun> all_begun() const;
  void begin(std::string_view name, ReplayStart start, Microseconds now);
  void take(const ReplayTopic& topic, const MessageView& message, Microseconds now,
            std::vector<Outgoing>& messages);
  void control(std::string_view name, const MessageView& message, Microseconds now,
               std::vector<Outgoing>& messages);
  void start(std::string_view name, ReplayStart start, Microseconds now, std::vector<Outgoing>& messages);
  void refuse_unknown(std::string_view name, std::vector<Outgoing>& messages);
  void abandon_all(std::string_view why, std::vector<Outgoing>& messages);
  void abandon_silent(Microseconds now, std::vector<Outgoing>& messages);
  Jobs::iterator end_job(Jobs::iterator job, ReplayState state, std::string_view why,
                         std::vector<Outgoing>& messages);
  void put_out(std::vector<Outgoing>& messages);
  void remember(std::string_view name);

  Config config_;
  std::string box_id_;
  Jobs jobs_;
  std::deque<std::string> answered_;  // the last names that had their last word, oldest first
  bool lost_ = false;
};

}  // namespace lookout
