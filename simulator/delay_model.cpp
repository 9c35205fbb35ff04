#include "simulator/delay_model.h"

namespace lookout {

Microseconds DelayModel::at(double draw) const {
  if (delays_.empty()) return {};
  Delay::Quantile below{0, {}};
  for (const Delay::Quantile& above : delays_.front().quantiles) {
    if (draw < above.share) {
      const double part = (draw - below.share) / (above.share - below.share);
      const auto span = static_cast<double>((above.within - below.within).count());
      return below.within + Microseconds{static_cast<std::int64_t>(part * span)};
    }
    below = above;
  }
  return below.within;
}

}  // namespace lookout
