// How a command meets SIGINT (Ctrl-C), SIGTERM and SIGHUP (a terminal that was closed).
//
// The three are blocked while an Interrupts lives and are read from a descriptor, so that none
// falls between two parts of a command: what the command has started or broken is put right first,
// then it ends with 128 + signal, as shells say it. One that our parent ignores (nohup) stays
// ignored.
#pragma once

#include <signal.h>

#include <string>

namespace aurora_global::cli {

class Interrupts {
 public:
  // The outermost one counts; those within it share its descriptor.
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Readable when a signal has come; -1 where there is no descriptor to be had.
  static int fd();
  // The next signal that has come; 0 if none has.
  static int take();
  // The signal that ended a part of this command; 0 if none did.
  static int ended_by();
  static void set_ended_by(int signal);

 private:
  bool outermost_;
  sigset_t before_;
};

// "SIGINT", "SIGTERM", "SIGHUP".
std::string signal_name(int signal);

}  // namespace aurora_global::cli
