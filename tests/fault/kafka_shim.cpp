// Preloaded into the bridge: kills it with -9 at the call that KAFKA_SHIM_KILL names: `commit:3` is the third
// commit, before it is made; `committed:3` right after. begin, produce, cursor are the others. Where
// KAFKA_SHIM_HOLD is set, letting a handle go takes a minute, as it does where a name is looked up in vain.
// The file that KAFKA_SHIM_LOG names gets a `b` as a transaction begins, and a `c` when it is committed.
#include <dlfcn.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace {

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void reached(std::string_view point) {
  static std::atomic<long> count = 0;
  const char* wanted = std::getenv("KAFKA_SHIM_KILL");
  const std::string_view text = wanted ? wanted : "";
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.substr(0, colon) != point) return;
  if (++count == std::atol(wanted + colon + 1)) ::kill(::getpid(), SIGKILL);
}

void note(char what) {
  const char* const path = std::getenv("KAFKA_SHIM_LOG");
  if (path == nullptr) return;
  static const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  [[maybe_unused]] const ssize_t written = ::write(file, &what, 1);
}

bool is_cursor(const rd_kafka_vu_t* fields, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (fields[i].vtype == RD_KAFKA_VTYPE_RKT)
      return std::string_view(rd_kafka_topic_name(fields[i].u.rkt)).ends_with("cursors");
  }
  return false;
}

}  // namespace

extern "C" {

void rd_kafka_destroy(rd_kafka_t* handle) {
  static const auto call = real<decltype(rd_kafka_destroy)>("rd_kafka_destroy");
  if (std::getenv("KAFKA_SHIM_HOLD")) ::sleep(60);
  call(handle);
}

rd_kafka_error_t* rd_kafka_begin_transaction(rd_kafka_t* handle) {
  static const auto call = real<decltype(rd_kafka_begin_transaction)>("rd_kafka_begin_transaction");
  reached("begin");
  note('b');
  return call(handle);
}

rd_kafka_error_t* rd_kafka_produceva(rd_kafka_t* handle, const rd_kafka_vu_t* fields, size_t count) {
  static const auto call = real<decltype(rd_kafka_produceva)>("rd_kafka_produceva");
  reached(is_cursor(fields, count) ? "cursor" : "produce");
  return call(handle, fields, count);
}

rd_kafka_error_t* rd_kafka_commit_transaction(rd_kafka_t* handle, int timeout_ms) {
  static const auto call = real<decltype(rd_kafka_commit_transaction)>("rd_kafka_commit_transaction");
  reached("commit");
  rd_kafka_error_t* const error = call(handle, timeout_ms);
  if (error == nullptr) {
    note('c');
    reached("committed");
  }
  return error;
}

}  // extern "C"
