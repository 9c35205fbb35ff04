#pragma once

#include "bridge/kafka/forward_source.h"
#include "bridge/kafka/kafka_cursor.h"
#include "bridge/kafka/kafka_records.h"
#include "bridge/kafka/kafka_sink.h"

namespace lookout {

/// Commits the records of a batch, the alerts told in it, and the cursor behind them: all or nothing. The
/// records are gone as soon as the sink has them: the rest may take minutes.
KafkaResult<void> commit_batch(KafkaSink& sink, ForwardBatch& batch, const RecordNames& names,
                               const std::string& cursor_key, const KafkaCursor& cursor,
                               const std::stop_token& stop);

}  // namespace lookout
