// Preloaded into a program: its wall clock is off by as many seconds as the file CLOCK_SHIM_FILE says (8
// bytes, mapped), and may be stepped while it runs; the 8 bytes behind say whether the kernel holds it to be
// synchronised. The monotonic clock stays true. As in a kernel, who waits for a time of the wall clock waits
// longer when it is set back.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::int64_t kLook = kNanoseconds / 20;  // how often a waiting thread looks at the wall clock

struct Clock {
  std::int64_t offset_seconds, synchronised;
};

const volatile Clock& shifted() {
  static const auto* mapped = [] {
    static const Clock kTrue{};
    const char* path = std::getenv("CLOCK_SHIM_FILE");
    const int file = path ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
    void* memory = file < 0 ? MAP_FAILED : ::mmap(nullptr, sizeof(kTrue), PROT_READ, MAP_SHARED, file, 0);
    if (file >= 0) ::close(file);
    return memory == MAP_FAILED ? &kTrue : static_cast<const Clock*>(memory);
  }();
  return *mapped;
}

template <typename Function>
Function* real(const char* name, const char* version = nullptr) {
  void* found = version ? ::dlvsym(RTLD_NEXT, name, version) : ::dlsym(RTLD_NEXT, name);
  return reinterpret_cast<Function*>(found);
}

int real_clock(clockid_t clock, timespec* time) {
  static const auto call = real<int(clockid_t, timespec*)>("clock_gettime");
  return call(clock, time);
}

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * kNanoseconds + time.tv_nsec; }

std::int64_t wall_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now);
}

// Waits in short steps until the shifted clock is there: `wait` gets a time of the true one.
template <typename Wait>
int wait_until(const timespec* deadline, Wait wait) {
  while (true) {
    const std::int64_t missing = nanoseconds(*deadline) - wall_now();
    timespec until{};
    real_clock(CLOCK_REALTIME, &until);
    const std::int64_t at = nanoseconds(until) + (missing < kLook ? missing : kLook);
    until = {.tv_sec = at / kNanoseconds, .tv_nsec = at % kNanoseconds};
    const int result = wait(&until);
    if (result == 0 || nanoseconds(*deadline) <= wall_now()) return result;
  }
}

bool is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = real_clock(clock, time);
  if (result == 0 && is_wall(clock)) time->tv_sec += shifted().offset_seconds;
  return result;
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int adjtimex(timex* state) noexcept {
  const bool synchronised = shifted().synchronised != 0;
  state->status = synchronised ? 0 : STA_UNSYNC;
  return synchronised ? TIME_OK : TIME_ERROR;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* deadline) {
  static const auto call =
      real<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait", "GLIBC_2.3.2");
  return wait_until(deadline, [&](const timespec* until) { return call(condition, mutex, until); });
}

int sem_timedwait(sem_t* semaphore, const timespec* deadline) {
  static const auto call = real<int(sem_t*, const timespec*)>("sem_timedwait");
  return wait_until(deadline, [&](const timespec* until) {
    const int result = call(semaphore, until);
    return result;
  });
}

}  // extern "C"
