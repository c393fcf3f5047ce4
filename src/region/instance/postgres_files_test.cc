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

// PostgreSQL takes the last line of a name.
TEST(PostgresFiles, ThePlatformsSettingsComeAfterTheParameters) {
  PostgresSettings settings;
  settings.library_dir = "/lib";
  settings.parameters = {{"max_connections", "300"},
                         {"log_min_duration_statement", "5"},
                         {"port", "1"},
                         {"rds.force_ssl", "1"},
                         {"shared_preload_libraries", "auto_explain"}};
  const std::string text = render_postgresql_conf(settings);
  EXPECT_LT(text.find("max_connections = 200"), text.find("max_connections = '300'"));
  EXPECT_NE(text.find("log_min_duration_statement = '5'"), std::string::npos);
  EXPECT_LT(text.find("port = '1'"), text.find("port = 5432"));
  EXPECT_EQ(text.find("force_ssl"), std::string::npos);
  EXPECT_NE(text.find("shared_preload_libraries = 'aurora_global,auto_explain'"),
            std::string::npos);
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

}  // namespace
}  // namespace aurora_global::region
