#include "cli/interrupt.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace aurora_global::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

// Signals are the process's, so this is as well.
int descriptor = -1;
int last = 0;

bool is_ignored(int signal) {
  struct sigaction present {};
  return sigaction(signal, nullptr, &present) == 0 && present.sa_handler == SIG_IGN;
}

}  // namespace

Interrupts::Interrupts() : outermost_(descriptor < 0) {
  if (!outermost_) return;
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : kSignals) {
    if (!is_ignored(signal)) sigaddset(&wanted, signal);
  }
  sigprocmask(SIG_BLOCK, &wanted, &before_);
  descriptor = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
}

Interrupts::~Interrupts() {
  if (!outermost_ || descriptor < 0) return;
  close(descriptor);
  descriptor = -1;
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int Interrupts::fd() { return descriptor; }

int Interrupts::take() {
  signalfd_siginfo info{};
  if (descriptor < 0 || read(descriptor, &info, sizeof info) != sizeof info) return 0;
  return static_cast<int>(info.ssi_signo);
}

int Interrupts::ended_by() { return last; }
void Interrupts::set_ended_by(int signal) { last = signal; }

std::string signal_name(int signal) {
  switch (signal) {
    case SIGINT: return "SIGINT";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP";
    default: return "signal " + std::to_string(signal);
  }
}

}  // namespace aurora_global::cli
