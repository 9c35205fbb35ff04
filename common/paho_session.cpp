// The one door to Paho. Each connection gets a Paho client of its own, destroyed when the connection is lost:
// nothing that the library queued can be sent behind our back, and its own reconnecting, which a step of the
// clock stops (paho.mqtt.c issue 920), is never used. The subscribing session's state lives in the broker.
#include <MQTTAsync.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "common/complaint.h"
#include "common/file.h"
#include "common/mqtt_session.h"
#include "common/peer_watch.h"
#include "common/subscribed_filters.h"

namespace lookout {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstRetry = 500ms;
constexpr auto kLongestRetry = 8s;
constexpr auto kConnectPatience = 10s;  // Paho looks at its own connect timeout every 3 s only
constexpr auto kPartingPatience = 3s;   // in which a broker reads up to 65,535 PUBACKs
constexpr auto kPartingPace = 5ms;      // from message to message meanwhile
constexpr auto kGoodbyePatience = 1s;
constexpr const char* kNoTopic = "lookout/nobody";
constexpr int kUnbounded =
    1'000'000'000;  // the owner bounds what is in flight: Paho's own bounds stall (up to 1 s)

// As Paho takes them; it copies them at once.
std::vector<char*> pointers_to(const std::vector<std::string>& filters) {
  std::vector<char*> pointers;
  pointers.reserve(filters.size());
  for (const std::string& filter : filters) pointers.push_back(const_cast<char*>(filter.c_str()));
  return pointers;
}

class PahoSession final : public MqttSession {
 public:
  PahoSession(SessionOptions options, SessionEvents events)
      : options_(std::move(options)),
        events_(std::move(events)),
        address_(fmt::format("{}://{}:{}", options_.mqtt.ca_file.empty() ? "tcp" : "ssl", options_.mqtt.host,
                             options_.mqtt.port)),
        peer_(options_.mqtt.keepalive) {}
  PahoSession(const PahoSession&) = delete;
  PahoSession& operator=(const PahoSession&) = delete;
  ~PahoSession() override { destroy(); }

  Clock::time_point step(Clock::time_point now) override;
  void pause() override { paused_ = true; }
  void resume() override { paused_ = false; }
  bool send(const Outgoing& message, PublishReceipt& receipt) override;
  void close(std::chrono::milliseconds patience) override;

 private:
  enum class State { idle, connecting, connected, parting, leaving };

  Clock::time_point begin_connecting(Clock::time_point now);
  Clock::time_point connect_failed(Clock::time_point now, const std::string& why);
  Clock::time_point stay_away(Clock::time_point now);
  bool say_goodbye(std::chrono::milliseconds patience);
  Clock::time_point watch(Clock::time_point now);
  void begin_parting();
  [[nodiscard]] bool is_up() const { return state_ == State::connected || state_ == State::parting; }
  void ask(MQTTAsync_onSuccess* on_answer);
  void lose(Clock::time_point now, const std::string& why);
  void leave();
  Result<void> connect();
  Result<std::string> read_password() const;
  void leave_former_filters();
  void remember(const std::vector<std::string>& filters);
  void subscribe();
  void destroy();
  void report(const std::string& text) {
    {
      const std::lock_guard lock(report_mutex_);
      report_ = text;
    }
    failed_ = true;
    events_.wake();
  }

  static void on_connect_success(void* context, MQTTAsync_successData* data);
  static void on_connect_failure(void* context, MQTTAsync_failureData* data);
  static void on_unsubscribed(void* context, MQTTAsync_successData* /*data*/) {
    self(context).unsubscribed_ = true;
    self(context).events_.wake();
  }
  static void on_subscribed(void* context, MQTTAsync_successData* data);
  static void on_subscribe_failure(void* context, MQTTAsync_failureData* data);
  static void on_disconnected(void* context, MQTTAsync_successData* /*data*/);
  static void on_answered(void* context, MQTTAsync_successData* /*data*/) { self(context).hear(); }
  static void on_parted(void* context, MQTTAsync_successData* /*data*/) {
    self(context).parted_ = true;
    self(context).events_.wake();
  }
  static void on_delivered(void* context, MQTTAsync_token /*token*/) { self(context).hear(); }
  static void on_lost(void* context, char* cause);
  static int on_message(void* context, char* topic, int topic_length, MQTTAsync_message* message);
  static void on_acknowledged(void* context, MQTTAsync_successData* /*data*/) {
    static_cast<PublishReceipt*>(context)->acknowledged();
  }
  void hear() noexcept { peer_.heard(Clock::now()); }
  static PahoSession& self(void* context) { return *static_cast<PahoSession*>(context); }

  const SessionOptions options_;
  const SessionEvents events_;
  const std::string address_;

  // Owned by the thread that calls step().
  State state_ = State::idle;
  bool paused_ = false;
  Clock::time_point next_action_ = Clock::time_point::min();
  Clock::duration retry_ = kFirstRetry;
  Complaint complaint_;
  unsigned attempts_ = 0;
  std::minstd_rand random_{std::random_device{}()};

  PeerWatch peer_;  // told by Paho's thread

  // Set by Paho's thread, read by step().
  std::atomic<bool> connected_ = false, session_present_ = false, failed_ = false, slow_ = false,
                    parted_ = false, disconnected_ = false, unsubscribed_ = false;
  std::mutex report_mutex_;
  std::string report_;

  // Never taken in a callback: Paho's own lock is held there, and send() takes Paho's lock while holding this
  // one.
  std::mutex handle_mutex_;
  MQTTAsync handle_ = nullptr;
};

PahoSession::Clock::time_point PahoSession::step(Clock::time_point now) {
  if (state_ != State::idle && failed_.exchange(false)) {
    std::string why;
    {
      const std::lock_guard lock(report_mutex_);
      why = report_;
    }
    if (state_ == State::connecting) return connect_failed(now, why);
    lose(now, why);
  }
  if (state_ == State::connecting && connected_.exchange(false)) {
    state_ = State::connected;
    spdlog::info("mqtt: {} connected to {} (attempt {}{})", options_.client_id, address_, attempts_,
                 options_.clean_session ? ""
                 : session_present_     ? ", session resumed"
                                        : ", new session");
    attempts_ = 0;
    complaint_.settle();
    retry_ = kFirstRetry;
    peer_.heard(now);
    leave_former_filters();
    if (!options_.filters.empty()) subscribe();
    if (events_.on_connected) events_.on_connected();
  }
  if (unsubscribed_.exchange(false)) remember(options_.filters);
  if (state_ == State::parting && !paused_) {
    state_ = State::connected;
    slow_ = false;
  }
  if (paused_ || state_ == State::leaving) return stay_away(now);
  if (state_ == State::connected) return watch(now);
  if (now < next_action_) return next_action_;
  if (state_ == State::connecting) return connect_failed(now, "no answer");
  return begin_connecting(now);
}

// A goodbye that was begun is waited for, also when there is no more reason for it.
PahoSession::Clock::time_point PahoSession::stay_away(Clock::time_point now) {
  if (state_ == State::connected) {
    begin_parting();
    return next_action_ = now + kPartingPatience;
  }
  if (state_ == State::parting && !parted_ && now < next_action_) return next_action_;
  if (state_ == State::parting && say_goodbye(kGoodbyePatience)) {
    state_ = State::leaving;
    return next_action_ = now + kGoodbyePatience;
  }
  if (state_ == State::leaving && !disconnected_ && now < next_action_) return next_action_;
  next_action_ = now;
  if (state_ == State::connecting) {
    destroy();
    state_ = State::idle;
  } else if (state_ != State::idle) {
    leave();
  }
  return paused_ ? Clock::time_point::max() : now;
}

// Mosquitto 2.0 answers each PUBACK with max_inflight_messages more once a session is resumed, so that up to
// 65,535 are on their way whatever is configured, and reads PUBACKs more slowly than it sends. A socket that
// is closed while something in it is unread takes with it the PUBACKs that the broker has not read: it would
// deliver all of that again, and who takes less at a time than there is on its way would never get on. So,
// before the goodbye, little is taken for a while, until the broker has caught up: it answers, or time is up.
void PahoSession::begin_parting() {
  slow_ = true;
  parted_ = false;
  ask(on_parted);
  state_ = State::parting;
}

// Paho itself notices a connection that is open on this side only after two and a half keepalives, and later
// while its writes are pending.
PahoSession::Clock::time_point PahoSession::watch(Clock::time_point now) {
  switch (peer_.look(now)) {
    case PeerWatch::Verdict::alive:
      break;
    case PeerWatch::Verdict::ask:
      ask(on_answered);
      break;
    case PeerWatch::Verdict::dead:
      lose(now, "it does not answer");
      return next_action_;
  }
  return peer_.next_look(now);
}

// A broker answers even where nothing is to be unsubscribed (MQTT 3.1.1, 3.10.4). Paho's own PINGREQ cannot
// be had at will.
void PahoSession::ask(MQTTAsync_onSuccess* on_answer) {
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = this;
  response.onSuccess = on_answer;
  const std::lock_guard lock(handle_mutex_);
  const int code = MQTTAsync_unsubscribe(handle_, kNoTopic, &response);
  if (code != MQTTASYNC_SUCCESS) report(fmt::format("cannot ask: {}", MQTTAsync_strerror(code)));
}

void PahoSession::lose(Clock::time_point now, const std::string& why) {
  spdlog::warn("mqtt: {} lost the broker at {}: {}", options_.client_id, address_, why);
  retry_ = kFirstRetry;
  next_action_ = now;
  leave();
}

void PahoSession::leave() {
  destroy();
  state_ = State::idle;
  if (events_.on_lost) events_.on_lost();
}

PahoSession::Clock::time_point PahoSession::begin_connecting(Clock::time_point now) {
  ++attempts_;
  connected_ = failed_ = slow_ = unsubscribed_ = false;
  if (auto started = connect(); !started) return connect_failed(now, started.error());
  state_ = State::connecting;
  return next_action_ = now + kConnectPatience;
}

PahoSession::Clock::time_point PahoSession::connect_failed(Clock::time_point now, const std::string& why) {
  destroy();
  state_ = State::idle;
  if (complaint_.is_due(now)) {
    spdlog::warn("mqtt: {} cannot reach the broker at {}: {} (attempt {}; trying on, next word in a minute)",
                 options_.client_id, address_, why, attempts_);
  }
  // Jitter of half the interval, so that a rebooted site does not knock in step.
  const auto jitter = std::uniform_real_distribution<double>(0.5, 1.0)(random_);
  next_action_ = now + std::chrono::duration_cast<Clock::duration>(retry_ * jitter);
  retry_ = std::min<Clock::duration>(retry_ * 2, kLongestRetry);
  return next_action_;
}

Result<std::string> PahoSession::read_password() const {
  if (options_.mqtt.password_file.empty()) return std::string{};
  auto password = read_file(options_.mqtt.password_file);
  if (password) {
    while (!password->empty() && (password->back() == '\n' || password->back() == '\r')) password->pop_back();
  }
  return password;
}

Result<void> PahoSession::connect() {
  const auto password = read_password();
  if (!password) return Failure(password.error());
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
  create.MQTTVersion = MQTTVERSION_3_1_1;
  create.maxBufferedMessages = kUnbounded;
  // By default Paho notes every call of a function of its own in memory, under a lock: a third of its work.
  MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
  MQTTAsync handle = nullptr;
  int code = MQTTAsync_createWithOptions(&handle, address_.c_str(), options_.client_id.c_str(),
                                         MQTTCLIENT_PERSISTENCE_NONE, nullptr, &create);
  if (code != MQTTASYNC_SUCCESS) return Failure(fmt::format("{} (Paho {})", MQTTAsync_strerror(code), code));
  {
    const std::lock_guard lock(handle_mutex_);
    handle_ = handle;
  }
  MQTTAsync_setCallbacks(handle, this, on_lost, on_message, on_delivered);

  MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
  MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
  MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
  connect.MQTTVersion = MQTTVERSION_3_1_1;  // the default would fall back to 3.1 after a lost connection
  connect.keepAliveInterval =
      static_cast<int>(std::chrono::floor<std::chrono::seconds>(options_.mqtt.keepalive).count());
  connect.cleansession = options_.clean_session ? 1 : 0;
  connect.maxInflight = 65535;
  connect.connectTimeout = 5;
  connect.context = this;
  connect.onSuccess = on_connect_success;
  connect.onFailure = on_connect_failure;
  if (!options_.mqtt.username.empty()) connect.username = options_.mqtt.username.c_str();
  if (!options_.mqtt.password_file.empty()) connect.password = password->c_str();
  if (options_.will) {
    will.topicName = options_.will->topic.c_str();
    will.message = options_.will->payload.c_str();
    will.retained = options_.will->retain ? 1 : 0;
    will.qos = 1;
    connect.will = &will;
  }
  if (!options_.mqtt.ca_file.empty()) {
    tls.trustStore = options_.mqtt.ca_file.c_str();
    if (!options_.mqtt.cert_file.empty()) {
      tls.keyStore = options_.mqtt.cert_file.c_str();
      tls.privateKey = options_.mqtt.key_file.c_str();
    }
    tls.verify = 1;
    connect.ssl = &tls;
  }
  code = MQTTAsync_connect(handle, &connect);
  if (code != MQTTASYNC_SUCCESS) return Failure(fmt::format("{} (Paho {})", MQTTAsync_strerror(code), code));
  return {};
}

// The file names at least what the broker holds, wherever this ends: what is new stands there before it is
// subscribed to, what is gone until the broker has said so.
void PahoSession::leave_former_filters() {
  if (options_.filters_file.empty()) return;
  std::vector<std::string> held = load_filters(options_.filters_file), gone;
  for (const std::string& filter : held) {
    if (std::ranges::find(options_.filters, filter) == options_.filters.end()) gone.push_back(filter);
  }
  const auto known = held.size();
  for (const std::string& filter : options_.filters) {
    if (std::ranges::find(held, filter) == held.end()) held.push_back(filter);
  }
  if (held.size() > known) remember(held);
  if (gone.empty()) return;
  spdlog::info("mqtt: {} unsubscribes from what is not configured any more: {}", options_.client_id,
               fmt::join(gone, " "));
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = this;
  response.onSuccess = on_unsubscribed;
  const auto filters = pointers_to(gone);
  const std::lock_guard lock(handle_mutex_);
  const int code =
      MQTTAsync_unsubscribeMany(handle_, static_cast<int>(filters.size()), filters.data(), &response);
  if (code != MQTTASYNC_SUCCESS) report(fmt::format("cannot unsubscribe: {}", MQTTAsync_strerror(code)));
}

// What is not remembered is only subscribed to for longer than it is wanted.
void PahoSession::remember(const std::vector<std::string>& filters) {
  if (const auto saved = save_filters(options_.filters_file, filters); !saved)
    spdlog::warn("mqtt: {}", saved.error());
}

void PahoSession::subscribe() {
  const auto filters = pointers_to(options_.filters);
  std::vector<int> qos(filters.size(), 1);
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = this;
  response.onSuccess = on_subscribed;
  response.onFailure = on_subscribe_failure;
  const std::lock_guard lock(handle_mutex_);
  const int code = MQTTAsync_subscribeMany(handle_, static_cast<int>(filters.size()), filters.data(),
                                           qos.data(), &response);
  if (code != MQTTASYNC_SUCCESS) report(fmt::format("cannot subscribe: {}", MQTTAsync_strerror(code)));
}

bool PahoSession::send(const Outgoing& message, PublishReceipt& receipt) {
  MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
  response.context = &receipt;
  response.onSuccess = on_acknowledged;
  const std::lock_guard lock(handle_mutex_);
  if (!handle_) return false;
  const int code = MQTTAsync_send(handle_, message.topic.c_str(), static_cast<int>(message.payload.size()),
                                  message.payload.data(), 1, message.retain ? 1 : 0, &response);
  if (code == MQTTASYNC_SUCCESS) return true;
  // A message that is refused while the connection stands would be waited for in vain: a new connection sends
  // it again.
  if (code != MQTTASYNC_DISCONNECTED) report(fmt::format("cannot send: {}", MQTTAsync_strerror(code)));
  return false;
}

void PahoSession::close(std::chrono::milliseconds patience) {
  const auto begin = Clock::now();
  const auto await = [this](const std::atomic<bool>& done, Clock::time_point until) {
    while (!done && !failed_ && Clock::now() < until) std::this_thread::sleep_for(5ms);
  };
  if (state_ == State::connected && !options_.filters.empty()) begin_parting();
  if (state_ == State::parting) await(parted_, begin + patience / 2);
  if (state_ == State::leaving || (is_up() && say_goodbye(patience / 2)))
    await(disconnected_, begin + patience);
  destroy();
  state_ = State::idle;
}

// Whether disconnected_ will tell that the goodbye is said.
bool PahoSession::say_goodbye(std::chrono::milliseconds patience) {
  disconnected_ = false;
  MQTTAsync_disconnectOptions disconnect = MQTTAsync_disconnectOptions_initializer;
  disconnect.timeout = static_cast<int>(patience.count());
  disconnect.context = this;
  disconnect.onSuccess = on_disconnected;
  return MQTTAsync_disconnect(handle_, &disconnect) == MQTTASYNC_SUCCESS;
}

void PahoSession::destroy() {
  const std::lock_guard lock(handle_mutex_);
  if (handle_) MQTTAsync_destroy(&handle_);
  handle_ = nullptr;
}

void PahoSession::on_connect_success(void* context, MQTTAsync_successData* data) {
  const bool resumed = data->alt.connect.sessionPresent != 0;
  self(context).session_present_ = resumed;
  if (self(context).events_.on_session) self(context).events_.on_session(resumed);
  self(context).connected_ = true;
  self(context).events_.wake();
}

void PahoSession::on_connect_failure(void* context, MQTTAsync_failureData* data) {
  const char* text = data && data->message ? data->message : data ? MQTTAsync_strerror(data->code) : nullptr;
  self(context).report(text ? text : "connection refused");
}

void PahoSession::on_subscribed(void* context, MQTTAsync_successData* data) {
  self(context).hear();
  constexpr int kRefused = 0x80;
  const auto& filters = self(context).options_.filters;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const int granted = filters.size() == 1 ? data->alt.qos : data->alt.qosList[i];
    if (granted == kRefused) {
      spdlog::error("mqtt: the broker refuses the subscription to '{}'", filters[i]);
    } else {
      spdlog::info("mqtt: {} subscribed to {}", self(context).options_.client_id, filters[i]);
    }
  }
}

void PahoSession::on_subscribe_failure(void* context, MQTTAsync_failureData* data) {
  self(context).report(fmt::format("subscribing failed (Paho {})", data ? data->code : 0));
}

void PahoSession::on_disconnected(void* context, MQTTAsync_successData* /*data*/) {
  self(context).disconnected_ = true;
  self(context).events_.wake();
}

void PahoSession::on_lost(void* context, char* cause) {
  self(context).report(cause ? cause : "connection closed");
  if (cause) MQTTAsync_free(cause);
}

int PahoSession::on_message(void* context, char* topic, int topic_length, MQTTAsync_message* message) {
  MessageView view;
  view.arrival = wall_clock_now();
  view.topic = topic_length > 0 ? std::string_view(topic, static_cast<std::size_t>(topic_length)) : topic;
  view.payload = {static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)};
  view.retain = message->retained != 0;
  self(context).events_.on_message(view);
  self(context).hear();  // not before: nothing else can be heard while that waits for the disk
  if (self(context).slow_) std::this_thread::sleep_for(kPartingPace);
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  return 1;
}

}  // namespace

std::unique_ptr<MqttSession> make_paho_session(SessionOptions options, SessionEvents events) {
  return std::make_unique<PahoSession>(std::move(options), std::move(events));
}

}  // namespace lookout
