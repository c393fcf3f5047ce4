// Asks another region, typed: what is sent and what comes back are structs of messages.h.
#pragma once

#include "region/peers/messages.h"
#include "region/peers/transport.h"

namespace aurora_global::region {

class PeerClient {
 public:
  explicit PeerClient(PeerTransport& transport) : transport_(transport) {}

  // Fails as the network does, with `corrupt` for an answer that is none, and with the kind and the
  // AWS code of the other region's own refusal.
  template <typename Request>
  net::Task<Result<typename Request::Answer>> ask(RegionId to, Request request, Deadline deadline) {
    using Answer = typename Request::Answer;
    PeerRequest message = messages::encode(std::move(request));
    const auto reply = co_await transport_.call(to, std::move(message), deadline);
    if (reply.has_error()) {
      co_return reply.error().in("ask region " + to.name + " to " + std::string(Request::kName));
    }
    co_return messages::decode_answer<Answer>(*reply, to, Request::kName);
  }
  // Bytes as they are.
  net::Task<Result<PeerReply>> pass(RegionId to, PeerRequest request, Deadline deadline) {
    return transport_.call(std::move(to), std::move(request), deadline);
  }

 private:
  PeerTransport& transport_;
};

}  // namespace aurora_global::region
