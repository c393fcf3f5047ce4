// A signed call to a FakeRegion's handler, without sockets.
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/sigv4.h"
#include "net/testing/run.h"
#include "services/api_server.h"
#include "services/testing/fake_region.h"

namespace aurora_global::services::testing {

inline net::HttpRequest signed_request(std::string method, std::string target, std::string body,
                                       std::string service, std::string region = "us-east-1") {
  awsapi::HttpMessage message{std::move(method), std::move(target), {}, std::move(body)};
  awsapi::sign(message, {FakeRegion::kKey, FakeRegion::kSecret}, "127.0.1.1:4566", region, service,
               SystemClock().wall_now());
  net::HttpRequest request;
  request.method = message.method;
  request.target = message.target;
  request.headers = message.headers;
  request.body = message.body;
  return request;
}

// A call of a JSON service as its serve() gets it, past the API server that verifies signatures.
template <typename Serve>
nlohmann::json json_call(const Serve& serve, FakeRegion& region, const std::string& target,
                         const nlohmann::json& request) {
  net::HttpRequest message;
  message.method = "POST";
  message.target = "/";
  message.headers = {{"X-Amz-Target", target}};
  message.body = request.dump();
  net::HttpResponse response;
  net::testing::run(
      [&](net::TaskGroup&) -> net::Task<void> { response = co_await serve(region, message); });
  nlohmann::json body = nlohmann::json::parse(response.body);
  EXPECT_EQ(response.status, body.contains("__type") ? 400 : 200) << response.body;
  return body;
}

// Runs `body(server)` against an ApiServer of its own.
template <typename Body>
void with_api_server(FakeRegion& region, const Body& body) {
  char place[] = "/tmp/aurora-global-api-XXXXXX";
  const std::filesystem::path home = mkdtemp(place);
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    ApiOptions options{home, "127.0.1.1:4566", {FakeRegion::kKey, FakeRegion::kSecret}};
    auto server = ApiServer::open(tasks.executor(), region, std::move(options));
    auto running = body(**server);
    co_await std::move(running);
    co_await (*server)->stop();
  });
  std::filesystem::remove_all(home);
}

// Runs `body(handler)` against one.
template <typename Body>
void with_server(FakeRegion& region, const Body& body) {
  with_api_server(region, [&](ApiServer& server) -> net::Task<void> {
    const net::HttpHandler handler = server.handler();
    auto running = body(handler);
    co_await std::move(running);
  });
}

inline net::HttpResponse send(FakeRegion& region, net::HttpRequest request) {
  net::HttpResponse response;
  with_server(region, [&](const net::HttpHandler& handler) -> net::Task<void> {
    auto handling = handler(request);
    response = co_await std::move(handling);
  });
  return response;
}

// The text of the first <name> in an answer; "" if there is none.
inline std::string element_in(const net::HttpResponse& response, const std::string& name) {
  const auto begin = response.body.find("<" + name + ">");
  if (begin == std::string::npos) return "";
  const auto from = begin + name.size() + 2;
  return response.body.substr(from, response.body.find("</" + name + ">", from) - from);
}
inline std::string code_in(const net::HttpResponse& response) {
  return element_in(response, "Code");
}

}  // namespace aurora_global::services::testing
