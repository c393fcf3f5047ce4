// What a load balancer asks of one instance, by Patroni's paths: a configuration that was made for
// Patroni works here as it is.
//
// Source: Patroni's manual, "Patroni REST API", the health check endpoints.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services {

// GET, HEAD and OPTIONS of a path with or without `?lag=`: 200 for yes, 503 for no; the body says
// state and role. Pure.
net::HttpResponse health_answer(const net::HttpRequest& request,
                                const region::InstanceHealth& health);

// A listener for each instance of a region, at the instance's own address: plain HTTP, no
// signature, and nothing but what health_answer() says.
class HealthListeners {
 public:
  // `region` outlives it. Port 0: there are none.
  HealthListeners(boost::asio::any_io_executor executor, const region::Region& region, int port)
      : region_(region), port_(port), tasks_(std::move(executor)) {}
  void start();
  net::Task<void> stop();

 private:
  net::Task<void> keep();
  void look();
  net::Task<net::HttpResponse> answer(std::string instance, net::HttpRequest request) const;

  const region::Region& region_;
  int port_;
  net::TaskGroup tasks_;
  std::map<std::string, std::unique_ptr<net::HttpServer>> listeners_;  // By instance.
  std::set<std::string> failed_;  // Instances whose listener could not be made, as logged.
};

}  // namespace aurora_global::services
