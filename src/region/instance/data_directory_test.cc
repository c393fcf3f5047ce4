// Goal: what is a part of a database is never taken for one, wherever the work on it broke off, and
// a volume that is a whole one is never taken for a part.
// Method: the files alone, without PostgreSQL.
#include "region/instance/data_directory.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstring>

#include "net/testing/run.h"
#include "region/instance/wal_files.h"

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

TEST_F(DataDirectoryTest, ARewindThatHasEndedIsOneWhenItsServerAnswers) {
  make_database(files_->data());
  ASSERT_TRUE(files_->mark_complete().has_value());
  ASSERT_TRUE(files_->begin_rewind().has_value());
  EXPECT_FALSE(files_->can_follow());
  ASSERT_TRUE(files_->end_rewind().has_value());
  // It lacks WAL that only its source has.
  EXPECT_TRUE(files_->can_follow());
  EXPECT_FALSE(files_->has_data());
  ASSERT_TRUE(files_->it_answers().has_value());
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

// The name is free at once; what comes under it is not touched by the removal.
TEST_F(DataDirectoryTest, AnInstanceOfTheSameNameKeepsItsData) {
  make_database(files_->data());
  ASSERT_TRUE(files_->mark_complete().has_value());
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    static constexpr auto remove = [](DataDirectory& files) -> net::Task<void> {
      CO_ASSERT_OK(co_await files.remove());
    };
    tasks.spawn("remove", remove(*files_));
    EXPECT_FALSE(fs::exists(files_->data()));
    CO_ASSERT_OK(files_->prepare());
    make_database(files_->data());
    CO_ASSERT_OK(files_->mark_complete());
    co_await tasks.join();
  });
  EXPECT_TRUE(files_->has_data() && is_database());
  int left = 0;
  for (const auto& entry : fs::directory_iterator(config_.home / "instances")) {
    left += entry.path().filename() == "db-1" ? 0 : 1;
  }
  EXPECT_EQ(left, 0);
}

// A copy that broke off is no copy: it is made again.
TEST_F(DataDirectoryTest, WhatIsKeptIsKeptWhole) {
  make_database(files_->data());
  fs::create_directories(files_->data() / "pg_wal");
  const auto segment = [&](int number) {
    std::string text(1 << 20, '\0');
    const std::uint16_t magic = 0xD110;
    const std::uint64_t start = std::uint64_t(number) << 20;
    std::memcpy(text.data(), &magic, sizeof magic);
    std::memcpy(text.data() + 8, &start, sizeof start);
    char name[32];
    snprintf(name, sizeof name, "0000000100000000%08X", number);
    return replace_file(files_->data() / "pg_wal" / name, text, 0600);
  };
  for (const int number : {3, 4, 5}) ASSERT_TRUE(segment(number).has_value());
  const fs::path place = files_->data().parent_path() / "discarded-wal-00000001-0000000000300028";
  fs::create_directories(place.string() + ".new");
  net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
    const auto kept = co_await files_->keep_wal(1, Lsn{0x300028});
    CO_ASSERT_OK(kept);
    EXPECT_EQ(*kept, place);
    EXPECT_TRUE(fs::exists(place / "000000010000000000000003") &&
                fs::exists(place / "000000010000000000000005"));
    EXPECT_EQ(files_->kept().size(), 1u);
    // What is left of it, where the server has removed the first already.
    const auto rest = co_await files_->keep_wal(1, Lsn{0x200028});
    CO_ASSERT_OK(rest);
    EXPECT_TRUE(fs::exists(*rest / "000000010000000000000003"));
    EXPECT_TRUE((co_await files_->keep_wal(1, Lsn{0x600028})).has_error());
  });
  EXPECT_TRUE(*wal_goes_past(files_->data(), 1, Lsn{0x200028})) << "its segment was removed";
  EXPECT_FALSE(*wal_goes_past(files_->data(), 1, Lsn{0x600028}));
}

}  // namespace
}  // namespace aurora_global::region
