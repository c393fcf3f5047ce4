// Goal: where a server's WAL ends is found in its files, and what lies past a fork is copied.
#include "region/instance/wal_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <fstream>

namespace aurora_global::region {
namespace {

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

TEST_F(WalEnd, AndIsCutThere) {
  put(40, std::uint32_t{114});
  put(160, std::uint32_t{50});
  put(kPage, std::uint16_t{0xD110});
  put(kPage + 8, kStart + kPage);
  ASSERT_TRUE(goes_past(160));
  put(8, kStart + kSegment);
  std::ofstream(data_ / "pg_wal" / "000000020000000000000006", std::ios::binary) << bytes_;
  for (int times = 0; times < 2; ++times) {
    ASSERT_TRUE(cut_wal(data_, 2, Lsn{kStart + 160}).has_value());
    EXPECT_TRUE(wal_goes_past(data_, 2, Lsn{kStart + 40}).value());
    EXPECT_FALSE(wal_goes_past(data_, 2, Lsn{kStart + 160}).value());
    EXPECT_FALSE(wal_goes_past(data_, 2, Lsn{kStart + kPage}).value());
    EXPECT_FALSE(wal_goes_past(data_, 2, Lsn{kStart + kSegment}).value());
    EXPECT_EQ(std::filesystem::file_size(data_ / "pg_wal" / "000000020000000000000005"), kSegment);
  }
}

TEST_F(WalEnd, AndWhereItBeginsIsTheLastGap) {
  const auto segment = [&](int number) {
    put(8, static_cast<std::uint64_t>(number) * kSegment);
    const std::string name = "00000002000000000000000" + std::to_string(number);
    std::ofstream(data_ / "pg_wal" / name, std::ios::binary) << bytes_;
  };
  EXPECT_EQ(oldest_wal(data_, 2, Lsn{kStart + 40}, Lsn{0}), std::nullopt);
  for (const int number : {2, 4, 5}) segment(number);
  EXPECT_EQ(oldest_wal(data_, 2, Lsn{kStart + 40}, Lsn{0}), Lsn{4 * kSegment});
  segment(3);
  EXPECT_EQ(oldest_wal(data_, 2, Lsn{kStart + 40}, Lsn{0}), Lsn{2 * kSegment});
  EXPECT_EQ(oldest_wal(data_, 2, Lsn{kStart + 40}, Lsn{3 * kSegment + 7}), Lsn{3 * kSegment});
  // At its end the next segment was not begun.
  EXPECT_EQ(oldest_wal(data_, 2, Lsn{6 * kSegment}, Lsn{0}), Lsn{2 * kSegment});
  EXPECT_EQ(oldest_wal(data_, 2, Lsn{7 * kSegment}, Lsn{0}), std::nullopt);
  EXPECT_EQ(oldest_wal(data_, 3, Lsn{kStart}, Lsn{0}), std::nullopt);
}

}  // namespace
}  // namespace aurora_global::region
