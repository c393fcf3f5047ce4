#include "net/main_loop.h"

#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <exception>

#include "base/check.h"

namespace aurora_global::net {
namespace {

Task<void> watch_signals(asio::signal_set& signals, Event& stop) {
  for (;;) {
    auto [error, number] = co_await signals.async_wait(use_result);
    if (error) co_return;
    stop.notify();
  }
}

}  // namespace

int run_main(std::function<Task<int>(asio::any_io_executor, Event&)> body) {
  signal(SIGPIPE, SIG_IGN);
  asio::io_context context(1);
  Event stop(context.get_executor());
  asio::signal_set signals(context, SIGTERM, SIGINT);
  int code = 1;
  asio::co_spawn(context, watch_signals(signals, stop), [](std::exception_ptr) {});
  asio::co_spawn(context, body(context.get_executor(), stop),
                 [&](std::exception_ptr failure, int result) {
                   code = result;
                   signals.cancel();
                   if (!failure) return;
                   try {
                     std::rethrow_exception(failure);
                   } catch (const std::exception& error) {
                     std::fprintf(stderr, "ended by: %s\n", error.what());
                   }
                   code = 1;
                 });
  context.run();
  return code;
}

}  // namespace aurora_global::net
