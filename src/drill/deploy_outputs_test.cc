#include "drill/deploy_outputs.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace aurora_global::drill {
namespace {

using nlohmann::json;

json region_stack(const char* region) {
  const std::string functions = std::string("arn:aws:lambda:") + region + ":123456789012:function:";
  return {{"Region", region},
          {"GlobalClusterIdentifier", "g"},
          {"ClusterIdentifier", std::string("g-") + region},
          {"GlobalEndpointLambdaArn", functions + "crud-" + region},
          {"WriteForwardingLambdaArn", functions + "crud-write-forwarding"}};
}

json two_regions() {
  return {{"AuroraGlobalKmsStackPrimary", {{"KeyId", "k"}, {"Region", "us-east-1"}}},
          {"AuroraGlobalPrimaryStack", region_stack("us-east-1")},
          {"x-Secondary", region_stack("us-west-2")}};
}

std::string refused_outputs(const json& text) {
  const auto outputs = parse_outputs(text.dump(), "o.json");
  return outputs.has_error() ? outputs.error().message : "(accepted)";
}

TEST(DeployOutputs, StacksOfRegionsAreKnownByTheirOutputs) {
  const auto outputs = parse_outputs(two_regions().dump(), "o.json");
  ASSERT_TRUE(outputs.has_value()) << outputs.error().message;
  EXPECT_EQ(outputs->global_cluster, "g");
  ASSERT_EQ(outputs->regions.size(), 2u);
  EXPECT_EQ(outputs->regions[0].region.name, "us-east-1");
  EXPECT_EQ(outputs->regions[0].crud_global_endpoint, "crud-us-east-1");
  EXPECT_EQ(outputs->regions[1].stack, "x-Secondary");
  EXPECT_EQ(outputs->regions[1].crud_write_forwarding, "crud-write-forwarding");
}

TEST(DeployOutputs, RefusalsNameWhatIsMissingAndWhatToDo) {
  json one = two_regions();
  one["x-Secondary"].erase("GlobalEndpointLambdaArn");
  EXPECT_EQ(refused_outputs(one),
            "o.json: stack x-Secondary has no output GlobalEndpointLambdaArn; run ./deploy.sh, "
            "or name its outputs file with --outputs FILE");
  one = two_regions();
  one["x-Secondary"]["Region"] = 3;
  EXPECT_NE(refused_outputs(one).find("output Region of stack x-Secondary is no text"),
            std::string::npos);
  one = two_regions();
  one.erase("x-Secondary");
  EXPECT_NE(refused_outputs(one).find("there are 1; run ./deploy.sh"), std::string::npos)
      << refused_outputs(one);
  one = two_regions();
  one["x-Secondary"]["GlobalClusterIdentifier"] = "h";
  EXPECT_NE(refused_outputs(one).find("two global clusters, g and h"), std::string::npos);
  one = two_regions();
  one["x-Secondary"]["Region"] = "us-east-1";
  EXPECT_NE(refused_outputs(one).find("two stacks of region us-east-1"), std::string::npos);
  EXPECT_NE(refused_outputs(json::array()).find("no JSON object"), std::string::npos);
  EXPECT_NE(parse_outputs("{", "o.json").error().message.find("no JSON object"), std::string::npos);
  const auto missing = load_outputs("/nonexistent/outputs.json");
  ASSERT_TRUE(missing.has_error());
  EXPECT_NE(missing.error().message.find("/nonexistent/outputs.json; run ./deploy.sh"),
            std::string::npos);
}

}  // namespace
}  // namespace aurora_global::drill
