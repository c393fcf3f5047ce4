#include "cli/command.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <set>

#include "cli/interrupt.h"
#include "net/pid_file.h"

namespace aurora_global::cli {

using namespace std::chrono_literals;

namespace {

int exit_code_of_kind(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
    case ErrorKind::not_found:
    case ErrorKind::denied: return kExitUsage;
    case ErrorKind::timeout:
    case ErrorKind::unavailable:
    case ErrorKind::exhausted: return kExitUnavailable;
    case ErrorKind::cancelled:
    case ErrorKind::superseded:
    case ErrorKind::conflict:
    case ErrorKind::corrupt:
    case ErrorKind::data_loss_refused:
    case ErrorKind::internal: return kExitFailed;
  }
  return kExitFailed;
}

// One run of a body, from its start to its end or to the signal that stops it.
struct Run {
  boost::asio::io_context context{1};
  boost::asio::posix::stream_descriptor signals{context};
  Result<void> outcome = make_error(ErrorKind::internal, "the command did not end");
  bool ended = false;
  int stopped_by = 0;
};

net::Task<void> watch_signals(Run& run, OnSignal on_signal) {
  for (bool told = on_signal == OnSignal::stop;; told = true) {
    auto [error] = co_await run.signals.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                                   net::use_result);
    if (error || run.ended) co_return;
    const int signal = Interrupts::take();
    if (signal == 0) continue;
    if (told) {
      run.stopped_by = signal;
      run.context.stop();
      co_return;
    }
    std::fprintf(stderr, "aurora-global: %s: still ending what runs; once more leaves it\n",
                 signal_name(signal).c_str());
  }
}

std::set<int> open_sockets() {
  std::set<int> sockets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    struct stat facts {};
    if (fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode)) sockets.insert(fd);
  }
  return sockets;
}

// Nobody reads them any more, and whoever is at the other end must not wait for that.
void hang_up(const std::set<int>& all_but) {
  for (const int fd : open_sockets()) {
    if (!all_but.contains(fd)) shutdown(fd, SHUT_RDWR);
  }
}

}  // namespace

int exit_code_of(const Error& error) {
  if (error.kind == ErrorKind::cancelled && Interrupts::ended_by() != 0) {
    return kExitSignal + Interrupts::ended_by();
  }
  return exit_code_of_kind(error.kind);
}

int report(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "aurora-global: %s%s%s%s\n", error.message.c_str(),
               error.code.empty() ? "" : " [", error.code.c_str(), error.code.empty() ? "" : "]");
  return exit_code_of(error);
}

std::string printable(const nlohmann::json& value) {
  return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<void> run_quietly(Body body, OnSignal on_signal) {
  // A reader of our output that goes away (`| head`) must not end us in the middle.
  signal(SIGPIPE, SIG_IGN);
  static int depth = 0;  // A run may have another within.
  Interrupts interrupts;
  auto run = std::make_unique<Run>();
  if (const int fd = Interrupts::fd(); fd >= 0) {
    run->signals.assign(dup(fd));
    boost::asio::co_spawn(run->context, watch_signals(*run, on_signal), [](std::exception_ptr) {});
  }
  boost::asio::co_spawn(run->context, body(run->context.get_executor()),
                        [&run = *run](std::exception_ptr failure, Result<void> result) {
                          run.ended = true;
                          run.signals.close();
                          if (!failure) {
                            run.outcome = std::move(result);
                            return;
                          }
                          try {
                            std::rethrow_exception(failure);
                          } catch (const std::exception& error) {
                            run.outcome = make_error(ErrorKind::internal, error.what());
                          }
                        });
  const std::set<int> before = open_sockets();
  ++depth;
  run->context.run();
  --depth;
  if (run->ended || run->stopped_by == 0) return run->outcome;
  hang_up(before);
  // Its coroutines stay suspended for ever: unwinding them would need their consent. What has to be
  // put right is put right by a run of its own, and the process ends soon.
  static auto& left = *new std::vector<Run*>();
  left.push_back(run.release());
  Interrupts::set_ended_by(left.back()->stopped_by);
  if (depth > 0) raise(left.back()->stopped_by);  // Blocked: the run around it reads it.
  return make_error(ErrorKind::cancelled, "interrupted by " + signal_name(left.back()->stopped_by));
}

int run_command(Body body, OnSignal on_signal) {
  const auto outcome = run_quietly(std::move(body), on_signal);
  return outcome.has_value() ? kExitOk : report(outcome.error());
}

Result<Connected> connect_to(const Home& home, boost::asio::any_io_executor executor) {
  TRY(Platform platform, home.load());
  TRY(awsapi::Credentials credentials, home.credentials());
  Connected connected{home, std::move(platform), std::move(credentials), {}};
  for (std::size_t i = 0; i < connected.platform.regions.size(); ++i) {
    connected.clients[connected.platform.regions[i]] = std::make_unique<awsclient::AwsClient>(
        executor, api_address(connected.platform, static_cast<int>(i) + 1), connected.credentials);
  }
  return connected;
}

Result<void> require_running(const Home& home, const Platform& platform) {
  for (const RegionId& region : platform.regions) {
    for (const char* name : {"supervisor.pid", "daemon.pid"}) {
      if (net::running_pid(home.run_dir(region) / name)) return ok();
    }
  }
  return make_error(ErrorKind::unavailable, "the platform in " + home.root().string() +
                                                " is down; `" + command_for(home) +
                                                " up` starts it");
}

net::Task<Result<Situation>> situation(Connected& connected, Deadline deadline) {
  Error last = make_error(ErrorKind::unavailable, "no region answers");
  std::optional<Situation> best;
  for (const RegionId& region : connected.platform.regions) {
    const auto found =
        co_await connected.at(region).describe_global_clusters(region, deadline.at_most(2s));
    if (found.has_error()) {
      last = found.error().in("region " + region.name);
      continue;
    }
    for (const auto& view : *found) {
      if (view.global.identifier != connected.platform.global_cluster) continue;
      // A region that is cut off may hold an old truth; one that moves the writer knows best.
      const bool better = !best || view.global.status != "available";
      if (better) best = Situation{view.global, region};
    }
  }
  if (best) co_return std::move(*best);
  co_return last.in("there is no global cluster " + connected.platform.global_cluster);
}

}  // namespace aurora_global::cli
