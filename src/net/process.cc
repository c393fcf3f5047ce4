#include "net/process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>

namespace aurora_global::net {
namespace {

constexpr std::size_t kOutputMax = 64 * 1024;

int open_pidfd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

std::string errno_text() { return std::strerror(errno); }

// Everything the child needs, prepared before the fork: after it only async-signal-safe calls.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<std::string> storage;
};

ChildPlan plan_of(const CommandLine& command) {
  ChildPlan plan;
  plan.storage = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
  plan.storage.insert(plan.storage.end(), command.environment.begin(), command.environment.end());
  for (std::string& text : plan.storage) plan.environment.push_back(text.data());
  plan.environment.push_back(nullptr);
  for (const std::string& text : command.argv) plan.argv.push_back(const_cast<char*>(text.c_str()));
  plan.argv.push_back(nullptr);
  return plan;
}

[[noreturn]] void become(const ChildPlan& plan, const CommandLine& command, pid_t parent,
                         int output, int error_pipe) {
  const std::optional<SystemUser>& user = command.user;
  setsid();
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, 0);
  dup2(output, 1);
  dup2(output, 2);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  bool failed = !command.root.empty() && chroot(command.root.c_str()) != 0;
  failed = failed || chdir(command.working_dir.c_str()) != 0;
  if (user && user->uid != geteuid()) {
    failed =
        failed || setgroups(0, nullptr) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0;
  }
  // After the change of user, which would clear it; the parent may have ended before it.
  if (command.ends_with_parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
  }
  if (!failed) {
    syscall(SYS_close_range, 3, ~0U, 4u /* CLOSE_RANGE_CLOEXEC */);
    execve(plan.argv[0], plan.argv.data(), plan.environment.data());
  }
  const int reason = errno;
  [[maybe_unused]] const auto written = write(error_pipe, &reason, sizeof reason);
  _exit(127);
}

// Forks and waits until exec has worked or said why not.
Result<pid_t> launch(const CommandLine& command, int output) {
  const ChildPlan plan = plan_of(command);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
    return make_error(ErrorKind::exhausted, "open pipe: " + errno_text());
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(plan, command, parent, output, pipe_ends[1]);
  close(pipe_ends[1]);
  int reason = 0;
  const ssize_t got = pid < 0 ? 0 : read(pipe_ends[0], &reason, sizeof reason);
  close(pipe_ends[0]);
  if (pid < 0) return make_error(ErrorKind::exhausted, "start process: " + errno_text());
  if (got > 0) {
    waitpid(pid, nullptr, 0);
    return make_error(ErrorKind::unavailable,
                      "cannot start " + command.argv[0] + ": " + std::strerror(reason));
  }
  return pid;
}

// A command that nobody waits for any more, since its task was cancelled, ends with all that it has
// started: it leads a session of its own.
class Waited {
 public:
  explicit Waited(pid_t pid) : pid_(pid) {}
  ~Waited() {
    if (pid_ <= 0) return;
    kill_all();
    waitpid(pid_, nullptr, 0);
  }
  Waited(const Waited&) = delete;
  Waited& operator=(const Waited&) = delete;
  void kill_all() const { ::kill(-pid_, SIGKILL); }
  void ended() { pid_ = 0; }

 private:
  pid_t pid_;
};

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

// Asio may wake a new wait by an event of a descriptor closed in the same turn of its reactor: only
// what poll(2) says counts.
Task<bool> wait_readable(int fd, Deadline deadline) {
  boost::asio::posix::stream_descriptor watched(co_await boost::asio::this_coro::executor, dup(fd));
  DeadlineGuard guard(watched, deadline);
  while (!readable(fd)) {
    auto [error] =
        co_await watched.async_wait(boost::asio::posix::stream_descriptor::wait_read, use_result);
    if (error) co_return readable(fd);
  }
  co_return true;
}

}  // namespace

Process::Process(Process&& other) noexcept
    : pid_(other.pid_), fd_(std::exchange(other.fd_, -1)), exit_code_(other.exit_code_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(fd_, other.fd_);
  std::swap(exit_code_, other.exit_code_);
  return *this;
}

Process::~Process() {
  if (fd_ >= 0) close(fd_);
}

Result<Process> Process::start(const CommandLine& command) {
  if (command.output_fd >= 0) {
    TRY(const pid_t pid, launch(command, command.output_fd));
    return adopt(pid);
  }
  const int output = open(command.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (output < 0) {
    return make_error(ErrorKind::unavailable,
                      "open " + command.output.string() + ": " + errno_text());
  }
  const auto pid = launch(command, output);
  close(output);
  if (pid.has_error()) return pid.error();
  return adopt(*pid);
}

Result<Process> Process::adopt(pid_t pid) {
  const int fd = open_pidfd(pid);
  if (fd < 0) {
    return make_error(ErrorKind::not_found,
                      "no process " + std::to_string(pid) + ": " + errno_text());
  }
  return Process(pid, fd);
}

// Collects it if it is our child; else no effect.
void Process::reap() const {
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Process::running() const {
  if (fd_ < 0) return false;
  const bool ended = readable(fd_);
  if (ended) reap();
  return !ended;
}

void Process::signal(int number) const {
  if (fd_ >= 0) syscall(SYS_pidfd_send_signal, fd_, number, nullptr, 0);
}

Task<bool> Process::wait(Deadline deadline) const {
  co_await wait_readable(fd_, deadline);
  co_return !running();
}

Task<Result<CommandResult>> run_command(CommandLine command, Deadline deadline) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    co_return make_error(ErrorKind::exhausted, "open pipe: " + errno_text());
  }
  const auto pid = launch(command, ends[1]);
  close(ends[1]);
  boost::asio::posix::stream_descriptor output(co_await boost::asio::this_coro::executor, ends[0]);
  if (pid.has_error()) co_return pid.error();
  Waited waited(*pid);
  CO_TRY(const Process process, Process::adopt(*pid));

  CommandResult result;
  bool expired = false;
  {
    DeadlineGuard guard(output, deadline);
    std::array<char, 4096> chunk;
    for (;;) {
      auto [error, size] = co_await output.async_read_some(boost::asio::buffer(chunk), use_result);
      if (error) break;
      result.output.append(chunk.data(), size);
      if (result.output.size() > kOutputMax) {
        result.output.erase(0, result.output.size() - kOutputMax);
      }
    }
    expired = guard.expired();
  }
  if (expired) waited.kill_all();
  // The output has ended, so the process is ending; only its pidfd tells when it has.
  int status = 0;
  while (waitpid(*pid, &status, WNOHANG) == 0) {
    if (!co_await wait_readable(process.fd(), Deadline::in(std::chrono::seconds(1)))) {
      if (deadline.passed()) waited.kill_all();
    }
  }
  waited.ended();
  if (expired) co_return make_error(ErrorKind::timeout, command.argv[0] + " took too long");
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  co_return result;
}

Task<Result<std::string>> run_checked(CommandLine command, Deadline deadline) {
  const std::string program = std::filesystem::path(command.argv[0]).filename();
  CO_TRY(CommandResult result, co_await run_command(std::move(command), deadline));
  if (result.exit_code == 0) co_return std::move(result.output);
  constexpr std::size_t kTail = 600;
  std::string tail = result.output;
  if (tail.size() > kTail) tail.erase(0, tail.size() - kTail);
  co_return make_error(ErrorKind::internal,
                       program + " ended with " + std::to_string(result.exit_code) + ": " + tail);
}

}  // namespace aurora_global::net
