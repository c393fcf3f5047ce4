// Goal: a put that fails has changed nothing, now and after the next start; where that is not known
// the process ends.
// Method: SQLite on a file system whose fsync fails when the test wants it.
#include "region/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <atomic>

#include "net/testing/run.h"

namespace aurora_global::region {
namespace {

namespace fs = std::filesystem;

// The default file system of SQLite, with one answer that can be changed.
class FailingSync {
 public:
  static std::atomic<bool>& fails() {
    static std::atomic<bool> value{false};
    return value;
  }
  static void install() {
    static sqlite3_vfs ours = *real();
    ours.zName = "failing-sync";
    ours.xOpen = &open;
    ASSERT_EQ(sqlite3_vfs_register(&ours, 1), SQLITE_OK);
  }

 private:
  static sqlite3_vfs* real() {
    static sqlite3_vfs* const found = sqlite3_vfs_find("unix");
    return found;
  }
  static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
    const int opened = real()->xOpen(real(), name, file, flags, flags_out);
    if (opened != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0) return opened;
    // One set of methods serves all files of this kind.
    static sqlite3_io_methods methods = *file->pMethods;
    static int (*const sync)(sqlite3_file*, int) = methods.xSync;
    methods.xSync = [](sqlite3_file* which, int how) {
      return fails() ? SQLITE_IOERR_FSYNC : sync(which, how);
    };
    file->pMethods = &methods;
    return opened;
  }
};

class SqliteStoreTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
    FailingSync::install();
  }
  void SetUp() override {
    char place[] = "/tmp/aurora-global-store-XXXXXX";
    dir_ = mkdtemp(place);
  }
  void TearDown() override {
    FailingSync::fails() = false;
    fs::remove_all(dir_);
  }
  static void put(Store& store, std::string text) {
    net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
      CO_ASSERT_OK(co_await store.put({{"name", std::move(text)}}, {}));
    });
  }
  static std::string stored_in(const fs::path& file) {
    const auto store = SqliteStore::open(file);
    if (store.has_error()) return store.error().message;
    const auto documents = (*store)->load();
    return documents.has_value() && documents->size() == 1 ? documents->front().text : "?";
  }

  fs::path dir_;
};

// Why it has to end: what SQLite says has failed is there after a crash.
TEST_F(SqliteStoreTest, ACommitWhoseSyncFailsMayBeOnDisk) {
  {
    const auto store = SqliteStore::open(dir_ / "a.sqlite");
    ASSERT_TRUE(store.has_value());
    put(**store, "before");
    auto database = database::Database::open(dir_ / "a.sqlite", database::Durability::full, 1, "");
    ASSERT_TRUE(database.has_value());
    FailingSync::fails() = true;
    const auto failed = database::in_transaction((*database)->raw(), [&] {
      return database::run((*database)->raw(), "UPDATE document SET text = 'in doubt'");
    });
    FailingSync::fails() = false;
    ASSERT_TRUE(failed.has_error());
    EXPECT_EQ(failed.error().code, database::kInDoubt);
    for (const char* part : {"a.sqlite", "a.sqlite-wal"}) {  // As a crash leaves them.
      std::string copy = part;
      copy[0] = 'b';
      fs::copy_file(dir_ / part, dir_ / copy);
    }
  }
  EXPECT_EQ(stored_in(dir_ / "b.sqlite"), "in doubt");
}

TEST_F(SqliteStoreTest, ThenTheProcessEnds) {
  EXPECT_EXIT(
      {
        const auto store = SqliteStore::open(dir_ / "state.sqlite");
        put(**store, "before");
        FailingSync::fails() = true;
        put(**store, "in doubt");
        _exit(0);
      },
      ::testing::ExitedWithCode(EXIT_FAILURE), "");
}

}  // namespace
}  // namespace aurora_global::region
