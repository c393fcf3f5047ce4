// Goal: Aurora's identifier rules and ARNs, case by case.
#include "model/global_cluster.h"

#include <gtest/gtest.h>

namespace aurora_global::model {
namespace {

TEST(Identifier, IsStoredInLowerCase) {
  EXPECT_EQ(*checked_identifier("DBClusterIdentifier", "My-Cluster-1"), "my-cluster-1");
}

TEST(Identifier, RefusesWhatAuroraRefuses) {
  for (const std::string& given : {std::string(), std::string("1abc"), std::string("-abc"),
                                   std::string("abc-"), std::string("a--b"), std::string("a_b"),
                                   std::string("a b"), std::string("ä"), std::string(64, 'a')}) {
    const auto result = checked_identifier("DBClusterIdentifier", given);
    ASSERT_TRUE(result.has_error()) << given;
    EXPECT_EQ(result.error().code, "InvalidParameterValue");
    EXPECT_NE(result.error().message.find("DBClusterIdentifier"), std::string::npos);
  }
  EXPECT_TRUE(checked_identifier("x", std::string(63, 'a')).has_value());
}

TEST(Arn, IsReadBack) {
  const RegionId region{"us-west-2"};
  const auto arn = parse_cluster_arn(cluster_arn(region, "123456789012", "c2"));
  ASSERT_TRUE(arn.has_value());
  EXPECT_EQ(arn->region, region);
  EXPECT_EQ(arn->identifier, "c2");
  EXPECT_EQ(global_cluster_arn("123456789012", "g"), "arn:aws:rds::123456789012:global-cluster:g");
}

TEST(Arn, RefusesOtherTexts) {
  for (const std::string_view given :
       {"", "c2", "arn:aws:rds:us-east-1:1:db:x", "arn:aws:rds::1:cluster:x",
        "arn:aws:rds:r:1:cluster:", "arn:aws:rds:r:1:cluster:a:b"}) {
    EXPECT_TRUE(parse_cluster_arn(given).has_error()) << given;
  }
}

}  // namespace
}  // namespace aurora_global::model
