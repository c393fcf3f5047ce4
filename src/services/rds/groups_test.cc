// Goal: groups are kept as they were made and named only where they are; a parameter that
// PostgreSQL would not take never gets into one.
#include <gtest/gtest.h>

#include "net/testing/run.h"
#include "services/rds/engine_parameters.h"
#include "services/rds/rds.h"
#include "services/testing/fake_region.h"

namespace aurora_global::services::rds {
namespace {

using nlohmann::json;
using testing::FakeRegion;

json ask(FakeRegion& region, const std::string& operation, const json& input) {
  Result<json> answer = json();
  net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
    auto calling = rds::call(region, operation, input);
    answer = co_await std::move(calling);
  });
  if (answer.has_value()) return *answer;
  return {{"code", answer.error().code}, {"message", answer.error().message}};
}
std::string code(FakeRegion& region, const std::string& operation, const json& input) {
  return ask(region, operation, input).value("code", "done");
}

const json kGroup = {{"DBClusterParameterGroupName", "My-Group"},
                     {"DBParameterGroupFamily", "aurora-postgresql15"},
                     {"Description", "d"},
                     {"Tags", {{{"Key", "k"}, {"Value", "v"}}}}};
const json kName = {{"DBClusterParameterGroupName", "my-group"}};

json change(const std::string& name, const std::string& value,
            const std::string& method = "immediate") {
  return {{"DBClusterParameterGroupName", "my-group"},
          {"Parameters",
           {{{"ParameterName", name}, {"ParameterValue", value}, {"ApplyMethod", method}}}}};
}

TEST(EngineParameters, AreInOrderAndTakeTheirOwnStandards) {
  std::string_view before;
  for (const EngineParameter& one : engine_parameters()) {
    EXPECT_LT(before, one.name);
    before = one.name;
    if (!one.standard.empty()) {
      EXPECT_TRUE(check_parameter(std::string(one.name), std::string(one.standard)).has_value())
          << one.name;
    }
  }
}

TEST(EngineParameters, AreCheckedByTheirKind) {
  const auto fine = [](const std::string& name, const std::string& value) {
    return check_parameter(name, value).has_value();
  };
  EXPECT_TRUE(fine("work_mem", "64"));
  for (const char* bad : {"63", "64MB", "", "-1", "1e3", "99999999999999999999", "64 "}) {
    EXPECT_FALSE(fine("work_mem", bad)) << bad;
  }
  EXPECT_TRUE(fine("random_page_cost", "1.1"));
  EXPECT_FALSE(fine("random_page_cost", "nan"));
  EXPECT_FALSE(fine("seq_page_cost", "-0.1"));
  EXPECT_TRUE(fine("jit", "0"));
  EXPECT_FALSE(fine("jit", "maybe"));
  EXPECT_TRUE(fine("log_statement", "ddl"));
  EXPECT_FALSE(fine("log_statement", "ddl,mod"));
  EXPECT_TRUE(fine("shared_preload_libraries", "pg_stat_statements,auto_explain"));
  EXPECT_TRUE(fine("shared_preload_libraries", ""));
  EXPECT_FALSE(fine("shared_preload_libraries", "pg_stat_statements,pg_stat_statements"));
  EXPECT_FALSE(fine("shared_preload_libraries", "evil"));
  EXPECT_TRUE(fine("timezone", "UTC"));
  EXPECT_FALSE(fine("timezone", "../../etc/passwd"));
  EXPECT_FALSE(fine("timezone", "Mars/Olympus"));
  for (const char* unknown : {"no_such", "rds.babelfish_status", "apg_ccm_enabled", "wal_level",
                              "port", "archive_command", "work_mem\nport"}) {
    const auto checked = check_parameter(unknown, "1");
    ASSERT_TRUE(checked.has_error()) << unknown;
    EXPECT_NE(checked.error().message.find(unknown), std::string::npos);
  }
}

TEST(ParameterGroups, KeepWhatWasSet) {
  FakeRegion region;
  const json made = ask(region, "CreateDBClusterParameterGroup", kGroup);
  EXPECT_EQ(made["DBClusterParameterGroup"]["DBClusterParameterGroupArn"],
            "arn:aws:rds:us-east-1:123456789012:cluster-pg:my-group");
  EXPECT_EQ(code(region, "CreateDBClusterParameterGroup", kGroup), "DBParameterGroupAlreadyExists");
  EXPECT_EQ(code(region, "ModifyDBClusterParameterGroup", change("work_mem", "8192")), "done");
  EXPECT_EQ(code(region, "ModifyDBClusterParameterGroup", change("work_mem", "8MB")),
            "InvalidParameterValue");
  EXPECT_EQ(code(region, "ModifyDBClusterParameterGroup", change("max_connections", "300")),
            "InvalidParameterCombination");
  EXPECT_EQ(code(region, "ModifyDBClusterParameterGroup",
                 change("max_connections", "300", "pending-reboot")),
            "done");
  json input = kName;
  input["Source"] = "user";
  json shown = ask(region, "DescribeDBClusterParameters", input)["Parameters"];
  ASSERT_EQ(shown.size(), 2u);
  EXPECT_EQ(shown[0]["ParameterName"], "max_connections");
  EXPECT_EQ(shown[0]["ApplyType"], "static");
  EXPECT_EQ(shown[1]["ParameterValue"], "8192");
  EXPECT_EQ(code(region, "ResetDBClusterParameterGroup", kName), "InvalidParameterCombination");
  json reset = kName;
  reset["Parameters"] = {{{"ParameterName", "work_mem"}, {"ApplyMethod", "immediate"}}};
  EXPECT_EQ(code(region, "ResetDBClusterParameterGroup", reset), "done");
  shown = ask(region, "DescribeDBClusterParameters", input)["Parameters"];
  EXPECT_EQ(shown.size(), 1u);
  EXPECT_EQ(code(region, "DeleteDBClusterParameterGroup", kName), "done");
  EXPECT_EQ(code(region, "DeleteDBClusterParameterGroup", kName), "DBParameterGroupNotFound");
}

TEST(ParameterGroups, TheStandardOneIsThereAndStays) {
  FakeRegion region;
  const char* standard = "default.aurora-postgresql15";
  const json name = {{"DBClusterParameterGroupName", standard}};
  EXPECT_EQ(
      ask(region, "DescribeDBClusterParameterGroups", name)["DBClusterParameterGroups"].size(), 1u);
  EXPECT_EQ(code(region, "DeleteDBClusterParameterGroup", name), "InvalidDBParameterGroupState");
  json modify = change("work_mem", "100");
  modify["DBClusterParameterGroupName"] = standard;
  EXPECT_EQ(code(region, "ModifyDBClusterParameterGroup", modify), "InvalidDBParameterGroupState");
  EXPECT_EQ(
      ask(region, "DescribeDBClusters", json::object())["DBClusters"][0]["DBClusterParameterGroup"],
      standard);
}

TEST(ParameterGroups, AClusterNamesOneThatIsThere) {
  FakeRegion region;
  const json create = {{"DBClusterIdentifier", "x"},
                       {"Engine", "aurora-postgresql"},
                       {"MasterUsername", "u"},
                       {"MasterUserPassword", "12345678"},
                       {"DBClusterParameterGroupName", "my-group"}};
  EXPECT_EQ(code(region, "CreateDBCluster", create), "DBClusterParameterGroupNotFound");
  ask(region, "CreateDBClusterParameterGroup", kGroup);
  EXPECT_EQ(code(region, "CreateDBCluster", create), "done");
  EXPECT_EQ(region.created->parameter_group, "my-group");
  region.clusters[0].parameter_group = "my-group";
  EXPECT_EQ(code(region, "DeleteDBClusterParameterGroup", kName), "InvalidDBParameterGroupState");
  const json modify = {{"DBInstanceIdentifier", "c-1"}, {"DBParameterGroupName", "my-group"}};
  EXPECT_EQ(code(region, "ModifyDBInstance", modify), "DBParameterGroupNotFound")
      << "the two kinds are apart";
}

TEST(SubnetGroups, AreKept) {
  FakeRegion region;
  const auto made = [](json subnets) {
    return json{{"DBSubnetGroupName", "G"},
                {"DBSubnetGroupDescription", "d"},
                {"SubnetIds", std::move(subnets)}};
  };
  EXPECT_EQ(code(region, "CreateDBSubnetGroup", made({"subnet-1"})),
            "DBSubnetGroupDoesNotCoverEnoughAZs");
  EXPECT_EQ(code(region, "CreateDBSubnetGroup", made({"subnet-1", "x"})), "InvalidSubnet");
  EXPECT_EQ(code(region, "CreateDBSubnetGroup", made({"subnet-1", "subnet-2"})), "done");
  EXPECT_EQ(code(region, "CreateDBSubnetGroup", made({"subnet-1", "subnet-2"})),
            "DBSubnetGroupAlreadyExists");
  const json shown = ask(region, "DescribeDBSubnetGroups", {{"DBSubnetGroupName", "g"}});
  EXPECT_EQ(shown["DBSubnetGroups"][0]["Subnets"][1]["SubnetIdentifier"], "subnet-2");
  region.clusters[0].subnet_group = "g";
  EXPECT_EQ(code(region, "DeleteDBSubnetGroup", {{"DBSubnetGroupName", "g"}}),
            "InvalidDBSubnetGroupStateFault");
  region.clusters[0].subnet_group = "";
  EXPECT_EQ(code(region, "DeleteDBSubnetGroup", {{"DBSubnetGroupName", "g"}}), "done");
  EXPECT_EQ(code(region, "DescribeDBSubnetGroups", {{"DBSubnetGroupName", "g"}}),
            "DBSubnetGroupNotFoundFault");
}

TEST(RdsTags, OfAGroupAreChangedByItsArn) {
  FakeRegion region;
  ask(region, "CreateDBClusterParameterGroup", kGroup);
  const json arn = {{"ResourceName", "arn:aws:rds:us-east-1:123456789012:cluster-pg:my-group"}};
  const auto tags = [&] { return ask(region, "ListTagsForResource", arn)["TagList"]; };
  EXPECT_EQ(tags(), kGroup["Tags"]);
  json add = arn;
  add["Tags"] = {{{"Key", "k"}, {"Value", "w"}}, {{"Key", "l"}, {"Value", ""}}};
  EXPECT_EQ(code(region, "AddTagsToResource", add), "done");
  EXPECT_EQ(tags(), add["Tags"]);
  json remove = arn;
  remove["TagKeys"] = {"k", "none"};
  EXPECT_EQ(code(region, "RemoveTagsFromResource", remove), "done");
  EXPECT_EQ(tags().size(), 1u);
  json other = arn;
  other["ResourceName"] = "arn:aws:rds:us-east-1:123456789012:subgrp:none";
  EXPECT_EQ(code(region, "ListTagsForResource", other), "DBSubnetGroupNotFoundFault");
}

}  // namespace
}  // namespace aurora_global::services::rds
