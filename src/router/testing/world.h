// A router between a client and two fake servers, and the orders that a region would give it.
//
// One thread, but for those of the router.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "router/router.h"
#include "router/testing/fake_client.h"
#include "router/testing/fake_server.h"

namespace aurora_global::router::testing {

class World {
 public:
  // Its addresses are 127.81.`block`.x.
  World(boost::asio::any_io_executor executor, int block);

  Result<void> start_servers();
  net::Task<Result<void>> start();
  net::Task<void> stop();
  net::Task<void> stop_router();

  // What the router answers, or its error.
  net::Task<Result<nlohmann::json>> ask(nlohmann::json request);
  // A topology in which `servers` serve the global writer endpoint and the cluster endpoint.
  nlohmann::json topology(std::uint64_t epoch, std::uint64_t version,
                          std::vector<const FakeServer*> servers) const;
  net::Task<Result<nlohmann::json>> writer_is(const FakeServer& server, std::uint64_t epoch);
  net::Task<Result<nlohmann::json>> prepare(const FakeServer& target, std::uint64_t epoch,
                                            int limit_ms = 5000);
  net::Task<Result<nlohmann::json>> hold(std::uint64_t epoch, int drain_ms = 5000,
                                         std::string policy = "terminate");
  net::Task<Result<nlohmann::json>> release();
  // What a region does between hold and topology: `from` is fenced, `to` has all that it stored.
  static void hand_over(FakeServer& from, FakeServer& to);
  // From the fence on, and the whole of it: west becomes the writer in epoch 2. Return whether the
  // router took every order.
  net::Task<bool> swap();
  net::Task<bool> switch_over();

  std::string endpoint(std::string name = "global-writer") const;
  // Connected and not logged in; nullptr if that failed.
  net::Task<std::unique_ptr<FakeClient>> connect(std::string endpoint_name = "global-writer");
  // Logged in as app; nullptr if that failed.
  net::Task<std::unique_ptr<FakeClient>> client();
  // Waits until it is so; returns whether it came to be.
  static net::Task<bool> until(std::function<bool()> condition,
                               Duration limit = std::chrono::seconds(20));
  // Looks for a while whether it stays so: what shall never happen cannot be awaited.
  static net::Task<bool> stays(std::function<bool()> condition,
                               Duration look = std::chrono::milliseconds(20));

  RouterConfig config;
  FakeServer east;
  FakeServer west;

 private:
  std::string at(int last) const;

  boost::asio::any_io_executor executor_;
  int block_;
  std::unique_ptr<Router> router_;
};

}  // namespace aurora_global::router::testing
