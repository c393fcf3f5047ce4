// Goal: what PostgreSQL is told is what was meant, whatever characters names contain.
#include "region/instance/postgres_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace aurora_global::region {
namespace {

TEST(PostgresFiles, ConninfoEscapesQuotesAndBackslashes) {
  EXPECT_EQ(conninfo({{"host", "127.0.0.1"}, {"sslkey", "/a b/it's\\"}}),
            "host='127.0.0.1' sslkey='/a b/it\\'s\\\\'");
}

TEST(PostgresFiles, OnlyAStandbyHasASource) {
  PostgresSettings settings;
  settings.listen_address = "127.0.1.21";
  EXPECT_EQ(render_postgresql_conf(settings).find("primary_conninfo"), std::string::npos);
  EXPECT_EQ(render_postgresql_conf(settings).find("wal_recycle"), std::string::npos);
  settings.source = WalSource{"host='x'", "slot_1"};
  const std::string text = render_postgresql_conf(settings);
  EXPECT_NE(text.find("primary_conninfo = 'host=''x'''"), std::string::npos);
  EXPECT_NE(text.find("primary_slot_name = 'slot_1'"), std::string::npos);
}

TEST(PostgresFiles, TheBootstrapSuperuserIsRefusedOnTheNetwork) {
  const std::string hba = render_pg_hba("127.0.1.200");
  EXPECT_LT(hba.find("rdsadmin      all  reject"), hba.find("scram-sha-256"));
  EXPECT_EQ(hba.find("host     all          all           all  scram"), std::string::npos);
}

TEST(PostgresFiles, AControlFileOfAnotherVersionIsRefused) {
  char dir[] = "/tmp/ag-control-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  const std::filesystem::path data(dir);
  EXPECT_EQ(read_control_file(data).error().kind, ErrorKind::not_found);
  std::filesystem::create_directories(data / "global");
  std::ofstream(data / "global" / "pg_control") << std::string(8192, 'x');
  EXPECT_EQ(read_control_file(data).error().kind, ErrorKind::corrupt);
  std::filesystem::remove_all(data);
}

TEST(PostgresFiles, ReplaceFileLeavesNoHalfFile) {
  char dir[] = "/tmp/ag-replace-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  const std::filesystem::path file = std::filesystem::path(dir) / "a";
  ASSERT_TRUE(replace_file(file, "one", 0600).has_value());
  ASSERT_TRUE(replace_file(file, "two", 0640).has_value());
  std::ifstream in(file);
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(in)), {}), "two");
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0640));
  EXPECT_TRUE(replace_file("/nonexistent/a", "x", 0600).has_error());
  std::filesystem::remove_all(dir);
}

// A data directory with one segment of 1 MB, as PostgreSQL 15 writes it.
class WalEnd : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kSegment = 1u << 20;
  static constexpr std::uint64_t kPage = 8192;
  static constexpr std::uint64_t kStart = 5 * kSegment;

  void SetUp() override {
    char dir[] = "/tmp/ag-wal-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    data_ = dir;
    std::filesystem::create_directories(data_ / "pg_wal");
    bytes_.resize(kSegment);
    put(0, std::uint16_t{0xD110});
    put(2, std::uint16_t{2});
    put(8, kStart);
  }
  void TearDown() override { std::filesystem::remove_all(data_); }

  template <typename T>
  void put(std::size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }
  // Timeline 2, so that its name differs from other timelines'.
  bool goes_past(std::uint64_t offset) {
    std::ofstream(data_ / "pg_wal" / "000000020000000000000005", std::ios::binary) << bytes_;
    const auto past = wal_goes_past(data_, 2, Lsn{kStart + offset});
    EXPECT_TRUE(past.has_value());
    return !past.has_value() || *past;
  }

  std::filesystem::path data_;
  std::string bytes_;
};

TEST_F(WalEnd, IsWhereNoRecordBegins) {
  EXPECT_FALSE(goes_past(40));
  put(40, std::uint32_t{114});
  EXPECT_TRUE(goes_past(40));
  EXPECT_TRUE(goes_past(0));  // A record ended with the page before.
  EXPECT_FALSE(goes_past(160));
}

TEST_F(WalEnd, AtAPageThatWasNotWrittenIsThatPage) {
  EXPECT_FALSE(goes_past(kPage));
  put(kPage, std::uint16_t{0xD110});
  put(kPage + 8, kStart - 7 * kSegment);  // Of a segment that was used before.
  put(kPage + 24, std::uint32_t{114});
  EXPECT_FALSE(goes_past(kPage));
  EXPECT_TRUE(goes_past(kPage + 24));  // Nobody can tell.
  put(kPage + 8, kStart + kPage);
  EXPECT_TRUE(goes_past(kPage));
  put(kPage + 24, std::uint32_t{0});
  EXPECT_FALSE(goes_past(kPage));
  put(kPage + 2, std::uint16_t{1});  // A record goes on here.
  EXPECT_TRUE(goes_past(kPage));
}

TEST_F(WalEnd, InASegmentThatIsNotThereIsItsStart) { EXPECT_FALSE(goes_past(kSegment)); }

TEST_F(WalEnd, IsNotKnownWithoutWal) {
  EXPECT_EQ(wal_goes_past(data_, 2, Lsn{kStart}).error().kind, ErrorKind::not_found);
}

TEST_F(WalEnd, WhatIsPastAForkIsCopied) {
  put(40, std::uint32_t{114});
  ASSERT_TRUE(goes_past(40));
  const auto place = data_ / "kept";
  ASSERT_TRUE(copy_wal(data_, 2, Lsn{kStart + 40}, place).has_value());
  EXPECT_TRUE(std::filesystem::exists(place / "000000020000000000000005"));
  EXPECT_FALSE(std::filesystem::exists(place / "000000020000000000000006"));
  // Nothing is left of a copy that could not be made.
  EXPECT_TRUE(copy_wal(data_, 3, Lsn{kStart}, data_ / "other").has_error());
  EXPECT_FALSE(std::filesystem::exists(data_ / "other"));
}

}  // namespace
}  // namespace aurora_global::region
