// Goal: a value that AWS refuses is refused before anything happens, and one that it takes is
// taken.
#include "services/rds/rules.h"

#include <gtest/gtest.h>

namespace aurora_global::services::rds {
namespace {

TEST(RdsRules, Identifiers) {
  for (const char* fine : {"a", "My-DB-1", "c"}) {
    EXPECT_TRUE(check_identifier("X", fine).has_value()) << fine;
  }
  for (const std::string bad : {"", "1a", "-a", "a-", "a--b", "a_b", "a b", "a.b", "\xC3\xA4"}) {
    EXPECT_TRUE(check_identifier("X", bad).has_error()) << bad;
  }
  EXPECT_TRUE(check_identifier("X", std::string(63, 'a')).has_value());
  EXPECT_TRUE(check_identifier("X", std::string(64, 'a')).has_error());
}

TEST(RdsRules, MasterUsernames) {
  for (const char* fine : {"postgres", "app_user", "Admin1"}) {
    EXPECT_TRUE(check_master_username(fine).has_value()) << fine;
  }
  for (const char* bad : {"", "admin", "ADMIN", "rdsadmin", "rds_superuser", "pg_admin", "1user",
                          "a-b", "user", "select", "aurora_clients", "replication"}) {
    EXPECT_TRUE(check_master_username(bad).has_error()) << bad;
  }
}

TEST(RdsRules, Passwords) {
  EXPECT_TRUE(check_master_password("password").has_value());
  EXPECT_TRUE(check_master_password(std::string(128, '~')).has_value());
  for (const std::string bad :
       {"", "short12", "with/slash", "with@sign", "with\"quote", "with space", "with\nline",
        "with\x7F"
        "del",
        "\xC3\xA4\xC3\xA4"
        "\xC3\xA4\xC3\xA4"}) {
    const auto checked = check_master_password(bad);
    ASSERT_TRUE(checked.has_error());
    if (bad.size() > 3) EXPECT_EQ(checked.error().message.find(bad), std::string::npos);
  }
  EXPECT_TRUE(check_master_password(std::string(129, 'x')).has_error());
}

TEST(RdsRules, DatabaseNames) {
  EXPECT_TRUE(check_database_name("auroraglobaldb").has_value());
  EXPECT_TRUE(check_database_name("my_db").has_value());
  for (const char* bad : {"my-db", "rdsadmin", "postgres", "template1", "1db", "_db", "pg_x"}) {
    EXPECT_TRUE(check_database_name(bad).has_error()) << bad;
  }
}

TEST(RdsRules, EngineVersions) {
  for (const char* fine : {"", "15", "15.18", "15.17", "15.2"}) {
    EXPECT_TRUE(check_engine_version(fine, "15.18").has_value()) << fine;
  }
  for (const char* bad : {"99.9", "15.1", "15.9", "15.99", "14", "14.15", "16.4", "15.18.1", "x"}) {
    const auto checked = check_engine_version(bad, "15.18");
    ASSERT_TRUE(checked.has_error()) << bad;
    EXPECT_EQ(checked.error().code, "InvalidParameterCombination");
  }
}

TEST(RdsRules, InstanceClasses) {
  for (const char* fine : {"db.serverless", "db.r6g.large", "db.t4g.medium", "db.r7i.12xlarge",
                           "db.x2g.xlarge", "db.r6id.24xlarge"}) {
    EXPECT_TRUE(check_instance_class(fine).has_value()) << fine;
  }
  for (const char* bad : {"", "nonsense", "db.", "db.nonsense", "db.r6g", "db.r6g.", "db.r6g.huge",
                          "db..large", "r6g.large", "db.r6g.xlarge2", "db.r6g.large.x"}) {
    EXPECT_TRUE(check_instance_class(bad).has_error()) << bad;
  }
}

TEST(RdsRules, Capacities) {
  EXPECT_TRUE(check_capacity({}, {}).has_value());
  EXPECT_TRUE(check_capacity(0.5, 2).has_value());
  EXPECT_TRUE(check_capacity(2, 2).has_value());
  EXPECT_TRUE(check_capacity(100, 2).has_error());
  EXPECT_TRUE(check_capacity(0.3, 2).has_error());
  EXPECT_TRUE(check_capacity(0, 257).has_error());
  EXPECT_TRUE(check_capacity({}, 0.5).has_error());
  EXPECT_TRUE(check_capacity(-1, {}).has_error());
}

TEST(RdsRules, Tags) {
  EXPECT_TRUE(check_tag({"key", ""}).has_value());
  EXPECT_TRUE(check_tag({std::string(128, 'k'), std::string(256, 'v')}).has_value());
  std::string umlauts;
  for (int i = 0; i < 128; ++i) umlauts += "ä";
  EXPECT_TRUE(check_tag({umlauts, umlauts + umlauts}).has_value());
  for (const model::Tag& bad : {model::Tag{"", "v"},
                                {"aws:x", "v"},
                                {std::string(129, 'k'), "v"},
                                {"k", std::string(257, 'v')}}) {
    const auto checked = check_tag(bad);
    ASSERT_TRUE(checked.has_error()) << bad.key;
    EXPECT_EQ(checked.error().code, "InvalidParameterValue");
  }
}

}  // namespace
}  // namespace aurora_global::services::rds
