#include "cli/standard_streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/command.h"

namespace aurora_global::cli {
namespace {

// Writing to those fails for one reason only: nobody reads any more.
bool has_a_reader_at_its_end(int fd) {
  struct stat facts {};
  return fstat(fd, &facts) == 0 && (S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode));
}

}  // namespace

void open_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is taken, which is this one.
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

int end_output(int code) {
  const bool failed_before = std::ferror(stdout) != 0;
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && !failed_before) return code;
  const char* why = flushed ? "an earlier write failed" : std::strerror(errno);
  if (has_a_reader_at_its_end(STDOUT_FILENO)) return code;
  std::fprintf(stderr, "aurora-global: cannot write the output: %s\n", why);
  return code == kExitOk ? kExitFailed : code;
}

}  // namespace aurora_global::cli
