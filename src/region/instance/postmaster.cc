#include "region/instance/postmaster.h"

#include <signal.h>

#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kExitPoll = 10ms;
// What an immediate shutdown may take before its processes are killed.
constexpr Duration kQuitLimit = 1s;

}  // namespace

bool Postmaster::running() {
  if (process_ && process_->running()) return true;
  process_.reset();
  if (const auto pid = running_postmaster(files_.data())) {
    if (auto process = net::Process::adopt(*pid)) process_ = std::move(*process);
  }
  return process_ && process_->running();
}

Result<void> Postmaster::start(const std::vector<std::string>& arguments) {
  net::CommandLine line = files_.command(
      "postgres",
      {"-D", files_.data().string(), "-c", "config_file=" + files_.configuration_file().string()});
  line.argv.insert(line.argv.end(), arguments.begin(), arguments.end());
  TRY(net::Process process, net::Process::start(line));
  process_ = std::move(process);
  return ok();
}

net::Task<Result<void>> Postmaster::stop(StopMode mode, Deadline deadline) {
  if (!running()) co_return ok();
  if (mode == StopMode::fast) {
    process_->signal(SIGINT);
    if (co_await ends_within(Deadline::in(deadline.left() * 2 / 3))) co_return ok();
    log::warn("the server in {} does not end: it is ended at once", files_.data().string());
  }
  if (!running()) co_return ok();
  process_->signal(SIGQUIT);
  if (co_await ends_within(deadline.at_most(kQuitLimit))) co_return ok();
  log::warn("the server in {} does not end: its processes are killed", files_.data().string());
  co_return co_await kill_all(deadline);
}

net::Task<bool> Postmaster::ends_within(Deadline deadline) {
  if (!process_) co_return true;
  if (!co_await process_->wait(deadline)) co_return false;
  process_.reset();
  co_return true;
}

// The postmaster first, that it starts no more of them.
net::Task<Result<void>> Postmaster::kill_all(Deadline deadline) {
  if (process_) process_->signal(SIGKILL);
  do {
    const auto left = processes_in(files_.data());
    for (const int pid : left) {
      if (const auto process = net::Process::adopt(pid)) process->signal(SIGKILL);
    }
    if (left.empty() && co_await ends_within(deadline.at_most(kQuitLimit))) co_return ok();
    co_await net::sleep_for(kExitPoll);
  } while (!deadline.passed());
  co_return make_error(ErrorKind::timeout,
                       "the server in " + files_.data().string() + " does not stop in time");
}

}  // namespace aurora_global::region
