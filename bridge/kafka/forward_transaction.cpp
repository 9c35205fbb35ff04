#include "bridge/kafka/forward_transaction.h"

namespace lookout {
namespace {

KafkaResult<void> put_records(KafkaSink& sink, const ForwardBatch& batch, const RecordNames& names,
                              const std::stop_token& stop) {
  RecordHeaders headers;
  for (const ForwardRecord& record : batch.records.list) {
    auto put = sink.produce({.topic = names.topics[static_cast<std::size_t>(record.topic)],
                             .key = record.key,
                             .value = record.value,
                             .headers = headers.of(record, names)},
                            stop);
    if (!put) return put;
  }
  return {};
}

}  // namespace

KafkaResult<void> commit_batch(KafkaSink& sink, ForwardBatch& batch, const RecordNames& names,
                               const std::string& cursor_key, const KafkaCursor& cursor,
                               const std::stop_token& stop) {
  auto done = sink.begin();
  if (done) done = put_records(sink, batch, names, stop);
  batch.records = {};
  for (auto alert = batch.alerts.begin(); done && alert != batch.alerts.end(); ++alert)
    done = sink.store_cursor(alert_key(cursor_key, alert->first), to_json(alert->second));
  if (done) done = sink.store_cursor(cursor_key, to_json(cursor));
  if (done) done = sink.commit(stop);
  return done;
}

}  // namespace lookout
