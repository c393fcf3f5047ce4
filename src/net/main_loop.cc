#include "net/main_loop.h"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <exception>

#include "base/check.h"

namespace aurora_global::net {
namespace {

constexpr rlim_t kOpenFilesMax = 65'536;
constexpr Duration kTellAgainAfter = std::chrono::milliseconds(20);

// An Event wakes those who wait at that moment. A body that is still starting when the signal comes
// begins to wait later, so it is told until it has ended.
Task<void> watch_signals(asio::signal_set& signals, Event& stop, const bool& ended) {
  auto [error, number] = co_await signals.async_wait(use_result);
  while (!error && !ended) {
    stop.notify();
    co_await sleep_for(kTellAgainAfter);
  }
}

}  // namespace

std::uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t wanted = std::min(limit.rlim_max, kOpenFilesMax);
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  const rlimit raised{wanted, limit.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? wanted : limit.rlim_cur;
}

int run_main(std::function<Task<int>(asio::any_io_executor, Event&)> body) {
  signal(SIGPIPE, SIG_IGN);
  raise_open_files_limit();
  asio::io_context context(1);
  Event stop(context.get_executor());
  asio::signal_set signals(context, SIGTERM, SIGINT);
  int code = 1;
  bool ended = false;
  asio::co_spawn(context, watch_signals(signals, stop, ended), [](std::exception_ptr) {});
  asio::co_spawn(context, body(context.get_executor(), stop),
                 [&](std::exception_ptr failure, int result) {
                   code = result;
                   ended = true;
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
