#include "tests/fault/puback_counter.h"

#include <optional>

namespace lookout::test {
namespace {

constexpr unsigned kConnect = 1, kPuback = 4;

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

}  // namespace

void PubackCounter::take_packet(Connection& connection, std::string_view packet) {
  const unsigned type = static_cast<unsigned char>(packet[0]) >> 4U;
  if (type == kConnect) connection.wanted = packet.find(client_) != std::string_view::npos;
  if (type == kPuback && connection.wanted) ++count_;
}

void PubackCounter::take(std::size_t connection, std::string_view bytes) {
  Connection& from = connections_[connection];
  from.unread += bytes;
  std::size_t at = 0;
  while (const auto size = packet_size(std::string_view(from.unread).substr(at))) {
    if (at + *size > from.unread.size()) break;
    take_packet(from, std::string_view(from.unread).substr(at, *size));
    at += *size;
  }
  from.unread.erase(0, at);
}

}  // namespace lookout::test
