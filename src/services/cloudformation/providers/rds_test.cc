// Goal: clusters are made, changed and removed by what RDS says of them now, whoever leads; groups
// have the parameters of the template and no others.
#include <gtest/gtest.h>

#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/provider_step.h"
#include "services/testing/fake_services.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using testing::ProviderStep;

// Things of one kind, by their ids: Create, Describe, Modify, Delete.
class FakeRds {
 public:
  FakeRds(services::testing::FakeServices& services, std::string noun, std::string member,
          std::string list, json more)
      : member_(member) {
    services.operations["rds.Create" + noun] = [this, more](const json& input) -> Result<json> {
      created.push_back(input);
      json thing = more;
      thing.update(input);
      things[input.at(member_).get<std::string>()] = thing;
      return json::object();
    };
    services.operations["rds.Describe" + noun + "s"] = [this,
                                                        list](const json& input) -> Result<json> {
      const auto found = things.find(input.at(member_).get<std::string>());
      if (found == things.end()) return make_error(ErrorKind::not_found, "none", "NotFound");
      return json{{list, json::array({found->second})}};
    };
    services.operations["rds.Modify" + noun] = [this](const json& input) -> Result<json> {
      modified.push_back(input);
      return json::object();
    };
    services.operations["rds.Delete" + noun] = [this](const json& input) -> Result<json> {
      deleted.push_back(input);
      if (!refusals.empty()) {
        const Error refusal = refusals.back();
        refusals.pop_back();
        return refusal;
      }
      things.erase(input.at(member_).get<std::string>());
      return json::object();
    };
  }

  std::map<std::string, json> things;
  std::vector<json> created, modified, deleted;
  std::vector<Error> refusals;  // Of the next deletions.

 private:
  std::string member_;
};

const json kCluster = {{"Status", "available"},
                       {"DBClusterArn", "arn:aws:rds:us-east-1:1:cluster:c"},
                       {"DbClusterResourceId", "cluster-1"},
                       {"Endpoint", "127.0.1.11"},
                       {"ReaderEndpoint", "127.0.1.12"}};

class RdsProviders : public ::testing::Test {
 protected:
  RdsProviders() {
    add_rds(providers, {services});
    services.operations["rds.RemoveFromGlobalCluster"] = [this](const json& input) -> Result<json> {
      left.push_back(input);
      return json::object();
    };
    for (const char* name : {"rds.AddTagsToResource", "rds.RemoveTagsFromResource"}) {
      services.operations[name] = [this, name](const json& input) -> Result<json> {
        tagged.push_back({{"operation", name}, {"input", input}});
        return json::object();
      };
    }
  }

  ProviderStep step(const std::string& type, json properties) {
    return {*providers.find(type), type, std::move(properties)};
  }
  static json cluster(json more = json::object()) {
    json properties = {{"DBClusterIdentifier", "c"},
                       {"Engine", "aurora-postgresql"},
                       {"GlobalClusterIdentifier", "g"},
                       {"Port", "5432"},
                       {"DeletionProtection", "false"},
                       {"ServerlessV2ScalingConfiguration", {{"MinCapacity", "0.5"}}}};
    properties.update(more);
    return properties;
  }

  services::testing::FakeServices services;
  FakeRds clusters{services, "DBCluster", "DBClusterIdentifier", "DBClusters", kCluster};
  FakeRds instances{services,
                    "DBInstance",
                    "DBInstanceIdentifier",
                    "DBInstances",
                    {{"DBInstanceStatus", "available"},
                     {"DBInstanceArn", "arn:i"},
                     {"DbiResourceId", "db-1"},
                     {"Endpoint", {{"Address", "127.0.1.21"}, {"Port", 5432}}}}};
  Providers providers;
  std::vector<json> left, tagged;
};

TEST_F(RdsProviders, AClusterIsMadeOfWhatTheTemplateSays) {
  ProviderStep one =
      step("AWS::RDS::DBCluster", cluster({{"Tags", {{{"Key", "team"}, {"Value", "a"}}}}}));
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(one.made.physical_id, "c");
  EXPECT_EQ(one.made.attributes["Endpoint"]["Port"], "5432");
  EXPECT_EQ(one.made.attributes["ReadEndpoint"]["Address"], "127.0.1.12");
  const json& asked = clusters.created.at(0);
  EXPECT_EQ(asked["Port"], 5432) << "a text in the template, a number for RDS";
  EXPECT_EQ(asked["DeletionProtection"], false);
  EXPECT_EQ(asked["ServerlessV2ScalingConfiguration"]["MinCapacity"], 0.5);
  EXPECT_EQ(asked["Tags"], (json{{{"Key", "team"}, {"Value", "a"}}}));
  ASSERT_TRUE(one.create_again().has_value());
  EXPECT_EQ(clusters.created.size(), 1u);
  ProviderStep other = step("AWS::RDS::DBCluster", cluster());
  EXPECT_EQ(other.create().error().message, "c already exists");
}

TEST_F(RdsProviders, OnlyWhatDiffersIsModified) {
  ProviderStep one = step("AWS::RDS::DBCluster", cluster({{"MasterUserPassword", "12345678"}}));
  ASSERT_TRUE(one.create().has_value());
  json after = cluster({{"MasterUserPassword", "12345678"}, {"DeletionProtection", "true"}});
  after["Tags"] = {{{"Key", "k"}, {"Value", "v"}}};
  ASSERT_TRUE(one.update(after).has_value());
  ASSERT_EQ(clusters.modified.size(), 1u);
  EXPECT_EQ(clusters.modified[0],
            (json{{"DBClusterIdentifier", "c"}, {"DeletionProtection", true}}));
  ASSERT_EQ(tagged.size(), 1u);
  EXPECT_EQ(tagged[0]["input"]["ResourceName"], kCluster["DBClusterArn"]);
  json untagged = after;
  untagged.erase("Tags");
  ASSERT_TRUE(one.update(untagged).has_value());
  EXPECT_EQ(clusters.modified.size(), 1u);
  EXPECT_EQ(tagged.at(1)["operation"], "rds.RemoveTagsFromResource");
}

TEST_F(RdsProviders, WhatIsBeingDeletedIsNotTakenOver) {
  clusters.things["c"] = kCluster;
  clusters.things["c"]["DBClusterIdentifier"] = "c";
  ProviderStep one = step("AWS::RDS::DBCluster", cluster());
  one.request.physical_id = "c";
  ASSERT_TRUE(one.read().has_value());
  EXPECT_EQ(one.made.physical_id, "c");
  clusters.things["c"]["Status"] = "deleting";
  EXPECT_EQ(one.read().error().kind, ErrorKind::not_found);
  instances.things["i"] = {{"DBInstanceStatus", "deleting"}};
  ProviderStep other = step("AWS::RDS::DBInstance", {{"DBInstanceIdentifier", "i"}});
  other.request.physical_id = "i";
  EXPECT_EQ(other.read().error().kind, ErrorKind::not_found);
}

TEST_F(RdsProviders, AClusterIsReferredToAsRdsSpellsIt) {
  clusters.things["MyC"] = kCluster;  // RDS finds it in any case, and tells it in small letters.
  clusters.things["MyC"]["DBClusterIdentifier"] = "myc";
  ProviderStep one = step("AWS::RDS::DBCluster", cluster({{"DBClusterIdentifier", "MyC"}}));
  one.request.physical_id = "MyC";
  ASSERT_TRUE(one.read().has_value());
  EXPECT_EQ(one.made.physical_id, "myc");
  ASSERT_TRUE(one.update(cluster({{"DBClusterIdentifier", "MyC"}, {"Port", 5432}})).has_value());
  EXPECT_EQ(one.made.physical_id, "MyC") << "another one would say that it was replaced";
}

TEST_F(RdsProviders, ASecretThatATemplateRefersToIsNoChange) {
  const char* reference = "{{resolve:secretsmanager:s:SecretString:password}}";
  ProviderStep one = step("AWS::RDS::DBCluster", cluster({{"MasterUserPassword", reference}}));
  ASSERT_TRUE(one.create().has_value());
  const json after = cluster({{"MasterUserPassword", "12345678"}, {"BackupRetentionPeriod", 5}});
  ASSERT_TRUE(one.update(after, {{"BackupRetentionPeriod"}}).has_value());
  EXPECT_EQ(clusters.modified.at(0),
            (json{{"DBClusterIdentifier", "c"}, {"BackupRetentionPeriod", 5}}));
}

TEST_F(RdsProviders, TheSourceOfAGlobalClusterIsNamedEitherWay) {
  FakeRds globals{services,
                  "GlobalCluster",
                  "GlobalClusterIdentifier",
                  "GlobalClusters",
                  {{"Status", "available"}, {"GlobalClusterArn", "arn:g"}}};
  const std::string arn = "arn:aws:rds:us-east-1:123456789012:cluster:c";
  for (const std::string& source : {arn, std::string("c")}) {
    ProviderStep one = step("AWS::RDS::GlobalCluster",
                            {{"GlobalClusterIdentifier", "g" + std::to_string(source.size())},
                             {"SourceDBClusterIdentifier", source}});
    ASSERT_TRUE(one.create().has_value());
    EXPECT_EQ(globals.created.back().at("SourceDBClusterIdentifier"), arn);
  }
}

TEST_F(RdsProviders, AMemberLeavesItsGlobalClusterBeforeItGoes) {
  ProviderStep one = step("AWS::RDS::DBCluster", cluster());
  ASSERT_TRUE(one.create().has_value());
  ASSERT_TRUE(one.remove().has_value());
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0]["GlobalClusterIdentifier"], "g");
  EXPECT_EQ(clusters.deleted.at(0)["SkipFinalSnapshot"], true);
  EXPECT_TRUE(one.remove().has_value()) << "it is gone";
  EXPECT_EQ(clusters.deleted.size(), 1u);
}

TEST_F(RdsProviders, AProtectedClusterStaysAMember) {
  ProviderStep one = step("AWS::RDS::DBCluster", cluster({{"DeletionProtection", true}}));
  ASSERT_TRUE(one.create().has_value());
  const auto refused = one.remove();
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message.find("protected"), std::string::npos);
  EXPECT_TRUE(left.empty());
}

TEST_F(RdsProviders, AClusterIsTakenOutOfItsGlobalClusterAndNotPutIntoOne) {
  ProviderStep one = step("AWS::RDS::DBCluster", cluster());
  ASSERT_TRUE(one.create().has_value());
  json alone = cluster();
  alone.erase("GlobalClusterIdentifier");
  ASSERT_TRUE(one.update(alone).has_value());
  EXPECT_EQ(left.size(), 1u);
  const auto refused = one.update(cluster());
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message.find("GlobalClusterIdentifier"), std::string::npos);
}

TEST_F(RdsProviders, TheHeadWaitsForItsReaders) {
  ProviderStep one = step("AWS::RDS::DBInstance", {{"DBInstanceIdentifier", "i"},
                                                   {"DBClusterIdentifier", "c"},
                                                   {"DBInstanceClass", "db.serverless"},
                                                   {"Engine", "aurora-postgresql"}});
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(one.made.attributes["Endpoint"]["Address"], "127.0.1.21");
  instances.refusals = {make_error(ErrorKind::conflict, "readers", "InvalidDBInstanceState")};
  ASSERT_TRUE(one.remove().has_value());
  EXPECT_EQ(instances.deleted.size(), 2u);
}

TEST_F(RdsProviders, AGroupHasTheParametersOfTheTemplateAndNoOthers) {
  FakeRds groups(services, "DBClusterParameterGroup", "DBClusterParameterGroupName",
                 "DBClusterParameterGroups", {{"DBClusterParameterGroupArn", "arn:g"}});
  std::vector<json> reset;
  services.operations["rds.ResetDBClusterParameterGroup"] = [&](const json& input) -> Result<json> {
    reset.push_back(input);
    return json::object();
  };
  json parameters = json::object();
  for (int i = 0; i < 25; ++i) parameters["p" + std::to_string(i)] = i;
  const auto properties = [](json all) {
    return json{{"Family", "f"}, {"Description", "d"}, {"Parameters", std::move(all)}};
  };
  ProviderStep one = step("AWS::RDS::DBClusterParameterGroup", properties(parameters));
  ASSERT_TRUE(one.create().has_value());
  EXPECT_TRUE(one.made.physical_id.starts_with("my-stack-thing-")) << one.made.physical_id;
  EXPECT_EQ(groups.created.at(0)["DBParameterGroupFamily"], "f");
  ASSERT_EQ(groups.modified.size(), 2u) << "RDS takes 20 at a time";
  EXPECT_EQ(groups.modified[0]["Parameters"].size(), 20u);
  EXPECT_EQ(groups.modified[1]["Parameters"].size(), 5u);
  ASSERT_TRUE(one.create_again().has_value());
  EXPECT_EQ(groups.created.size(), 1u);
  EXPECT_EQ(groups.modified.size(), 4u) << "an earlier try may have set none";
  parameters["p0"] = "other";
  parameters.erase("p1");
  ASSERT_TRUE(one.update(properties(parameters)).has_value());
  EXPECT_EQ(groups.modified.at(4)["Parameters"], (json{{{"ParameterName", "p0"},
                                                        {"ParameterValue", "other"},
                                                        {"ApplyMethod", "pending-reboot"}}}));
  EXPECT_EQ(reset.at(0)["Parameters"][0]["ParameterName"], "p1");
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
