// One command at a time changes which processes of a platform run: `up`, `down`, `destroy`, and a
// drill for as long as it takes.
#pragma once

#include <filesystem>
#include <memory>

#include "cli/home.h"
#include "net/pid_file.h"

namespace aurora_global::cli {

class HomeLock {
 public:
  // What a command does when another one is at work.
  enum class Busy {
    refuse,  // Fails with `conflict` and says how to end the other one.
    wait,    // Says so and waits until the other one has ended.
    end_it,  // Interrupts the other one and waits until it has ended.
  };

  // Makes the home if it is not there. Within a process it is taken once: who takes it again
  // shares it. Fails with `conflict`, `timeout`, `cancelled` (by a signal) or `denied`.
  static Result<HomeLock> take(const Home& home, Busy busy);

  // Removes the directories that taking it has made, if nothing else is in them.
  void leave_no_trace() const;

  // The name of the file in the home.
  static constexpr const char* kFile = "command.lock";

 private:
  struct Held {
    net::PidFile file;
    std::filesystem::path home;
    std::filesystem::path made;  // The topmost directory that was not there; empty: all were.
  };
  explicit HomeLock(std::shared_ptr<Held> held) : held_(std::move(held)) {}
  std::shared_ptr<Held> held_;
};

}  // namespace aurora_global::cli
