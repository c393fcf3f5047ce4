#include "net/process.h"

#include <gtest/gtest.h>
#include <fstream>

#include "net/testing/run.h"

namespace aurora_global::net {
namespace {

using namespace std::chrono_literals;

CommandLine shell(const std::string& script) {
  CommandLine command;
  command.argv = {"/bin/sh", "-c", script};
  return command;
}

// A zombie is none: whoever is process 1 collects it, some day.
bool is_there(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(in, text)) return false;
  return text.substr(text.rfind(')') + 2, 1) != "Z";
}

// Runs a command that starts another one and waits; gives the other one's process id.
Task<void> wait_for_ever(std::filesystem::path file) {
  co_await run_command(shell("sleep 1000 & echo $! > " + file.string() + "; wait"),
                       Deadline::in(1h));
}

Task<pid_t> pid_in(std::filesystem::path file) {
  for (;;) {
    pid_t pid = 0;
    if (std::ifstream(file) >> pid) co_return pid;
    co_await sleep_for(1ms);
  }
}

TEST(Process, ACommandWhoseTaskIsCancelledEndsWithAllThatItStarted) {
  char name[] = "/tmp/aurora-global-process-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const std::filesystem::path file = std::filesystem::path(name) / "pid";
  testing::run([&](TaskGroup&) -> Task<void> {
    TaskGroup tasks(co_await boost::asio::this_coro::executor);
    tasks.spawn("command", wait_for_ever(file));
    const pid_t child = co_await pid_in(file);
    EXPECT_TRUE(is_there(child));
    tasks.stop();
    co_await tasks.join();
    // The kernel takes a moment to end it.
    for (int i = 0; i < 5000 && is_there(child); ++i) co_await sleep_for(1ms);
    EXPECT_FALSE(is_there(child));
  });
  std::filesystem::remove_all(name);
}

TEST(Process, ACommandThatTakesTooLongIsKilled) {
  testing::run([](TaskGroup&) -> Task<void> {
    const auto result = co_await run_command(shell("echo begun; sleep 1000"), Deadline::in(100ms));
    EXPECT_TRUE(result.has_error());
    if (result.has_error()) EXPECT_EQ(result.error().kind, ErrorKind::timeout);
  });
}

}  // namespace
}  // namespace aurora_global::net
