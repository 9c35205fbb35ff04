#include "simulator/fault_scope.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lookout {
namespace {

// Exactly the share, not a draw for each sensor: of few sensors that might be none, or all.
std::vector<bool> draw_share(double share, const Field& field, Purpose purpose, std::size_t number) {
  const std::size_t all = field.catalogue.sensors.size();
  std::vector<std::pair<std::uint64_t, std::size_t>> ranks;
  ranks.reserve(all);
  for (std::size_t i = 0; i < all; ++i) ranks.emplace_back(field.random.bits(purpose, i, 0, number), i);
  const auto wanted = static_cast<std::size_t>(std::llround(share * static_cast<double>(all)));
  const std::size_t count = std::clamp<std::size_t>(wanted, 1, all);
  std::ranges::nth_element(ranks, ranks.begin() + static_cast<std::ptrdiff_t>(count - 1));
  std::vector<bool> hit(all);
  for (std::size_t i = 0; i < count; ++i) hit[ranks[i].second] = true;
  return hit;
}

std::vector<bool> choose(const FaultScope& scope, const Field& field, Purpose purpose, std::size_t number) {
  if (scope.share) return draw_share(*scope.share, field, purpose, number);
  std::vector<bool> hit;
  hit.reserve(field.catalogue.sensors.size());
  for (const Catalogue::Sensor& sensor : field.catalogue.sensors) {
    hit.push_back((scope.sensor.empty() || scope.sensor == sensor.name) &&
                  (scope.region.empty() || scope.region == sensor.region));
  }
  return hit;
}

}  // namespace

Affected::Affected(const FaultScope& scope, const Field& field, Purpose purpose, std::size_t number)
    : scope_(scope), data_start_(field.start), hit_(choose(scope, field, purpose, number)) {}

std::optional<Microseconds> Affected::since(std::uint32_t sensor, Timestamp now) const {
  if (!hits(sensor) || now < start()) return std::nullopt;
  Microseconds lasted = now - start();
  if (scope_.every > Microseconds{0}) lasted %= scope_.every;
  if (scope_.duration > Microseconds{0} && lasted >= scope_.duration) return std::nullopt;
  return lasted;
}

std::uint64_t Affected::begun(std::uint32_t sensor, Timestamp now) const {
  if (!hits(sensor) || now < start()) return 0;
  if (scope_.every == Microseconds{0}) return 1;
  return 1 + static_cast<std::uint64_t>((now - start()) / scope_.every);
}

Timestamp Affected::next_start(std::uint32_t sensor, Timestamp now) const {
  if (!hits(sensor)) return Timestamp::max();
  if (now < start()) return start();
  if (scope_.every == Microseconds{0}) return Timestamp::max();
  return start() + ((now - start()) / scope_.every + 1) * scope_.every;
}

}  // namespace lookout
