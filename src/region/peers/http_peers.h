// Peers over HTTP with mutual TLS: POST /v1/<what>. Who asks is known from the client certificate
// ("region:<name>"); nobody else gets in.
#pragma once

#include <map>
#include <memory>

#include "net/http.h"
#include "region/config.h"
#include "region/peers/transport.h"

namespace aurora_global::region {

class HttpPeers final : public PeerTransport {
 public:
  // Fails when the certificates cannot be read.
  static Result<std::unique_ptr<PeerTransport>> open(boost::asio::any_io_executor executor,
                                                     const RegionConfig& config);

  net::Task<Result<PeerReply>> call(RegionId to, PeerRequest request, Deadline deadline) override;
  Result<void> serve(net::TaskGroup& tasks, PeerHandler handler) override;
  void close() override;

 private:
  HttpPeers(std::string address, net::TlsContext tls)
      : address_(std::move(address)), server_tls_(std::move(tls)) {}
  net::Task<net::HttpResponse> answer(net::HttpRequest request);

  std::string address_;
  net::TlsContext server_tls_;
  std::map<RegionId, std::unique_ptr<net::HttpClient>> clients_;
  PeerHandler handler_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace aurora_global::region
