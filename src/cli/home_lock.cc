#include "cli/home_lock.h"

#include <signal.h>
#include <sys/stat.h>

#include <cstdio>
#include <map>

#include "cli/command.h"
#include "net/file.h"
#include "net/process.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// `up` waits for what it starts up to two minutes, and then ends it.
constexpr Duration kOtherEndsLimit = 300s;

// "drill" of `aurora-global --home H drill FILE`; "a command" if it cannot be told.
std::string command_of(pid_t pid) {
  const auto text = net::read_file("/proc/" + std::to_string(pid) + "/cmdline");
  if (text.has_error()) return "a command";
  for (const char* name : {"up", "down", "destroy", "drill"}) {
    const std::string word = std::string(1, '\0') + name;
    const std::size_t at = text->find(word);
    const std::size_t end = at == std::string::npos ? at : at + word.size();
    if (end != std::string::npos && (end == text->size() || (*text)[end] == '\0')) {
      return "`" + std::string(name) + "`";
    }
  }
  return "a command";
}

Error busy_with(const Home& home, pid_t pid) {
  const std::string number = std::to_string(pid);
  return make_error(ErrorKind::conflict,
                    command_of(pid) + " (process " + number + ") is at work on the platform in " +
                        home.root().string() +
                        "; wait for it, or interrupt it with Ctrl-C there or `kill " + number +
                        "`; `" + command_for(home) + " down --force` does so and ends everything");
}

net::Task<Result<void>> await_free(Home home, HomeLock::Busy busy,
                                   std::optional<net::PidFile>& taken) {
  const fs::path file = home.root() / HomeLock::kFile;
  const Deadline deadline = Deadline::in(kOtherEndsLimit);
  for (bool told = false;;) {
    auto lock = net::PidFile::acquire(file);
    if (lock.has_value()) {
      taken.emplace(std::move(*lock));
      co_return ok();
    }
    if (lock.error().kind != ErrorKind::conflict) co_return lock.error();
    const auto pid = net::running_pid(file);
    if (!pid) continue;  // It has just ended.
    if (busy == HomeLock::Busy::refuse) co_return busy_with(home, *pid);
    if (deadline.passed()) co_return busy_with(home, *pid);
    const auto other = net::Process::adopt(*pid);
    if (other.has_error()) continue;  // The same.
    if (!told) {
      std::fprintf(stderr, "aurora-global: waiting for %s (process %d) to end\n",
                   command_of(*pid).c_str(), *pid);
      told = true;
      if (busy == HomeLock::Busy::end_it) other->signal(SIGTERM);
    }
    co_await other->wait(deadline);
  }
}

}  // namespace

Result<HomeLock> HomeLock::take(const Home& home, Busy busy) {
  static std::map<fs::path, std::weak_ptr<Held>> all;
  auto& known = all[home.root()];
  if (auto held = known.lock()) return HomeLock(std::move(held));
  std::error_code error;
  fs::path made;
  for (fs::path dir = home.root(); !fs::exists(dir, error); dir = dir.parent_path()) made = dir;
  fs::create_directories(home.root(), error);
  if (error) {
    const bool forbidden = error == std::errc::permission_denied;
    return make_error(forbidden ? ErrorKind::denied : ErrorKind::invalid,
                      "cannot make the directory " + home.root().string() + ": " + error.message() +
                          "; name another one with --home");
  }
  std::optional<net::PidFile> taken;
  TRY_VOID(
      run_quietly([&](boost::asio::any_io_executor) { return await_free(home, busy, taken); }));
  auto held = std::make_shared<Held>(Held{std::move(*taken), home.root(), std::move(made)});
  known = held;
  return HomeLock(std::move(held));
}

void HomeLock::leave_no_trace() const {
  std::error_code error;
  fs::remove(held_->home / kFile, error);
  if (held_->made.empty()) return;
  // One that is not empty stays, and so do those above it.
  for (fs::path dir = held_->home; fs::remove(dir, error) && dir != held_->made;) {
    dir = dir.parent_path();
  }
}

}  // namespace aurora_global::cli
