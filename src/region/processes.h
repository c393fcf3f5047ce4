// The door to other processes: start, wait for, signal, adopt.
//
// A process is watched through a pidfd, so that one started by an earlier daemon is as good as our
// own child. Signals go to pids that a pidfd pins, never to a number that may have been reused.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "net/task.h"

namespace aurora_global::region {

// Who PostgreSQL runs as: it refuses root.
struct SystemUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};
// The user `postgres` when we are root (fails with `not_found` if there is none), else ourselves.
Result<SystemUser> postgres_user();

// "15.18" of the PostgreSQL programs in `bin`. Fails with `not_found` if there are none and with
// `invalid` for another major version than 15.
Result<std::string> postgres_version(const std::filesystem::path& bin);

struct CommandLine {
  std::vector<std::string> argv;  // argv[0] is the path of the program. Never a secret in here.
  std::vector<std::string> environment;  // "NAME=value", in addition to PATH and LC_ALL=C.UTF-8.
  std::optional<SystemUser> user;
  std::filesystem::path output;  // Standard output and error are appended to it.
};

class Process {
 public:
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // Lets go of the process; does not end it.

  // Starts it in a session of its own, so that it survives us.
  static Result<Process> start(const CommandLine& command);
  // Watches a process that already runs. Fails with `not_found` if there is none with that pid.
  static Result<Process> adopt(pid_t pid);

  pid_t pid() const { return pid_; }
  // The pidfd; readable once the process has ended.
  int fd() const { return fd_; }
  bool running() const;
  // ESRCH (it is gone) is not an error.
  void signal(int number) const;
  // Waits for the end. Returns false when the deadline passed first.
  net::Task<bool> wait(Deadline deadline) const;

 private:
  Process(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  pid_t pid_ = -1;
  int fd_ = -1;
};

struct CommandResult {
  int exit_code = -1;  // 128 + signal when ended by one.
  std::string output;  // Standard output and error, the last 64 KiB.
};
// Runs a command to its end. Fails with `timeout` (the command is killed) or `unavailable` (could
// not start). A non-zero exit code is a value.
net::Task<Result<CommandResult>> run_command(CommandLine command, Deadline deadline);

// The same, and a non-zero exit code is an error that carries the last lines of the output.
net::Task<Result<std::string>> run_checked(CommandLine command, Deadline deadline);

}  // namespace aurora_global::region
