// How fast lookout-simulator publishes, beside a bare Paho loop that sends the same topics and as many bytes
// at QoS 1 to the same broker and does nothing else. Rounds alternate, so that a noisy machine is noisy for
// both.
//   bench-publish [MESSAGES [ROUNDS]]
#include <MQTTAsync.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/box.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kSensors = 1000;
constexpr int kWindow = 4096;  // unacknowledged at most

class BareLoop {
 public:
  double run(const std::string& address, int messages) {
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
    create.MQTTVersion = MQTTVERSION_3_1_1;
    create.maxBufferedMessages = 1'000'000'000;
    MQTTAsync_createWithOptions(&client_, address.c_str(), "bare", MQTTCLIENT_PERSISTENCE_NONE, nullptr,
                                &create);
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
    connect.MQTTVersion = MQTTVERSION_3_1_1;
    connect.maxInflight = 65535;
    connect.context = this;
    connect.onSuccess = [](void* self, MQTTAsync_successData*) {
      static_cast<BareLoop*>(self)->count(connected);
    };
    MQTTAsync_connect(client_, &connect);
    wait([&] { return connected_; });
    const auto begin = Clock::now();
    for (int i = 0; i < messages; ++i) send(i);
    wait([&] { return acknowledged_ == messages; });
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    MQTTAsync_disconnectOptions disconnect = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnect(client_, &disconnect);
    MQTTAsync_destroy(&client_);
    return seconds;
  }

 private:
  enum What { connected, acknowledged };
  void count(What what) {
    const std::lock_guard lock(mutex_);
    connected_ = connected_ || what == connected;
    acknowledged_ += what == acknowledged ? 1 : 0;
    changed_.notify_one();
  }
  template <typename Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }
  void send(int i) {
    wait([&] { return i - acknowledged_ < kWindow; });
    const std::string topic = fmt::format("sensors/wildfire/north/sensor-{:03}/temperature", i % kSensors);
    const std::string payload = fmt::format(
        R"({{"event_time":{}.123,"value":22.53,"unit":"Cel","seq":{},"boot":"a1b2"}})", 1790000000 + i, i);
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.context = this;
    response.onSuccess = [](void* self, MQTTAsync_successData*) {
      static_cast<BareLoop*>(self)->count(acknowledged);
    };
    MQTTAsync_send(client_, topic.c_str(), static_cast<int>(payload.size()), payload.data(), 1, 0, &response);
  }

  MQTTAsync client_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool connected_ = false;
  int acknowledged_ = 0;
};

double run_simulator(const lookout::test::Broker& broker, int messages) {
  const auto begin = Clock::now();
  lookout::test::simulate(
      broker, {"run", "--network", "bench", "--sensors", std::to_string(kSensors), "--regions", "north",
               "--metric", "name=temperature,baseline=22,noise=2,unit=Cel", "--interval", "1s", "--duration",
               std::to_string(messages / kSensors) + "s", "--speed", "max", "--seed", "1"});
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int messages = argc > 1 ? std::stoi(argv[1]) / kSensors * kSensors : 300'000;
  const int rounds = argc > 2 ? std::stoi(argv[2]) : 5;
  const lookout::test::Broker broker;
  std::vector<double> bare, simulator;
  for (int i = 0; i < rounds; ++i) {
    bare.push_back(messages / BareLoop{}.run("tcp://127.0.0.1:" + broker.port_text(), messages));
    simulator.push_back(messages / run_simulator(broker, messages));
    fmt::print("round {}: bare Paho loop {:.0f} msg/s, lookout-simulator {:.0f} msg/s\n", i + 1, bare.back(),
               simulator.back());
  }
  fmt::print("median of {} rounds of {} messages: bare {:.0f}, simulator {:.0f}, ratio {:.2f}\n", rounds,
             messages, median(bare), median(simulator), median(simulator) / median(bare));
}
