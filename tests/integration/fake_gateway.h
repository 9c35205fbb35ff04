#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/box.h"
#include "tests/support/subscriber.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

/// The bridge's side of a replay with the real bridge and Mosquitto; the gateway's part is played by the
/// test.
namespace lookout::test {

using namespace std::chrono_literals;
using nlohmann::json;

inline constexpr const char* kWindow =
    "[time]\nlag = \"10s\"\nallowed_lateness = \"1m\"\n[[window]]\nname = \"5m\"\nsize = \"5m\"\nby = "
    "[\"region\"]\n";
inline const std::vector<std::string> kEver{"--from", "2020-01-01", "--to", "2100-01-01"};

/// Says of every mark that it is reached.
class Marker {
 public:
  explicit Marker(const Broker& broker)
      : broker_(broker),
        controls_(broker, {"replay/+/control"}),
        thread_([this](const std::stop_token& stop) {
          for (; !stop.stop_requested(); std::this_thread::sleep_for(2ms)) answer();
        }) {}
  static void reach(const Broker& broker, const std::string& job, std::uint64_t mark) {
    broker.publish("replay/" + job + "/progress", json{{"mark", mark}}.dump());
  }

 private:
  void answer() {
    const auto controls = controls_.received();
    for (; answered_ < controls.size(); ++answered_) {
      const Received& control = controls[answered_];
      if (control.json()["action"] != "mark") continue;
      try {
        reach(broker_, control.topic.substr(7, control.topic.rfind('/') - 7), control.json()["mark"]);
      } catch (const std::exception&) {
        return;  // the broker is away: again
      }
    }
  }
  const Broker& broker_;
  Subscriber controls_;
  std::size_t answered_ = 0;
  std::jthread thread_;
};

/// The gateway, as far as a replay sees it.
class FakeGateway {
 public:
  explicit FakeGateway(const Broker& broker, bool answers_marks = true)
      : broker_(broker), seen_(broker, {"replay/#"}) {
    if (answers_marks) marker_.emplace(broker);
    broker.publish("lookout/gateway/test-box/status", R"({"state":"online"})", true);
  }

  /// What came on the control topic, in order, marks aside.
  std::vector<std::string> actions(const std::string& job) {
    std::vector<std::string> actions;
    for (const auto& message : seen_.received("replay/" + job + "/control"))
      if (message.json()["action"] != "mark") actions.push_back(message.json()["action"]);
    return actions;
  }
  /// How many envelopes came before each mark.
  std::vector<std::size_t> envelopes_before_marks(const std::string& job) {
    std::vector<std::size_t> counts;
    std::size_t envelopes = 0;
    for (const auto& message : seen_.received("replay/" + job + "/")) {
      if (message.topic.starts_with("replay/" + job + "/sensors/")) ++envelopes;
      if (message.topic.ends_with("/control") && message.json()["action"] == "mark")
        counts.push_back(envelopes);
    }
    return counts;
  }
  bool await(const std::string& job, const std::string& action) {
    return wait_until([&] {
      const auto all = actions(job);
      return std::ranges::find(all, action) != all.end();
    });
  }
  json start(const std::string& job) { return seen_.received("replay/" + job + "/control").at(0).json(); }
  void answer(const std::string& job, const std::string& state, std::size_t aggregates = 0) const {
    broker_.publish(fmt::format("replay/{}/summary", job),
                    json{{"job", job}, {"state", state}, {"outputs", {{"aggregates", aggregates}}}}.dump());
  }
  /// The envelopes of a job, in order.
  std::vector<Received> envelopes(const std::string& job) {
    const std::string prefix = "replay/" + job + "/";
    auto all = seen_.received(prefix);
    std::erase_if(all, [&](const Received& message) {
      return message.topic == prefix + "control" || message.topic == prefix + "summary" ||
             message.topic == prefix + "progress" || message.topic.starts_with(prefix + "aggregates/");
    });
    for (Received& message : all) message.topic.erase(0, prefix.size());
    return all;
  }

 private:
  const Broker& broker_;
  Subscriber seen_;
  std::optional<Marker> marker_;
};

inline std::vector<std::string> command(const Box& box, const std::string& name,
                                        std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program("bridge"), name});
  arguments.insert(arguments.end(), {"--config", box.config()});
  return arguments;
}

/// `lookout-bridge replay` in the background; job.out and job.err are in the box's folder.
inline ChildProcess replay(const Box& box, const std::string& job, std::vector<std::string> arguments,
                           std::vector<std::string> range = kEver) {
  arguments.insert(arguments.end(), range.begin(), range.end());
  arguments.insert(arguments.end(), {"--job", job});
  return {command(box, "replay", std::move(arguments)),
          {box.folder() / (job + ".out"), box.folder() / (job + ".err")}};
}

/// A replay to its end, with a gateway that has no results.
inline void replay_all(const Box& box, FakeGateway& gateway, const std::string& job,
                       const std::vector<std::string>& arguments) {
  ChildProcess child = replay(box, job, arguments);
  const bool ended = gateway.await(job, "end");
  INFO(slurp(box.folder() / (job + ".err")));
  REQUIRE(ended);
  gateway.answer(job, "done");
  CHECK(child.wait() == 0);
  CHECK(gateway.actions(job) == std::vector<std::string>{"start", "end"});
}

/// Also before there is an archive.
inline std::size_t count_archived(const Box& box) {
  return occurrences(run(command(box, "export", {"--kind", "messages", "--topics", "sensors/#"})).out, "\n");
}

/// Readings of 20 sensors with two metrics every 10 s, for so many steps, in the archive: how many they are.
inline std::size_t archive_readings(const Broker& broker, const Box& box, std::size_t steps) {
  const std::size_t count = 20 * steps * 2;
  simulate(broker, {"run", "--sensors", "20", "--interval", "10s", "--duration",
                    fmt::format("{}s", 10 * steps), "--speed", "max"});
  REQUIRE(wait_until([&] { return count_archived(box) == count; }));
  return count;
}

inline void send_reading(const Broker& broker, const std::string& event_time) {
  broker.publish("sensors/wild/north/s1/temperature",
                 fmt::format(R"({{"event_time":"{}","value":20}})", event_time));
}

}  // namespace lookout::test
