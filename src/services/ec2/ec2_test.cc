// Goal: what tools ask of the places of an account is answered in EC2's own XML, and of its roles
// in IAM's.
#include <gtest/gtest.h>

#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using testing::element_in;
using testing::FakeRegion;

net::HttpResponse ask(const std::string& service, const std::string& query,
                      const std::string& region = "us-east-1") {
  FakeRegion fake;
  return send(fake, testing::signed_request("POST", "/", query, service, region));
}

TEST(Ec2, ZonesAndRegionsAreTold) {
  const auto zones = ask("ec2", "Action=DescribeAvailabilityZones&Version=2016-11-15");
  EXPECT_EQ(zones.status, 200) << zones.body;
  EXPECT_NE(zones.body.find("<DescribeAvailabilityZonesResponse "
                            "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15\"><requestId>"),
            std::string::npos)
      << zones.body;
  EXPECT_NE(zones.body.find("<availabilityZoneInfo><item>"), std::string::npos) << zones.body;
  EXPECT_EQ(element_in(zones, "zoneName"), "us-east-1a");
  const auto one = ask("ec2",
                       "Action=DescribeAvailabilityZones&Version=2016-11-15&ZoneName.1="
                       "us-east-1b&Filter.1.Name=state&Filter.1.Value.1=available");
  EXPECT_EQ(element_in(one, "zoneName"), "us-east-1b") << one.body;
  const auto regions =
      ask("ec2", "Action=DescribeRegions&Version=2016-11-15&RegionName.1=us-west-2");
  EXPECT_EQ(element_in(regions, "regionEndpoint"), "ec2.us-west-2.amazonaws.com") << regions.body;
}

TEST(Ec2, ItRefusesInItsOwnXml) {
  const auto none = ask("ec2", "Action=DescribeAvailabilityZones&Version=2016-11-15&ZoneName.1=x");
  EXPECT_EQ(none.status, 400);
  EXPECT_NE(none.body.find("<Response><Errors><Error><Code>InvalidParameterValue</Code>"),
            std::string::npos)
      << none.body;
  EXPECT_EQ(element_in(ask("ec2", "Action=RunInstances&Version=2016-11-15"), "Code"),
            "InvalidAction");
}

TEST(Iam, ARoleIsThereForWhoeverAssumesIt) {
  const auto role = ask("iam", "Action=GetRole&Version=2010-05-08&RoleName=deploy");
  EXPECT_EQ(element_in(role, "Arn"), "arn:aws:iam::123456789012:role/deploy") << role.body;
  EXPECT_EQ(element_in(role, "CreateDate"), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(element_in(ask("iam", "Action=GetRole&Version=2010-05-08"), "Code"), "ValidationError");
  // IAM is one for all regions.
  EXPECT_EQ(ask("iam", "Action=GetRole&Version=2010-05-08&RoleName=r", "us-west-2").status, 200);
}

}  // namespace
}  // namespace aurora_global::services
