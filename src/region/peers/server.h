// Answers other regions: finds who serves a request, reads it, and writes the answer or refusal.
//
// Each role of a region says with on<Request>() what it serves. Whatever a peer sends ends in an
// answer; nothing of it ends this daemon.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "region/peers/messages.h"
#include "region/peers/transport.h"

namespace aurora_global::region {

class PeerServer {
 public:
  using Caller = messages::Caller;

  // `serve`: (Caller, Request) -> Task<Result<Request::Answer>>.
  template <typename Request, typename Serve>
  void on(Serve serve) {
    handlers_[std::string(Request::kName)] = [serve](Caller caller, Body body) {
      return answer<Request>(serve, std::move(caller), std::move(body));
    };
  }
  // Bytes as they are: no JSON.
  void on_bytes(std::string what,
                std::function<net::Task<PeerReply>(Caller caller, std::string body)> serve) {
    handlers_[std::move(what)] = [serve = std::move(serve)](Caller caller, Body body) {
      return serve(std::move(caller), std::move(body).text());
    };
  }

  net::Task<PeerReply> serve(RegionId from, PeerRequest request);

 private:
  using Handler = std::function<net::Task<PeerReply>(Caller caller, Body body)>;

  template <typename Request, typename Serve>
  static net::Task<PeerReply> answer(Serve serve, Caller caller, Body body) {
    auto request = messages::read_request<Request>(body, caller);
    if (request.has_error()) co_return messages::encode_error(request.error());
    auto answered = co_await serve(std::move(caller), std::move(*request));
    if (answered.has_error()) co_return messages::encode_error(answered.error());
    co_return messages::encode_answer(std::move(*answered));
  }

  std::map<std::string, Handler> handlers_;
};

}  // namespace aurora_global::region
