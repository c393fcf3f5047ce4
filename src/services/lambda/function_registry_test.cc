// Goal: a function is found by every name that AWS has for it, follows its files, and its code is
// unpacked once for each version.
#include "services/lambda/function_registry.h"

#include <gtest/gtest.h>

#include <fstream>

#include "net/testing/run.h"
#include "services/lambda/function_code.h"

namespace aurora_global::services::lambda {
namespace {

namespace fs = std::filesystem;

class FunctionRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-functions-XXXXXX";
    home_ = mkdtemp(place);
    fs::create_directories(home_ / "code");
    write("code/bootstrap", "one");
    declare("memory_mb = 256");
  }
  void TearDown() override { fs::remove_all(home_); }

  void write(const std::string& file, const std::string& text) {
    std::ofstream(home_ / file) << text;
    // Two versions within one tick of the file system's clock would look alike.
    fs::last_write_time(home_ / file,
                        fs::file_time_type::clock::now() + std::chrono::seconds(++tick_));
  }
  void declare(const std::string& more) {
    write("f.toml", "name = \"f-1\"\ncode = \"code\"\n" + more + "\n");
  }

  fs::path home_;
  int tick_ = 0;
  region::Facts facts_{RegionId{"us-east-1"}, "123456789012", "", "", {}};
};

TEST_F(FunctionRegistryTest, FindsAFunctionByEveryName) {
  FunctionRegistry registry(home_, facts_);
  for (const char* name : {"f-1", "f-1:$LATEST", "123456789012:function:f-1", "function:f-1",
                           "arn:aws:lambda:us-east-1:123456789012:function:f-1",
                           "arn:aws:lambda:us-east-1:123456789012:function:f-1:$LATEST"}) {
    const auto found = registry.find(name);
    ASSERT_TRUE(found.has_value()) << name;
    EXPECT_EQ((*found)->arn, "arn:aws:lambda:us-east-1:123456789012:function:f-1");
  }
  for (const char* name : {"", "f", "f-1:1", "f-1:live", "999999999999:function:f-1",
                           "arn:aws:lambda:us-west-2:123456789012:function:f-1", "function:"}) {
    const auto found = registry.find(name);
    ASSERT_TRUE(found.has_error()) << name;
    EXPECT_EQ(found.error().code, "ResourceNotFoundException");
  }
}

TEST_F(FunctionRegistryTest, AChangeOfFileOrCodeIsANewVersion) {
  FunctionRegistry registry(home_, facts_);
  const FunctionPtr first = *registry.find("f-1");
  EXPECT_EQ(*registry.find("f-1"), first);
  declare("memory_mb = 512");
  const FunctionPtr second = *registry.find("f-1");
  EXPECT_NE(second, first);
  EXPECT_EQ(second->config.memory_mb, 512);
  write("code/bootstrap", "two");
  const FunctionPtr third = *registry.find("f-1");
  EXPECT_NE(third, second);
  declare("memory_mb = \"much\"");
  EXPECT_EQ(*registry.find("f-1"), third) << "a broken file keeps what there was";
  fs::remove(home_ / "f.toml");
  EXPECT_TRUE(registry.find("f-1").has_error());
  EXPECT_TRUE(registry.all().empty());
}

TEST_F(FunctionRegistryTest, CodeIsUnpackedOnceForEachVersion) {
  declare("empty_root = true");
  FunctionRegistry registry(home_, facts_);
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    FunctionCode code(tasks.executor(), home_ / "unpacked");
    const FunctionPtr first = *registry.find("f-1");
    const auto one = co_await code.root_of(first);
    const auto again = co_await code.root_of(first);
    EXPECT_TRUE(one.has_value() && again.has_value());
    if (!one || !again) co_return;
    EXPECT_EQ(*one, *again);
    EXPECT_TRUE(fs::exists(*one / "var/task/bootstrap"));
    write("code/bootstrap", "two");
    const auto next = co_await code.root_of(*registry.find("f-1"));
    EXPECT_TRUE(next.has_value());
    EXPECT_NE(*next, *one);
    EXPECT_TRUE(fs::exists(*one)) << "the version before may still be running";
    write("no.zip", "no zip");
    write("g.toml", "code = \"no.zip\"");
    const auto refused = co_await code.root_of(*registry.find("g"));
    EXPECT_TRUE(refused.has_error());
    if (refused.has_error()) EXPECT_EQ(refused.error().code, "InvalidZipFileException");
  });
}

}  // namespace
}  // namespace aurora_global::services::lambda
