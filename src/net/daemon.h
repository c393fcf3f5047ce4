// A process of a region beside the region's own: it has a configuration file and a pid file, and
// takes orders at a control socket.
#pragma once

#include "net/log.h"

#include "net/control_socket.h"
#include "net/main_loop.h"
#include "net/pid_file.h"

namespace aurora_global::net {

// run_main() for a process with a configuration file, which names its `pid_file`: `body` has the
// configuration as its first parameter. Returns 2 for a bad one, 1 if the process runs already.
template <typename Config, typename Body>
int run_configured(const Result<Config>& config, Body body) {
  if (config.has_error()) {
    log::error("{}", config.error().message);
    return 2;
  }
  const auto pid_file = PidFile::acquire(config->pid_file);
  if (pid_file.has_error()) {
    log::error("{}", pid_file.error().message);
    return 1;
  }
  return run_main([&](asio::any_io_executor executor, Event& stop) {
    return body(*config, std::move(executor), stop);
  });
}

// What such a body does between its start and its end: takes orders at the control socket until
// `stop`. Returns the exit code.
Task<int> take_orders(Result<void> started, std::filesystem::path control, ControlHandler handler,
                      Event& stop);

}  // namespace aurora_global::net
