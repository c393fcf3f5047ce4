#include "router/listener.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "net/http.h"

namespace aurora_global::router {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;

Listener::Listener(asio::any_io_executor executor, std::string address,
                   std::vector<Endpoint*> endpoints)
    : address_(std::move(address)), endpoints_(std::move(endpoints)), tasks_(std::move(executor)) {}

Result<void> Listener::start() {
  TRY(tcp::acceptor acceptor, net::listen_on(tasks_.executor(), address_));
  acceptor_ = std::make_unique<tcp::acceptor>(std::move(acceptor));
  tasks_.spawn("listen on " + address_, accept_loop());
  return ok();
}

net::Task<void> Listener::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

net::Task<void> Listener::accept_loop() {
  for (;;) {
    Endpoint& chosen =
        **std::min_element(endpoints_.begin(), endpoints_.end(),
                           [](Endpoint* a, Endpoint* b) { return a->clients() < b->clients(); });
    auto [error, accepted] = co_await acceptor_->async_accept(chosen.executor(), net::use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      co_await net::sleep_for(10ms);
      continue;
    }
    asio::post(chosen.executor(),
               [&chosen, socket = std::move(accepted), place = chosen.take_place()]() mutable {
                 chosen.serve(std::move(socket), std::move(place));
               });
  }
}

}  // namespace aurora_global::router
