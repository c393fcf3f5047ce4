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

namespace aurora_global::net {

// A user other than our own to run a program as; needs root.
struct SystemUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};
struct CommandLine {
  std::vector<std::string> argv;  // argv[0] is the path of the program. Never a secret in here.
  std::vector<std::string> environment;  // "NAME=value", in addition to PATH and LC_ALL=C.UTF-8.
  std::optional<SystemUser> user;
  std::filesystem::path output;  // Standard output and error are appended to it.
  int output_fd = -1;            // If not -1, they go here instead.
  std::filesystem::path working_dir = "/";
  std::filesystem::path root;     // If not empty, chroot(2) to it first; needs root.
  bool ends_with_parent = false;  // SIGKILL when we die.
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
  // How it ended, as shells say it: the exit code, or 128 + signal. Known once running() or wait()
  // has seen the end of our own child; never for an adopted process.
  std::optional<int> exit_code() const { return exit_code_; }
  // ESRCH (it is gone) is not an error.
  void signal(int number) const;
  // Waits for the end. Returns false when the deadline passed first.
  Task<bool> wait(Deadline deadline) const;

 private:
  Process(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  void reap() const;

  pid_t pid_ = -1;
  int fd_ = -1;
  mutable std::optional<int> exit_code_;
};

struct CommandResult {
  int exit_code = -1;  // 128 + signal when ended by one.
  std::string output;  // Standard output and error, the last 64 KiB.
};
// Runs a command to its end. Fails with `timeout` (the command is killed, as when the task is
// cancelled, with all that it has started) or `unavailable` (could not start). A non-zero exit code
// is a value.
Task<Result<CommandResult>> run_command(CommandLine command, Deadline deadline);

// The same, and a non-zero exit code is an error that carries the last lines of the output.
Task<Result<std::string>> run_checked(CommandLine command, Deadline deadline);

}  // namespace aurora_global::net
