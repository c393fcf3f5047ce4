// The way to the daemons of other regions. Bytes cross it; what they mean is in messages.h.
#pragma once

#include <functional>
#include <string>

#include "base/ids.h"
#include "net/task.h"

namespace aurora_global::region {

struct PeerRequest {
  std::string what;        // "gossip", "fence" ...
  std::string body;        // JSON.
  bool repeatable = true;  // Doing it twice does no harm.
};

struct PeerReply {
  int status = 200;
  std::string body;  // JSON.
};

// Answers a request of a region whose identity is proven.
using PeerHandler = std::function<net::Task<PeerReply>(RegionId from, PeerRequest request)>;

class PeerTransport {
 public:
  virtual ~PeerTransport() = default;
  // Fails with `not_found` for a region that is no peer, else as a network does: the request may
  // have arrived, or may arrive still.
  virtual net::Task<Result<PeerReply>> call(RegionId to, PeerRequest request,
                                            Deadline deadline) = 0;
  // Peers are answered by `handler` from now on, until close().
  virtual Result<void> serve(net::TaskGroup& tasks, PeerHandler handler) = 0;
  virtual void close() = 0;
};

}  // namespace aurora_global::region
