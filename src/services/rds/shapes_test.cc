// Goal: what is told of the region's things is read back by a client as it was, in the document
// that AWS's model makes of it.
#include "services/rds/shapes.h"

#include <gtest/gtest.h>

#include "awsapi/output.h"
#include "awsapi/rds_shapes.h"

namespace aurora_global::services::rds {
namespace {

const region::Facts kFacts = {RegionId{"us-east-1"}, "123456789012", "15.18", "127.0.1.10", {}};

std::string document_of(const std::string& operation, const nlohmann::json& output) {
  const auto* model = awsapi::service_model("rds")->operation(operation);
  awsapi::XmlWriter xml(operation + "Response", awsapi::kRdsNamespace);
  awsapi::write_xml(xml, model->wrapper, *model->output, output);
  return xml.finish();
}

model::GlobalCluster sample() {
  model::GlobalCluster global;
  global.identifier = "my-global";
  global.status = "switching-over";
  global.writer_region = RegionId{"us-east-1"};
  for (const char* region : {"us-east-1", "us-west-2"}) {
    const RegionId id{region};
    global.members.push_back({id, model::cluster_arn(id, "123456789012", "c"), false, true});
  }
  global.failover = model::FailoverState{"switching-over", global.members[0].cluster_arn,
                                         global.members[1].cluster_arn, false};
  return global;
}

TEST(RdsShapes, GlobalClustersAreItemsNamedGlobalClusterMember) {
  const std::string body =
      document_of("DescribeGlobalClusters", {{"GlobalClusters", {shape_of(kFacts, sample())}}});
  EXPECT_NE(body.find("<GlobalClusters><GlobalClusterMember><"), std::string::npos);
  EXPECT_NE(body.find("<Readers><member>arn:aws:rds:us-west-2:123456789012:cluster:c</member>"),
            std::string::npos);
  EXPECT_NE(body.find("arn:aws:rds::123456789012:global-cluster:my-global"), std::string::npos);

  const auto parsed = awsapi::parse_global_clusters(200, body);
  ASSERT_TRUE(parsed.has_value());
  ASSERT_EQ(parsed->size(), 1u);
  EXPECT_EQ(parsed->front().global.identifier, "my-global");
  EXPECT_EQ(parsed->front().global.writer_region.name, "us-east-1");
  EXPECT_EQ(parsed->front().global.members.size(), 2u);
  EXPECT_EQ(parsed->front().global.failover->status, "switching-over");
  EXPECT_EQ(parsed->front().endpoint, "127.0.1.10");
}

TEST(RdsShapes, EventTimesKeepMilliseconds) {
  model::Event event;
  event.message = "x";
  event.date = WallTime(std::chrono::microseconds(1'764'000'000'123'000));
  const std::string body = document_of("DescribeEvents", {{"Events", {shape_of(kFacts, event)}}});
  EXPECT_EQ(awsapi::parse_events(200, body)->front().date, event.date);
}

}  // namespace
}  // namespace aurora_global::services::rds
