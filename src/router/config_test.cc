// Goal: a router does not start with a setting that would harm its clients, and says which.
#include "router/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace aurora_global::router {
namespace {

class Config : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(file_); }
  // A complete file, with one more line.
  Result<RouterConfig> with(const std::string& line) {
    std::ofstream(file_) << line << R"(
region = "us-east-1"
control = "c"
pid_file = "p"
topology_file = "t"
[[endpoint]]
name = "cluster"
listen = "127.0.0.1:5432"
)";
    return load_router_config(file_);
  }

  const std::filesystem::path file_ =
      std::filesystem::temp_directory_path() / ("router-" + std::to_string(getpid()) + ".toml");
};

TEST_F(Config, ABusyServerIsNotTakenForASilentOne) {
  const auto shortest = with("silence_timeout_ms = 1000");
  ASSERT_TRUE(shortest.has_value()) << shortest.error().message;
  EXPECT_EQ(shortest->silence_timeout, std::chrono::seconds(1));
  const auto refused = with("silence_timeout_ms = 999");
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message.find("'silence_timeout_ms' is at least 1000"),
            std::string::npos);
}

}  // namespace
}  // namespace aurora_global::router
