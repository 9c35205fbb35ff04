#include "tests/bench/bare_client.h"

#include <fmt/format.h>

#include <cstdlib>

namespace lookout::bench {
namespace {

constexpr std::uint64_t kWindow = 4096;

[[noreturn]] void give_up(const char* what) {
  fmt::print(stderr, "bare client: {} failed\n", what);
  std::exit(1);
}
void check(int code, const char* what) {
  if (code != MQTTASYNC_SUCCESS) give_up(what);
}

}  // namespace

void BareClient::done(std::uint64_t BareClient::* counter) {
  const std::lock_guard lock(mutex_);
  ++(this->*counter);
  changed_.notify_one();
}

template <typename Condition>
void BareClient::wait(Condition condition) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, condition);
}

BareClient::BareClient(std::uint16_t port, const std::string& id, bool durable, OnMessage on_message)
    : on_message_(std::move(on_message)) {
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
  create.MQTTVersion = MQTTVERSION_3_1_1;
  create.maxBufferedMessages = 1'000'000'000;
  check(MQTTAsync_createWithOptions(&client_, fmt::format("tcp://127.0.0.1:{}", port).c_str(), id.c_str(),
                                    MQTTCLIENT_PERSISTENCE_NONE, nullptr, &create),
        "create");
  MQTTAsync_setCallbacks(
      client_, this, nullptr,
      [](void* self, char* topic, int, MQTTAsync_message* message) {
        const auto& take = static_cast<BareClient*>(self)->on_message_;
        if (take)
          take(topic,
               {static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)});
        MQTTAsync_freeMessage(&message);
        MQTTAsync_free(topic);
        return 1;
      },
      nullptr);
  MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
  connect.MQTTVersion = MQTTVERSION_3_1_1;
  connect.cleansession = durable ? 0 : 1;
  connect.maxInflight = 65535;
  connect.context = this;
  connect.onSuccess = [](void* self, MQTTAsync_successData*) {
    static_cast<BareClient*>(self)->done(&BareClient::answered_);
  };
  connect.onFailure = [](void*, MQTTAsync_failureData*) { give_up("connect"); };
  check(MQTTAsync_connect(client_, &connect), "connect");
  wait([&] { return answered_ == 1; });
}

BareClient::~BareClient() {
  flush();
  const std::uint64_t before = answered_;
  MQTTAsync_disconnectOptions disconnect = MQTTAsync_disconnectOptions_initializer;
  disconnect.context = this;
  disconnect.timeout = 1000;
  disconnect.onSuccess = [](void* self, MQTTAsync_successData*) {
    static_cast<BareClient*>(self)->done(&BareClient::answered_);
  };
  if (MQTTAsync_disconnect(client_, &disconnect) == MQTTASYNC_SUCCESS)
    wait([&] { return answered_ > before; });
  MQTTAsync_destroy(&client_);
}

void BareClient::subscribe(const std::string& filter) {
  const std::uint64_t before = answered_;
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = this;
  response.onSuccess = [](void* self, MQTTAsync_successData*) {
    static_cast<BareClient*>(self)->done(&BareClient::answered_);
  };
  response.onFailure = [](void*, MQTTAsync_failureData*) { give_up("subscribe"); };
  check(MQTTAsync_subscribe(client_, filter.c_str(), 1, &response), "subscribe");
  wait([&] { return answered_ > before; });
}

void BareClient::publish(const std::string& topic, std::string_view payload) {
  wait([&] { return sent_ - acknowledged_ < kWindow; });
  ++sent_;
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = this;
  response.onSuccess = [](void* self, MQTTAsync_successData*) {
    static_cast<BareClient*>(self)->done(&BareClient::acknowledged_);
  };
  response.onFailure = [](void*, MQTTAsync_failureData*) { give_up("publish"); };
  check(MQTTAsync_send(client_, topic.c_str(), static_cast<int>(payload.size()), payload.data(), 1, 0,
                       &response),
        "publish");
}

void BareClient::flush() {
  wait([&] { return acknowledged_ == sent_; });
}

}  // namespace lookout::bench
