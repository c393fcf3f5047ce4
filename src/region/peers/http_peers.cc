#include "region/peers/http_peers.h"

#include <nlohmann/json.hpp>

#include "net/tls.h"
#include "region/passed_call.h"

namespace aurora_global::region {
namespace {

constexpr std::string_view kClientPrefix = "region:";
constexpr std::string_view kPath = "/v1/";

net::HttpResponse refusal(int status, std::string why) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  const nlohmann::json body = {{"error", std::move(why)}, {"code", ""}};
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

}  // namespace

Result<std::unique_ptr<PeerTransport>> HttpPeers::open(boost::asio::any_io_executor executor,
                                                       const RegionConfig& config) {
  const auto tls = config.tls_dir();
  TRY(auto server_context,
      net::server_tls(tls / "server.crt", tls / "server.key", tls / "client-ca.crt"));
  TRY(auto client_context,
      net::client_tls(tls / "peer.crt", tls / "peer.key", tls / "server-ca.crt"));
  std::unique_ptr<HttpPeers> peers(new HttpPeers(config.peer_address, std::move(server_context)));
  for (const PeerConfig& peer : config.peers) {
    peers->clients_[peer.region] = std::make_unique<net::HttpClient>(
        executor, peer.api, client_context, peer.region.name + ".aurora-global.internal",
        kPassedBytesMax);
  }
  return std::unique_ptr<PeerTransport>(std::move(peers));
}

net::Task<Result<PeerReply>> HttpPeers::call(RegionId to, PeerRequest request, Deadline deadline) {
  const auto client = clients_.find(to);
  if (client == clients_.end()) {
    co_return make_error(ErrorKind::not_found, "this region has no peer " + to.name);
  }
  std::string body = std::move(request.body).text();
  if (body.size() > kPassedBytesMax) {
    co_return make_error(ErrorKind::invalid,
                         "The request is too large to be passed on to region " + to.name + ": " +
                             std::to_string(body.size()) + " bytes, at most " +
                             std::to_string(kPassedBytesMax),
                         "RequestTooLargeException");
  }
  net::HttpRequest message;
  message.method = "POST";
  message.target = std::string(kPath) + request.what;
  message.repeatable = request.repeatable;
  message.body = std::move(body);
  message.headers.emplace_back("Content-Type", "application/json");
  CO_TRY(net::HttpResponse response,
         co_await client->second->request(std::move(message), deadline));
  co_return PeerReply{response.status, std::move(response.body)};
}

Result<void> HttpPeers::serve(net::TaskGroup& tasks, PeerHandler handler) {
  handler_ = std::move(handler);
  TRY(server_,
      net::HttpServer::listen(
          tasks, address_, [this](net::HttpRequest request) { return answer(std::move(request)); },
          server_tls_, kPassedBytesMax));
  return ok();
}

net::Task<net::HttpResponse> HttpPeers::answer(net::HttpRequest request) {
  if (request.client_name.rfind(kClientPrefix, 0) != 0) {
    co_return refusal(
        403, "only member regions may ask; the certificate says '" + request.client_name + "'");
  }
  if (request.method != "POST" || request.target.rfind(kPath, 0) != 0) {
    co_return refusal(404, "unknown request " + request.method + " " + request.target);
  }
  const RegionId from{request.client_name.substr(kClientPrefix.size())};
  PeerRequest asked{request.target.substr(kPath.size()), std::move(request.body), true};
  PeerReply reply = co_await handler_(from, std::move(asked));
  net::HttpResponse response;
  response.status = reply.status;
  response.headers.emplace_back("Content-Type", "application/json");
  response.body = std::move(reply.body).text();
  co_return response;
}

void HttpPeers::close() {
  if (server_) server_->close();
}

}  // namespace aurora_global::region
