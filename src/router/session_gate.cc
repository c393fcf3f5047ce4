#include "router/session_gate.h"

namespace aurora_global::router {

void SessionGate::hold(Epoch epoch) {
  if (closed_ && epoch < until_) return;
  closed_ = true;
  until_ = epoch;
}

void SessionGate::release() {
  closed_ = false;
  changed_.notify();
}

void SessionGate::reached(Epoch epoch) {
  if (closed_ && epoch >= until_) release();
}

net::Task<Result<void>> SessionGate::enter(Deadline deadline) {
  struct Waiting {
    int& count;
    explicit Waiting(int& c) : count(c) { ++count; }
    ~Waiting() { --count; }
  };
  while (closed_) {
    const Waiting waiting(waiting_);
    const bool told = co_await changed_.wait(deadline);
    if (!told && closed_) {
      co_return make_error(ErrorKind::timeout, "the writer is being moved; it took too long");
    }
  }
  co_return ok();
}

}  // namespace aurora_global::router
