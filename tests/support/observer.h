#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/broker.h"

namespace lookout::test {

/// A witness who outlives brokers: mosquitto_sub with a session of its own that is kept while it is away,
/// which reconnects by itself. What a killed broker had not handed over yet is lost to it as to anybody.
class Observer {
 public:
  /// Returns when the subscription stands.
  Observer(const Broker& broker, const std::vector<std::string>& filters);

  /// Waits until messages arrive again; throws when they do not. To be called after the broker was killed,
  /// before those who are watched are let on to it.
  void await();

  struct Seen {
    bool retained;
    std::string_view topic, payload;
  };
  /// Hands over what came since the last call, in order; the views live as long as the call.
  template <typename Take>
  void drain(Take take) {
    std::ifstream out(folder_ / "out", std::ios::binary);
    out.seekg(read_);
    for (std::string line; next_line(out, line);) {
      const Seen seen = split(line);
      if (!is_probe(seen.topic)) take(seen);
    }
  }

 private:
  bool next_line(std::ifstream& out, std::string& line);
  [[nodiscard]] static Seen split(std::string_view line);
  [[nodiscard]] static bool is_probe(std::string_view topic);

  const Broker& broker_;
  TempFolder folder_;
  ChildProcess process_;
  std::streamoff read_ = 0;
  unsigned probes_ = 0;
};

}  // namespace lookout::test
