#include "net/daemon.h"

#include "net/log.h"

namespace aurora_global::net {

Task<int> take_orders(Result<void> started, std::filesystem::path control, ControlHandler handler,
                      Event& stop) {
  TaskGroup tasks(co_await asio::this_coro::executor);
  Result<std::unique_ptr<ControlServer>> server = make_error(ErrorKind::cancelled, "");
  if (started.has_value()) {
    server = ControlServer::listen(tasks, control, std::move(handler));
    if (server.has_error()) started = server.error();
  }
  if (started.has_error()) {
    log::error("{}", started.error().message);
  } else {
    while (!co_await stop.wait_for(std::chrono::hours(1))) {
    }
  }
  tasks.stop();
  co_await tasks.join();
  co_return started.has_value() ? 0 : 1;
}

}  // namespace aurora_global::net
