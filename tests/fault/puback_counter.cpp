#include "tests/fault/puback_counter.h"

#include <optional>

namespace lookout::test {
namespace {

constexpr unsigned kConnect = 1, kPublish = 3, kPuback = 4, kSubscribe = 8, kUnsuback = 11;

// Header and all, where that much is there to say it.
std::optional<std::size_t> packet_size(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < bytes.size() && i <= 4; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    length |= static_cast<std::size_t>(byte & 0x7FU) << (7 * (i - 1));
    if ((byte & 0x80U) == 0) return 1 + i + length;
  }
  return std::nullopt;
}

// What is whole is handed over and dropped.
template <typename Take>
void take_packets(std::string& unread, std::string_view bytes, Take take) {
  unread += bytes;
  std::size_t at = 0;
  while (const auto size = packet_size(std::string_view(unread).substr(at))) {
    if (at + *size > unread.size()) break;
    take(std::string_view(unread).substr(at, *size));
    at += *size;
  }
  unread.erase(0, at);
}

unsigned type_of(std::string_view packet) { return static_cast<unsigned char>(packet[0]) >> 4U; }

unsigned number_at(std::string_view packet, std::size_t at) {
  return static_cast<unsigned char>(packet[at]) * 256U + static_cast<unsigned char>(packet[at + 1]);
}

// Behind the fixed header: the last byte of the length is the first without the upper bit.
std::string_view body_of(std::string_view packet) {
  std::size_t at = 1;
  while ((static_cast<unsigned char>(packet[at]) & 0x80U) != 0) ++at;
  return packet.substr(at + 1);
}

}  // namespace

void PubackCounter::take_sent_packet(Connection& connection, std::string_view packet) {
  if (type_of(packet) == kConnect) {
    connection.wanted = packet.find(client_) != std::string_view::npos;
    if (connection.wanted) quiet_answers_ = 0;  // a new connection has to be asked again
  }
  connection.subscribes = connection.subscribes || type_of(packet) == kSubscribe;
  if (type_of(packet) != kPuback || !connection.wanted) return;
  ++count_;
  quiet_answers_ = 0;
  const unsigned id = number_at(packet, 2);
  const auto oldest = connection.in_flight.lower_bound(id);
  if (oldest == connection.in_flight.end() || oldest->first != id) return;
  const auto message = connection.in_flight.extract(oldest);
  const std::lock_guard lock(mutex_);
  ++acknowledged_[message.mapped().content];
  ++topics_[message.mapped().topic];
}

void PubackCounter::take_delivered_packet(Connection& connection, std::string_view packet) {
  constexpr unsigned kQosOne = 2;
  if (type_of(packet) == kUnsuback && connection.subscribes && connection.in_flight.empty()) ++quiet_answers_;
  if (type_of(packet) != kPublish || (static_cast<unsigned char>(packet[0]) & kQosOne) == 0) return;
  quiet_answers_ = 0;
  const std::string_view body = body_of(packet);
  const std::string_view topic = body.substr(2, number_at(body, 0));
  const std::string_view payload = body.substr(2 + topic.size() + 2);
  connection.in_flight.emplace(number_at(body, 2 + topic.size()),
                               Message{std::string(topic), content_of(topic, payload)});
}

void PubackCounter::take(std::size_t connection, std::string_view bytes) {
  Connection& from = connections_[connection];
  take_packets(from.sent, bytes, [&](std::string_view packet) { take_sent_packet(from, packet); });
}

void PubackCounter::take_delivered(std::size_t connection, std::string_view bytes) {
  Connection& to = connections_[connection];
  if (!to.wanted) return;
  take_packets(to.delivered, bytes, [&](std::string_view packet) { take_delivered_packet(to, packet); });
}

Contents PubackCounter::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_;
}

std::map<std::string, std::uint64_t> PubackCounter::acknowledged_by_topic() const {
  const std::lock_guard lock(mutex_);
  return topics_;
}

}  // namespace lookout::test
