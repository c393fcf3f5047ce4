#include "cli/startup_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace aurora_global::cli {
namespace {

class StartupLog : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/aurora-global-startup-XXXXXX";
    close(mkstemp(name));
    path_ = name;
    say("2026-01-01T00:00:00.000Z warning region of an earlier start; again in 100 ms");
    logs_.follow("us-east-1", path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  void say(const std::string& line) { std::ofstream(path_, std::ios::app) << line << "\n"; }

  std::optional<std::string> obstacle() { return logs_.obstacle(now_); }

  std::filesystem::path path_;
  StartupLogs logs_;
  Instant now_{};
};

TEST_F(StartupLog, AReasonThatComesBackIsAnObstacle) {
  const std::string line = "2026-01-01T00:00:01.000Z warning region instance a: no; again in ";
  for (int i = 0; i < 3; ++i) {
    say(line + std::to_string(i) + " ms");
    EXPECT_FALSE(obstacle());
  }
  now_ += kObstacleAfter;
  say(line + "800 ms");
  EXPECT_EQ(obstacle(), "us-east-1: instance a: no");
}

TEST_F(StartupLog, AServerThatStartsUpIsWaitedFor) {
  const std::string line = "2026-01-01T00:00:01.000Z warning region instance a: FATAL:  57P03: ";
  for (int i = 0; i < 9; ++i) {
    say(line + "the database system is starting up; again in 9 ms");
    now_ += kObstacleAfter;
    EXPECT_FALSE(obstacle());
  }
}

TEST_F(StartupLog, DifferentReasonsAreStepsOnTheWay) {
  for (int i = 0; i < 9; ++i) {
    say("2026-01-01T00:00:01.000Z warning region step " + std::to_string(i) + "; again in 9 ms");
    now_ += kObstacleAfter;
    EXPECT_FALSE(obstacle());
  }
  EXPECT_FALSE(obstacle());
  EXPECT_EQ(logs_.last(), "us-east-1: step 8");
}

TEST_F(StartupLog, WhoEndsOnceAndAgainIsToldByItsOwnError) {
  char name[] = "/tmp/aurora-global-startup-XXXXXX";
  close(mkstemp(name));
  const std::filesystem::path other = name;
  logs_.follow("us-west-2", other);
  const std::string at = "2026-01-01T00:00:01.000Z ";
  say(at + "error region state.sqlite is no database");
  say(at + "warning region later words");
  say(at + "warning supervisor daemon has ended");
  std::ofstream(other) << at << "warning region us-east-1 does not answer; again in 9 ms\n";
  EXPECT_FALSE(obstacle());
  EXPECT_EQ(logs_.last(), "us-east-1: state.sqlite is no database");
  say(at + "warning supervisor daemon has ended");
  EXPECT_EQ(obstacle(), "us-east-1: state.sqlite is no database");
  std::filesystem::remove(other);
}

TEST_F(StartupLog, AFullDiskIsAnObstacleAtOnce) {
  say("2026-01-01T00:00:01.000Z warning region initdb ended with 1: could not write:");
  EXPECT_FALSE(obstacle());
  say("initdb: error: could not write: No space left on device");
  EXPECT_EQ(obstacle(),
            "us-east-1: initdb ended with 1: could not write:; initdb: error: could not write: No "
            "space left on device");
}

TEST_F(StartupLog, AHalfWrittenLineIsReadWhenItIsWhole) {
  std::ofstream(path_, std::ios::app) << "2026-01-01T00:00:01.000Z error region ha";
  EXPECT_FALSE(obstacle());
  EXPECT_EQ(logs_.last(), "");
  say("lf");
  EXPECT_FALSE(obstacle());
  EXPECT_EQ(logs_.last(), "us-east-1: half");
}

}  // namespace
}  // namespace aurora_global::cli
