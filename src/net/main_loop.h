// How a process of ours runs: one thread, one io_context, ends on SIGTERM or SIGINT.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "net/task.h"

namespace aurora_global::net {

// Sets up logging to standard error ("2026-11-23T15:57:04.123Z info region ...").
void init_logging(const std::string& name);

// Raises the limit of open files as far as the user may (65,536 at most), for a shell's usual 1,024
// are those of select(), which nothing here calls. Returns how many files and sockets this process
// may have open at once.
std::uint64_t raise_open_files_limit();

// Runs `body` to its end on a fresh io_context, SIGPIPE ignored, the limit of open files raised.
// `stop` is notified by SIGTERM and SIGINT; the body then ends in its own time. Returns the body's
// exit code.
int run_main(std::function<Task<int>(asio::any_io_executor executor, Event& stop)> body);

}  // namespace aurora_global::net
