// Goal: every action reads its parameters, refuses what is wrong by name, asks the region for the
// right thing, and answers in RDS's shape.
#include "services/rds/rds.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "awsapi/rds_shapes.h"
#include "services/testing/call.h"

namespace aurora_global::services::rds {
namespace {

using testing::code_in;
using testing::element_in;
using testing::FakeRegion;

const char* const kTarget = "arn:aws:rds:us-west-2:123456789012:cluster:c";

net::HttpResponse call(FakeRegion& region, const std::string& action, awsapi::Form form = {}) {
  form["Action"] = action;
  form["Version"] = awsapi::kRdsVersion;
  return testing::send(region,
                       testing::signed_request("POST", "/", awsapi::encode_form(form), "rds"));
}

std::string code_of_call(FakeRegion& region, const std::string& action, awsapi::Form form = {}) {
  return code_in(call(region, action, std::move(form)));
}

TEST(Rds, TheDocumentListsTheTable) {
  std::ifstream file(AURORA_GLOBAL_SOURCE_DIR "/docs/reference/api.md");
  std::stringstream text;
  text << file.rdbuf();
  std::string document = text.str();
  document.erase(0, document.find("\n## RDS"));
  document.resize(std::min(document.find("\n## ", 1), document.size()));
  std::vector<std::string> expected;
  for (const ActionInfo& action : actions()) {
    expected.push_back("| `" + std::string(action.name) + "` | " + std::string(action.summary) +
                       " |");
  }
  std::vector<std::string> listed;
  const std::regex row(R"(\| `[A-Z][A-Za-z]+` \| [^\n]* \|)");
  for (std::sregex_iterator at(document.begin(), document.end(), row), end; at != end; ++at) {
    listed.push_back(at->str());
  }
  EXPECT_EQ(listed, expected) << "docs/reference/api.md has another list of actions than the table";
}

// The two places that could turn a client's mistake into a failure of ours: any action with nothing
// given, and with a parameter nobody knows.
TEST(Rds, NoActionFailsOnBadParameters) {
  for (const ActionInfo& action : actions()) {
    FakeRegion region;
    const std::string name(action.name);
    const auto empty = call(region, name);
    const bool describes = name.rfind("Describe", 0) == 0 && !name.ends_with("Parameters");
    EXPECT_EQ(empty.status, describes ? 200 : 400) << name << empty.body;
    if (!describes) EXPECT_EQ(code_in(empty), "MissingParameter") << name;
    const auto unknown = call(region, name, {{"NoSuchThing", "x"}});
    EXPECT_EQ(unknown.status, 400) << name;
    if (describes) {
      EXPECT_EQ(code_in(unknown), "InvalidParameterValue") << name;
      EXPECT_NE(unknown.body.find("NoSuchThing"), std::string::npos) << name;
    }
    EXPECT_TRUE(region.asked.empty()) << name;
  }
}

TEST(Rds, UnknownActionsAreRefused) {
  FakeRegion region;
  const auto answer = call(region, "DescribeDBSnapshots");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(code_in(answer), "InvalidAction");
  EXPECT_NE(answer.body.find("DescribeDBSnapshots"), std::string::npos);
  EXPECT_EQ(code_in(testing::send(region, testing::signed_request("POST", "/", "", "rds"))),
            "MissingAction");
  EXPECT_EQ(code_in(testing::send(
                region, testing::signed_request(
                            "POST", "/", "Action=DescribeEvents&Version=2001-01-01", "rds"))),
            "InvalidAction");
}

TEST(Rds, TheActionMayStandInTheTarget) {
  FakeRegion region;
  const auto answer = testing::send(
      region, testing::signed_request("GET", "/?Action=DescribeGlobalClusters&Version=2014-10-31",
                                      "", "rds"));
  EXPECT_EQ(answer.status, 200);
}

TEST(Rds, GlobalClustersHaveTheirShape) {
  FakeRegion region;
  const auto answer = call(region, "DescribeGlobalClusters");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(net::header_value(answer.headers, "Content-Type"), "text/xml");
  EXPECT_EQ(answer.body.rfind("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                              "<DescribeGlobalClustersResponse xmlns=\"http://rds.amazonaws.com/"
                              "doc/2014-10-31/\"><DescribeGlobalClustersResult><GlobalClusters>"
                              "<GlobalClusterMember>",
                              0),
            0u)
      << answer.body;
  EXPECT_EQ(element_in(answer, "RequestId"), net::header_value(answer.headers, "x-amzn-RequestId"));
  const auto parsed = awsapi::parse_global_clusters(answer.status, answer.body);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->front().global.writer_region.name, "us-east-1");
  EXPECT_EQ(parsed->front().endpoint, "127.0.1.10");
  EXPECT_NE(answer.body.find("<Value>a&lt;b&amp;c</Value>"), std::string::npos);
}

TEST(Rds, AMoveIsLosslessUnlessLossIsAllowed) {
  const awsapi::Form base = {{"GlobalClusterIdentifier", "My-Global"},
                             {"TargetDbClusterIdentifier", kTarget}};
  const auto asked = [&](const std::string& action, awsapi::Form more) {
    FakeRegion region;
    more.insert(base.begin(), base.end());
    const auto answer = call(region, action, more);
    return region.asked.empty() ? code_in(answer) : region.asked.front();
  };
  const std::string move = std::string("move_writer my-global ") + kTarget;
  EXPECT_EQ(asked("SwitchoverGlobalCluster", {}), move + " lossless");
  EXPECT_EQ(asked("FailoverGlobalCluster", {}), move + " lossless");
  EXPECT_EQ(asked("FailoverGlobalCluster", {{"Switchover", "true"}}), move + " lossless");
  EXPECT_EQ(asked("FailoverGlobalCluster", {{"AllowDataLoss", "false"}}), move + " lossless");
  EXPECT_EQ(asked("FailoverGlobalCluster", {{"AllowDataLoss", "true"}}),
            move + " data_loss_allowed");
  EXPECT_EQ(asked("FailoverGlobalCluster", {{"AllowDataLoss", "true"}, {"Switchover", "true"}}),
            "InvalidParameterCombination");
  EXPECT_EQ(asked("FailoverGlobalCluster", {{"AllowDataLoss", "yes"}}), "InvalidParameterValue");
  EXPECT_EQ(asked("SwitchoverGlobalCluster", {{"AllowDataLoss", "true"}}), "InvalidParameterValue");
}

TEST(Rds, ASwitchoverTakesItsDrainTimeAndPolicy) {
  const awsapi::Form base = {{"GlobalClusterIdentifier", "my-global"},
                             {"TargetDbClusterIdentifier", kTarget}};
  const auto asked = [&](awsapi::Form more, model::Drain* drained) {
    FakeRegion region;
    more.insert(base.begin(), base.end());
    const auto answer = call(region, "FailoverGlobalCluster", more);
    if (drained != nullptr) *drained = region.drained;
    return region.asked.empty() ? code_in(answer) : "";
  };
  model::Drain drained;
  EXPECT_EQ(asked({}, &drained), "");
  EXPECT_EQ(drained.timeout, std::chrono::seconds(1));
  EXPECT_EQ(drained.policy, model::DrainPolicy::terminate);
  EXPECT_EQ(asked({{"DrainTimeoutMs", "250"}, {"DrainPolicy", "abort"}}, &drained), "");
  EXPECT_EQ(drained.timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(drained.policy, model::DrainPolicy::abort);
  for (const char* bad : {"-1", "60001", "1s", ""}) {
    EXPECT_EQ(asked({{"DrainTimeoutMs", bad}}, nullptr), "InvalidParameterValue") << bad;
  }
  EXPECT_EQ(asked({{"DrainPolicy", "kill"}}, nullptr), "InvalidParameterValue");
  EXPECT_EQ(asked({{"DrainPolicy", "abort"}, {"AllowDataLoss", "true"}}, nullptr),
            "InvalidParameterCombination");
}

TEST(Rds, CreatingAGlobalClusterSaysWhatAwsSays) {
  FakeRegion region;
  const auto standalone = call(region, "CreateGlobalCluster", {{"GlobalClusterIdentifier", "g"}});
  EXPECT_EQ(code_in(standalone), "InvalidParameterValue");
  EXPECT_EQ(element_in(standalone, "Message"),
            "When creating standalone global cluster, value for engineName should be specified");
  const auto both = call(region, "CreateGlobalCluster",
                         {{"GlobalClusterIdentifier", "g"},
                          {"Engine", "aurora-postgresql"},
                          {"SourceDBClusterIdentifier", kTarget}});
  EXPECT_EQ(code_in(both), "InvalidParameterCombination");
  EXPECT_NE(both.body.find("inherited from source cluster"), std::string::npos);
  EXPECT_EQ(code_of_call(region, "CreateGlobalCluster",
                         {{"GlobalClusterIdentifier", "g"}, {"Engine", "aurora-mysql"}}),
            "InvalidParameterValue");
  EXPECT_TRUE(region.asked.empty());

  const auto created = call(region, "CreateGlobalCluster",
                            {{"GlobalClusterIdentifier", "g"},
                             {"Engine", "aurora-postgresql"},
                             {"Tags.Tag.1.Key", "k"},
                             {"Tags.Tag.1.Value", "v"}});
  EXPECT_EQ(created.status, 200);
  EXPECT_EQ(element_in(created, "TagList"), "<Tag><Key>k</Key><Value>v</Value></Tag>");
}

TEST(Rds, ErrorsOfTheRegionKeepCodeAndStatus) {
  FakeRegion region;
  const awsapi::Form form = {{"GlobalClusterIdentifier", "my-global"}};
  region.refusal = make_error(ErrorKind::conflict, "Global Cluster x is not empty",
                              "InvalidGlobalClusterStateFault");
  const auto conflict = call(region, "DeleteGlobalCluster", form);
  EXPECT_EQ(conflict.status, 400);
  EXPECT_EQ(code_in(conflict), "InvalidGlobalClusterStateFault");
  EXPECT_EQ(element_in(conflict, "Type"), "Sender");
  EXPECT_EQ(element_in(conflict, "Message"), "Global Cluster x is not empty");
  region.refusal = make_error(ErrorKind::not_found, "gone", "GlobalClusterNotFoundFault");
  EXPECT_EQ(call(region, "DeleteGlobalCluster", form).status, 404);
  region.refusal = make_error(ErrorKind::unavailable, "no peer");
  EXPECT_EQ(call(region, "DeleteGlobalCluster", form).status, 503);
}

TEST(Rds, ACreatedClusterGetsWhatWasGiven) {
  FakeRegion region;
  region.groups[{model::GroupKind::subnets, "subnets"}].name = "subnets";
  const auto answer = call(region, "CreateDBCluster",
                           {{"DBClusterIdentifier", "C2"},
                            {"Engine", "aurora-postgresql"},
                            {"MasterUsername", "postgres"},
                            {"MasterUserPassword", "p&=+-12345"},
                            {"EnableGlobalWriteForwarding", "true"},
                            {"BackupRetentionPeriod", "7"},
                            {"ServerlessV2ScalingConfiguration.MinCapacity", "0.5"},
                            {"ServerlessV2ScalingConfiguration.MaxCapacity", "16"},
                            {"VpcSecurityGroupIds.VpcSecurityGroupId.1", "sg-1"},
                            {"DBSubnetGroupName", "subnets"}});
  EXPECT_EQ(answer.status, 200) << answer.body;
  ASSERT_TRUE(region.created.has_value());
  EXPECT_EQ(region.created->master_password, "p&=+-12345");
  EXPECT_EQ(region.created->subnet_group, "subnets");
  EXPECT_EQ(region.created->security_groups, (std::vector<std::string>{"sg-1"}));
  EXPECT_TRUE(region.created->global_write_forwarding);
  EXPECT_EQ(region.created->backup_retention_days, 7);
  EXPECT_EQ(region.created->min_capacity, 0.5);
  EXPECT_EQ(region.created->max_capacity, 16);
  EXPECT_EQ(answer.body.find("p&amp;"), std::string::npos) << "the password is never told";
}

// What AWS takes and this platform has no use for is taken; what it would change is refused by
// name.
TEST(Rds, MembersWithoutEffectAreTakenAndOthersRefused) {
  const awsapi::Form cluster = {{"DBClusterIdentifier", "c"}};
  for (const auto& [name, value] :
       awsapi::Form{{"VpcSecurityGroupIds.VpcSecurityGroupId.1", "sg-1"},
                    {"PreferredMaintenanceWindow", "mon:01:00-mon:02:00"},
                    {"CopyTagsToSnapshot", "true"},
                    {"PerformanceInsightsKMSKeyId", "key"},
                    {"EngineVersion", "15.18"},
                    {"AllowMajorVersionUpgrade", "false"}}) {
    FakeRegion region;
    awsapi::Form form = cluster;
    form[name] = value;
    EXPECT_EQ(call(region, "ModifyDBCluster", form).status, 200) << name;
  }
  for (const auto& [name, value] : awsapi::Form{{"NewDBClusterIdentifier", "d"},
                                                {"ManageMasterUserPassword", "true"},
                                                {"BacktrackWindow", "5"}}) {
    FakeRegion region;
    awsapi::Form form = cluster;
    form[name] = value;
    const auto answer = call(region, "ModifyDBCluster", form);
    EXPECT_EQ(code_in(answer), "InvalidParameterValue") << name;
    EXPECT_NE(answer.body.find(name), std::string::npos);
    EXPECT_TRUE(region.asked.empty());
  }
}

TEST(Rds, ValuesAreCheckedBeforeAnythingHappens) {
  const awsapi::Form create = {{"DBClusterIdentifier", "c2"}, {"Engine", "aurora-postgresql"}};
  const awsapi::Form modify = {{"DBClusterIdentifier", "c"}};
  const awsapi::Form instance = {{"DBInstanceIdentifier", "c-1"}};
  struct Case {
    const char* action;
    awsapi::Form form, more;
    const char* code;
  };
  const char* const kValue = "InvalidParameterValue";
  const Case cases[] = {
      {"CreateDBCluster", create, {{"EngineVersion", "99.9"}}, "InvalidParameterCombination"},
      {"CreateDBCluster", create, {{"MasterUsername", "pg_admin"}}, kValue},
      {"CreateDBCluster", create, {{"MasterUsername", "admin"}}, kValue},
      {"CreateDBCluster", create, {{"DatabaseName", "rdsadmin"}}, kValue},
      {"CreateDBCluster", create, {{"DatabaseName", "my-db"}}, kValue},
      {"CreateDBCluster", create, {{"MasterUserPassword", "pass/word"}}, kValue},
      {"CreateDBCluster", create, {{"MasterUserPassword", "pass@word"}}, kValue},
      {"CreateDBCluster", create, {{"MasterUserPassword", "pass\"word"}}, kValue},
      {"CreateDBCluster", create, {{"MasterUserPassword", "pass\nword"}}, kValue},
      {"CreateDBCluster",
       create,
       {{"ServerlessV2ScalingConfiguration.MinCapacity", "100"},
        {"ServerlessV2ScalingConfiguration.MaxCapacity", "2"}},
       kValue},
      {"ModifyDBCluster", modify, {{"MasterUserPassword", "sh0rt"}}, kValue},
      {"ModifyDBCluster",
       modify,
       {{"ServerlessV2ScalingConfiguration.MinCapacity", "256"}},
       kValue},
      {"ModifyDBInstance", instance, {{"DBInstanceClass", "nonsense"}}, kValue},
  };
  for (const Case& one : cases) {
    FakeRegion region;
    region.clusters[0].max_capacity = 4;
    awsapi::Form form = one.form;
    form.insert(one.more.begin(), one.more.end());
    const auto answer = call(region, one.action, form);
    EXPECT_EQ(code_in(answer), one.code) << one.action << " " << one.more.begin()->first;
    EXPECT_TRUE(region.asked.empty());
    const auto password = one.more.find("MasterUserPassword");
    if (password == one.more.end()) continue;
    EXPECT_EQ(answer.body.find(password->second), std::string::npos) << "it is never told";
  }
}

TEST(Rds, NumbersOutOfRangeAreNamed) {
  FakeRegion region;
  const std::pair<const char*, const char*> cases[] = {
      {"BackupRetentionPeriod", "0"},
      {"BackupRetentionPeriod", "36"},
      {"BackupRetentionPeriod", "1x"},
      {"BackupRetentionPeriod", ""},
      {"Port", "5433"},
      {"StorageEncrypted", "maybe"},
      {"ServerlessV2ScalingConfiguration.MaxCapacity", "nan"},
  };
  for (const auto& [name, value] : cases) {
    const auto answer =
        call(region, "CreateDBCluster",
             {{"DBClusterIdentifier", "c2"}, {"Engine", "aurora-postgresql"}, {name, value}});
    EXPECT_EQ(code_in(answer), "InvalidParameterValue") << name << "=" << value;
    EXPECT_NE(answer.body.find(name), std::string::npos) << name << "=" << value;
  }
  EXPECT_TRUE(region.asked.empty());
}

TEST(Rds, ADeletedClusterNeedsSkipFinalSnapshot) {
  FakeRegion region;
  EXPECT_EQ(code_of_call(region, "DeleteDBCluster", {{"DBClusterIdentifier", "c"}}),
            "InvalidParameterCombination");
  EXPECT_TRUE(region.asked.empty());
  EXPECT_EQ(
      call(region, "DeleteDBCluster", {{"DBClusterIdentifier", "C"}, {"SkipFinalSnapshot", "true"}})
          .status,
      200);
  EXPECT_EQ(region.asked.front(), "delete_db_cluster c");
}

TEST(Rds, ThingsAreFoundByNameArnAndFilter) {
  FakeRegion region;
  const auto count = [&](const std::string& action, awsapi::Form form) {
    const auto answer = call(region, action, std::move(form));
    if (answer.status != 200) return -answer.status;
    const std::regex item("<(DbiResourceId|DbClusterResourceId|GlobalClusterResourceId)>");
    return static_cast<int>(
        std::distance(std::sregex_iterator(answer.body.begin(), answer.body.end(), item),
                      std::sregex_iterator()));
  };
  const auto filter = [](const std::string& name, const std::string& value) {
    return awsapi::Form{{"Filters.Filter.1.Name", name},
                        {"Filters.Filter.1.Values.Value.1", value}};
  };
  const std::string arn = region.clusters[0].arn;
  EXPECT_EQ(count("DescribeDBClusters", {}), 1);
  EXPECT_EQ(count("DescribeDBClusters", {{"DBClusterIdentifier", "C"}}), 1);
  EXPECT_EQ(count("DescribeDBClusters", {{"DBClusterIdentifier", arn}}), 1);
  EXPECT_EQ(count("DescribeDBClusters", {{"DBClusterIdentifier", "d"}}), -404);
  EXPECT_EQ(count("DescribeDBClusters", filter("db-cluster-id", arn)), 1);
  EXPECT_EQ(count("DescribeDBClusters", filter("db-cluster-id", "d")), 0);
  EXPECT_EQ(count("DescribeDBClusters", filter("engine", "aurora-mysql")), 0);
  EXPECT_EQ(count("DescribeDBClusters", filter("clone-group-id", "x")), -400);
  EXPECT_EQ(count("DescribeDBInstances", {}), 2);
  EXPECT_EQ(count("DescribeDBInstances", {{"DBInstanceIdentifier", "c-2"}}), 1);
  EXPECT_EQ(count("DescribeDBInstances", {{"DBInstanceIdentifier", "c-3"}}), -404);
  EXPECT_EQ(count("DescribeDBInstances", filter("db-cluster-id", "c")), 2);
  EXPECT_EQ(count("DescribeDBInstances", filter("db-instance-id", "c-1")), 1);
  EXPECT_EQ(count("DescribeGlobalClusters", {{"GlobalClusterIdentifier", "MY-GLOBAL"}}), 1);
  EXPECT_EQ(count("DescribeGlobalClusters", {{"GlobalClusterIdentifier", "other"}}), -404);
  EXPECT_EQ(count("DescribeGlobalClusters", filter("region", "us-west-2")), 1);
  EXPECT_EQ(count("DescribeGlobalClusters", filter("region", "eu-west-1")), 0);
  EXPECT_EQ(count("DescribeGlobalClusters", filter("db-cluster-id", kTarget)), 1);
}

// Method: 250 instances read page by page; every one is seen once.
TEST(Rds, PagesLeaveNothingOutAndRepeatNothing) {
  FakeRegion region;
  region.clusters[0].instances.clear();
  region.add_instances(region.clusters[0], 250);
  for (const char* size : {"20", "100", ""}) {
    std::set<std::string> seen;
    std::string marker;
    int pages = 0;
    do {
      awsapi::Form form;
      if (*size != '\0') form["MaxRecords"] = size;
      if (!marker.empty()) form["Marker"] = marker;
      const auto answer = call(region, "DescribeDBInstances", form);
      const auto parsed = awsapi::parse_db_instances(answer.status, answer.body);
      ASSERT_TRUE(parsed.has_value());
      for (const auto& instance : *parsed) EXPECT_TRUE(seen.insert(instance.identifier).second);
      marker = element_in(answer, "Marker");
      ASSERT_LT(++pages, 20);
    } while (!marker.empty());
    EXPECT_EQ(seen.size(), 250u);
  }
  for (const char* bad : {"x", "-1", "1 ", "99999999999999999999999"}) {
    EXPECT_EQ(code_of_call(region, "DescribeDBInstances", {{"Marker", bad}}),
              "InvalidParameterValue")
        << bad;
  }
  EXPECT_EQ(code_of_call(region, "DescribeDBInstances", {{"MaxRecords", "19"}}),
            "InvalidParameterValue");
}

TEST(Rds, EventsAreChosenBySourceCategoryAndTime) {
  FakeRegion region;
  const WallTime now = SystemClock().wall_now();
  const auto add = [&](std::string source, std::string category, std::chrono::minutes ago) {
    region.all_events.push_back(
        {source, "db-cluster", "arn", source + " " + category, {category}, now - ago});
  };
  add("c", "global failover", std::chrono::minutes(5));
  add("c", "notification", std::chrono::minutes(5));
  add("d", "global failover", std::chrono::minutes(5));
  add("c", "global failover", std::chrono::minutes(90));
  const auto count = [&](awsapi::Form form) {
    const auto answer = call(region, "DescribeEvents", std::move(form));
    const auto parsed = awsapi::parse_events(answer.status, answer.body);
    return parsed.has_value() ? static_cast<int>(parsed->size()) : -answer.status;
  };
  EXPECT_EQ(count({}), 3);
  EXPECT_EQ(count({{"Duration", "120"}}), 4);
  EXPECT_EQ(count({{"SourceIdentifier", "C"}, {"SourceType", "db-cluster"}}), 2);
  EXPECT_EQ(count({{"SourceType", "db-instance"}}), 0);
  EXPECT_EQ(count({{"EventCategories.EventCategory.1", "global failover"}}), 2);
  EXPECT_EQ(count({{"StartTime", iso8601(now - std::chrono::hours(2))},
                   {"EndTime", iso8601(now - std::chrono::hours(1))}}),
            1);
  EXPECT_EQ(count({{"SourceIdentifier", "c"}}), -400);
  EXPECT_EQ(count({{"StartTime", "yesterday"}}), -400);
}

TEST(Rds, TagsAndVersionsAreTold) {
  FakeRegion region;
  const std::string arn = "arn:aws:rds::123456789012:global-cluster:my-global";
  const auto tags = call(region, "ListTagsForResource", {{"ResourceName", arn}});
  EXPECT_EQ(element_in(tags, "Key"), "team");
  EXPECT_EQ(code_of_call(region, "ListTagsForResource", {{"ResourceName", arn + "x"}}),
            "GlobalClusterNotFoundFault");
  EXPECT_EQ(code_of_call(region, "ListTagsForResource", {{"ResourceName", "x"}}),
            "InvalidParameterValue");
  const auto versions = call(region, "DescribeDBEngineVersions", {{"Engine", "aurora-postgresql"}});
  EXPECT_EQ(element_in(versions, "EngineVersion"), "15.18");
  EXPECT_EQ(element_in(versions, "DBParameterGroupFamily"), "aurora-postgresql15");
}

}  // namespace
}  // namespace aurora_global::services::rds
