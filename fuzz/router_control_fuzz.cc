// The lines of a router's control socket, one after the other to one router: each is answered or
// refused with a sentence. A line that is taken as a topology is kept and taken again.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "base/json.h"
#include "router/router.h"

namespace {

using namespace aurora_global;

struct World {
  boost::asio::io_context context;
  router::RouterConfig config;
  std::unique_ptr<router::Router> router;

  World() {
    config.region = "us-east-1";
    config.require_tls = false;
    config.hold_timeout = std::chrono::milliseconds(1);
    config.endpoints = {{"global-writer", "127.0.0.1:0", {}},
                        {"cluster", "127.0.0.1:0", {}},
                        {"reader", "127.0.0.1:0", {}}};
    auto made = router::Router::make(context.get_executor(), config);
    if (made.has_error()) std::abort();
    router = std::move(*made);
  }
};

net::Task<void> say(router::Router& router, std::string line, bool* answered) {
  nlohmann::json request = parse_json(line);
  if (request.is_object() && request.contains("do")) {
    try {
      auto handling = router.control(std::move(request));
      const auto answer = co_await std::move(handling);
      if (answer.has_error() && answer.error().message.empty()) std::abort();
      if (answer.has_value() && !answer->is_object()) std::abort();
    } catch (const nlohmann::json::exception&) {
      // The control socket answers "malformed request".
    }
  }
  *answered = true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World& world = *new World;
  std::istringstream lines(std::string(data, data + size));
  for (std::string line; std::getline(lines, line);) {
    bool answered = false;
    boost::asio::co_spawn(world.context, say(*world.router, line, &answered),
                          boost::asio::detached);
    for (int turns = 0; !answered && turns < 1000; ++turns) {
      world.context.restart();
      world.context.run_one_for(std::chrono::milliseconds(20));
    }
    if (!answered) std::abort();
  }
  return 0;
}
