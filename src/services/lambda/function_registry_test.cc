// Goal: a function is found by every name that AWS has for it, follows its files, and its code is
// unpacked once for each version.
#include "services/lambda/function_registry.h"

#include <gtest/gtest.h>
#include <zip.h>

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

TEST_F(FunctionRegistryTest, NewCodeWithAnOlderDateIsANewVersion) {
  FunctionRegistry registry(home_, facts_);
  const FunctionPtr first = *registry.find("f-1");
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1000);
  write("code/bootstrap", "two");
  fs::last_write_time(home_ / "code/bootstrap", long_ago);
  const FunctionPtr second = *registry.find("f-1");
  EXPECT_NE(second, first);
  EXPECT_EQ(*registry.find("f-1"), second);
  // Another file of the same size and date in its place.
  write("code/other", "six");
  fs::last_write_time(home_ / "code/other", long_ago);
  fs::rename(home_ / "code/other", home_ / "code/bootstrap");
  const FunctionPtr third = *registry.find("f-1");
  EXPECT_NE(third, second);
  declare("memory_mb = 512");
  fs::last_write_time(home_ / "f.toml", long_ago);
  EXPECT_EQ((*registry.find("f-1"))->config.memory_mb, 512);
}

TEST_F(FunctionRegistryTest, DelaysThatAreNoTimesAreRefused) {
  for (const char* bad :
       {"[nan]", "[inf]", "[-1]", "[-inf]", "[60, -0.5]", "[1e300]", "[\"60\"]", "60", "\"60\""}) {
    declare("retry_delays_s = " + std::string(bad));
    EXPECT_TRUE(load_function(home_ / "f.toml").has_error()) << bad;
  }
  for (const char* good : {"[0]", "[0.5, 60]", "[21600]", "[]"}) {
    declare("retry_delays_s = " + std::string(good));
    EXPECT_TRUE(load_function(home_ / "f.toml").has_value()) << good;
  }
}

TEST_F(FunctionRegistryTest, WhatHasAnotherTypeIsRefused) {
  for (const char* bad : {"description = true", "handler = []", "empty_root = 1",
                          "empty_root = \"true\"", "environment = 5", "environment = [\"A=b\"]",
                          "files = \"/etc\"", "memory_mb = \"512\"", "timeout_s = 1.5"}) {
    declare(bad);
    EXPECT_TRUE(load_function(home_ / "f.toml").has_error()) << bad;
  }
}

// A zip of one deflated entry of 10 MB that says it had 10 bytes.
void write_lying_zip(const fs::path& file) {
  const std::string zeros(10 << 20, '\0');
  zip_t* zip = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(zip, nullptr);
  zip_file_add(zip, "bootstrap", zip_source_buffer(zip, zeros.data(), zeros.size(), 0), 0);
  ASSERT_EQ(zip_close(zip), 0);
  std::ifstream in(file, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  const std::string said("\0\0\xa0\0", 4);
  int changed = 0;
  for (auto at = bytes.find(said); at != std::string::npos; at = bytes.find(said, at + 4)) {
    bytes.replace(at, 4, std::string("\x0a\0\0\0", 4));
    ++changed;
  }
  ASSERT_GE(changed, 2);  // In the entry's own header and in the directory.
  std::ofstream(file, std::ios::binary) << bytes;
}

TEST_F(FunctionRegistryTest, AZipThatHoldsMoreThanItSaysIsLeftAtOnce) {
  write_lying_zip(home_ / "lies.zip");
  fs::create_directories(home_ / "out");
  EXPECT_TRUE(unzip(home_ / "lies.zip", home_ / "out").has_error());
  std::error_code error;
  const auto size = fs::file_size(home_ / "out/bootstrap", error);
  EXPECT_TRUE(error || size <= 10) << size;
}

// Each of these is in the way of another; no error tells where on this machine they were unpacked.
TEST_F(FunctionRegistryTest, EntriesThatDoNotFitTogetherAreTold) {
  const std::vector<std::vector<std::string>> zips = {{"a", "a/b"},
                                                      {"a/b", "a"},
                                                      {"a", "a/"},
                                                      {"a", "a/b/"},
                                                      {"x/.."},
                                                      {std::string(300, 'n')},
                                                      {std::string(300, 'n') + "/a"}};
  for (const auto& names : zips) {
    fs::remove_all(home_ / "out");
    zip_t* zip = zip_open((home_ / "names.zip").c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    ASSERT_NE(zip, nullptr);
    for (const std::string& name : names) {
      if (name.ends_with('/')) {
        zip_dir_add(zip, name.c_str(), 0);
      } else {
        zip_file_add(zip, name.c_str(), zip_source_buffer(zip, "x", 1, 0), 0);
      }
    }
    ASSERT_EQ(zip_close(zip), 0);
    const auto unpacked = unzip(home_ / "names.zip", home_ / "out");
    ASSERT_TRUE(unpacked.has_error()) << names.back();
    EXPECT_EQ(unpacked.error().kind, ErrorKind::invalid) << unpacked.error().message;
    EXPECT_EQ(unpacked.error().message.find((home_ / "out").string()), std::string::npos)
        << unpacked.error().message;
  }
}

// A number of `bytes` bytes, the lowest first, as zips have them.
std::string little(std::uint64_t number, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, number >>= 8) text += static_cast<char>(number & 0xFF);
  return text;
}

struct ZipEntry {
  std::string name, content;
  std::uint64_t said;  // How long its content is said to be.
  std::uint64_t crc;
};

// Stored entries, which say their lengths in the fields of ZIP64.
void write_zip64(const fs::path& file, const std::vector<ZipEntry>& entries) {
  std::string all, directory;
  for (const ZipEntry& one : entries) {
    const std::string extra =
        little(1, 2) + little(16, 2) + little(one.said, 8) + little(one.content.size(), 8);
    const std::string common = little(45, 2) + little(0, 2) + little(0, 2) + little(0, 4) +
                               little(one.crc, 4) + little(0xFFFFFFFF, 4) + little(0xFFFFFFFF, 4) +
                               little(one.name.size(), 2) + little(extra.size(), 2);
    directory += "PK\x01\x02" + little(45, 2) + common + little(0, 6) + little(0, 4) +
                 little(all.size(), 4) + one.name + extra;
    all += "PK\x03\x04" + common + one.name + extra + one.content;
  }
  const std::string end = "PK\x05\x06" + little(0, 4) + little(entries.size(), 2) +
                          little(entries.size(), 2) + little(directory.size(), 4) +
                          little(all.size(), 4) + little(0, 2);
  std::ofstream(file, std::ios::binary) << all << directory << end;
}

TEST_F(FunctionRegistryTest, LengthsInAZipDoNotOverflow) {
  write_zip64(home_ / "huge.zip",
              {{"a", "x", 1, 0x8CDC1683}, {"bootstrap", "content", UINT64_MAX, 0}});
  const auto unpacked = unzip(home_ / "huge.zip", home_ / "out");
  ASSERT_TRUE(unpacked.has_error());
  EXPECT_NE(unpacked.error().message.find("is over 250 MB"), std::string::npos)
      << unpacked.error().message;
  EXPECT_FALSE(fs::exists(home_ / "out/bootstrap"));
}

TEST_F(FunctionRegistryTest, AZipThatFailedLeavesNothingAndIsNotTriedAgain) {
  write_lying_zip(home_ / "lies.zip");
  write("f.toml", "name = \"f-1\"\ncode = \"lies.zip\"\n");
  FunctionRegistry registry(home_, facts_);
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    FunctionCode code(tasks.executor(), home_ / "unpacked");
    const FunctionPtr version = *registry.find("f-1");
    EXPECT_TRUE((co_await code.root_of(version)).has_error());
    EXPECT_TRUE(fs::is_empty(home_ / "unpacked"));
    // It would be told apart if it were read again.
    fs::remove(home_ / "lies.zip");
    const auto again = co_await code.root_of(version);
    EXPECT_TRUE(again.has_error());
    if (again.has_error()) {
      EXPECT_EQ(again.error().code, "InvalidZipFileException");
      EXPECT_NE(again.error().message.find("is damaged"), std::string::npos);
    }
  });
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
