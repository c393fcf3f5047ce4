// Holds the sessions of one endpoint while the writer moves.
//
// Closed by hold(epoch), opened by a topology of that epoch or a newer one, or by release(). The
// gate does no network I/O: a session looks at it before each transaction, and a new one passes it
// before it chooses a server.
//
// Threading: used on one thread.
#pragma once

#include "base/ids.h"
#include "net/task.h"

namespace aurora_global::router {

class SessionGate {
 public:
  explicit SessionGate(boost::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  // Closes the gate until `epoch`; a lower one than the present hold's changes nothing.
  void hold(Epoch epoch);
  void release();
  // A topology of `epoch` is in force.
  void reached(Epoch epoch);
  bool closed() const { return closed_; }
  int waiting() const { return waiting_; }

  // Waits until the gate is open. Fails with `timeout`.
  net::Task<Result<void>> enter(Deadline deadline);

 private:
  bool closed_ = false;
  Epoch until_;
  int waiting_ = 0;
  net::Event changed_;
};

}  // namespace aurora_global::router
