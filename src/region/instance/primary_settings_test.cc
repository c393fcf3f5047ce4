// Goal: a standby is started with no setting below its primary's, and with its own where those are
// higher.
#include "region/instance/primary_settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace aurora_global::region {
namespace {

class RaisedSettings : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string place = ::testing::TempDir() + "aurora-global-XXXXXX";
    data_ = mkdtemp(place.data());
    std::filesystem::create_directory(data_ / "global");
    conf_ = data_ / "postgresql.conf";
    control({200, 8, 20, 0, 64});
  }
  void TearDown() override { std::filesystem::remove_all(data_); }

  // The control file of a standby whose primary has these.
  void control(PrimarySettings primary) {
    std::string bytes(512, '\0');
    const std::uint32_t version = 1300;
    std::memcpy(bytes.data() + 8, &version, sizeof version);
    std::memcpy(bytes.data() + 180, primary.data(), sizeof primary);
    std::ofstream(data_ / "global" / "pg_control", std::ios::binary) << bytes;
  }
  std::vector<std::string> raised() {
    const auto all = raised_settings(data_, conf_);
    EXPECT_TRUE(all.has_value());
    return all.has_value() ? *all : std::vector<std::string>();
  }

  std::filesystem::path data_, conf_;
};

using Arguments = std::vector<std::string>;

TEST_F(RaisedSettings, NoneWhereTheFilesHaveAsMuch) {
  std::ofstream(conf_) << "port = 5432\nmax_connections = 200\nmax_wal_senders=20\n";
  EXPECT_EQ(raised(), Arguments{});
}

TEST_F(RaisedSettings, ThoseThatAreLower) {
  std::ofstream(conf_) << "max_connections = 200\nmax_wal_senders = 20\n";
  control({300, 16, 20, 5, 64});
  EXPECT_EQ(raised(), (Arguments{"-c", "max_connections=300", "-c", "max_worker_processes=16", "-c",
                                 "max_prepared_transactions=5"}));
}

TEST_F(RaisedSettings, WhatAlterSystemHasWrittenCounts) {
  std::ofstream(conf_) << "max_connections = 200\nmax_wal_senders = 20\n";
  std::ofstream(data_ / "postgresql.auto.conf")
      << "# Do not edit\nmax_connections = '150'\nmax_prepared_transactions = '9'\n";
  control({200, 8, 20, 5, 64});
  EXPECT_EQ(raised(), (Arguments{"-c", "max_connections=200"}));
}

TEST_F(RaisedSettings, PostgresqlsDefaultsWithoutAnyFile) {
  control({100, 8, 11, 0, 64});
  EXPECT_EQ(raised(), (Arguments{"-c", "max_wal_senders=11"}));
}

TEST_F(RaisedSettings, AreNotKnownWithoutAControlFile) {
  std::filesystem::remove_all(data_ / "global");
  EXPECT_EQ(raised_settings(data_, conf_).error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace aurora_global::region
