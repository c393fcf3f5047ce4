// Goal: what is a part of a database is never taken for one, wherever the work on it broke off, and
// a volume that is a whole one is never taken for a part.
// Method: the files alone, without PostgreSQL.
#include "region/instance/data_directory.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/testing/run.h"

namespace aurora_global::region {
namespace {

namespace fs = std::filesystem;

class DataDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-data-XXXXXX";
    config_.home = mkdtemp(place);
    fs::create_directories(config_.tls_dir());
    for (const char* name :
         {"server.crt", "server.key", "server-ca.crt", "client-ca.crt", "replication.crt",
          "replication.key", "forwarding.crt", "forwarding.key"}) {
      ASSERT_TRUE(replace_file(config_.tls_dir() / name, "x", 0600).has_value());
    }
    files_.emplace(config_, net::SystemUser{"self", geteuid(), getegid()}, "db-1", 1);
    ASSERT_TRUE(files_->prepare().has_value());
  }
  void TearDown() override { fs::remove_all(config_.home); }

  void make_database(const fs::path& where) {
    fs::create_directories(where);
    ASSERT_TRUE(replace_file(where / "PG_VERSION", "15\n", 0600).has_value());
  }
  bool is_database() const { return fs::exists(files_->data() / "PG_VERSION"); }

  RegionConfig config_;
  std::optional<DataDirectory> files_;
};

TEST_F(DataDirectoryTest, ACopyThatBrokeOffIsNone) {
  make_database(files_->data());
  EXPECT_FALSE(files_->has_data());
  ASSERT_TRUE(files_->mark_complete().has_value());
  EXPECT_TRUE(files_->has_data());
}

TEST_F(DataDirectoryTest, ARewindThatBrokeOffIsNoneUntilACopyHasEnded) {
  make_database(files_->data());
  ASSERT_TRUE(files_->mark_complete().has_value());
  ASSERT_TRUE(files_->begin_rewind().has_value());
  EXPECT_FALSE(files_->has_data());
  net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
    CO_ASSERT_OK(co_await files_->clear());
    make_database(files_->data());
    EXPECT_FALSE(files_->has_data());
    CO_ASSERT_OK(files_->mark_complete());
    EXPECT_TRUE(files_->has_data());
  });
}

TEST_F(DataDirectoryTest, ARewindThatHasEndedIsOne) {
  make_database(files_->data());
  ASSERT_TRUE(files_->mark_complete().has_value());
  ASSERT_TRUE(files_->begin_rewind().has_value());
  ASSERT_TRUE(files_->end_rewind().has_value());
  EXPECT_TRUE(files_->has_data());
}

TEST_F(DataDirectoryTest, AVolumeIsTakenAndLeft) {
  const fs::path volume = config_.home / "volume";
  make_database(volume);
  net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
    CO_ASSERT_OK(co_await files_->take_volume(volume));
    EXPECT_TRUE(files_->has_data() && is_database());
    CO_ASSERT_OK(co_await files_->leave_volume(volume));
    EXPECT_FALSE(files_->has_data());
    EXPECT_TRUE(fs::exists(volume / "PG_VERSION"));
  });
}

// Whoever finds data without the mark removes them: the volume must never lie there so.
TEST_F(DataDirectoryTest, AVolumeIsMarkedBeforeItMoves) {
  const fs::path volume = config_.home / "volume";
  make_database(volume);
  make_database(files_->data());  // In the way of the move.
  net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
    EXPECT_TRUE((co_await files_->take_volume(volume)).has_error());
    EXPECT_TRUE(fs::exists(volume / "PG_VERSION"));
  });
  // The next try, and the daemon ends right after the move.
  fs::remove_all(files_->data());
  fs::rename(volume, files_->data());
  EXPECT_TRUE(files_->has_data() && is_database());
}

}  // namespace
}  // namespace aurora_global::region
