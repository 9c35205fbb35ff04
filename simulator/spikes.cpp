#include "simulator/spikes.h"

#include "simulator/waveform.h"

namespace lookout {

void Spikes::apply(Sample& sample) const {
  for (std::size_t i = 0; i < spikes_.size(); ++i) {
    const Spike& spike = spikes_[i];
    for (Sample::Value& value : sample.values) {
      const Catalogue::Metric& metric = field_.catalogue.metrics[value.metric];
      if (!spike.metric.empty() && spike.metric != metric.name) continue;
      const double draw = field_.random.uniform(Purpose::spike, sample.sensor, metric.key + i, sample.seq);
      if (draw < spike.share) value.number = round_to_hundredths(value.number + spike.amount);
    }
  }
}

}  // namespace lookout
