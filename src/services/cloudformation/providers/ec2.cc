// The network, which the platform is without: recorded only.
#include "services/cloudformation/names.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/tables.h"
#include "services/cloudformation/recorded.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using enum Kind;

constexpr Reference kOfVpc{"VpcId", "AWS::EC2::VPC", "The vpc ID '", "' does not exist"};
constexpr Reference kOfSubnet{"SubnetId", "AWS::EC2::Subnet", "The subnet ID '",
                              "' does not exist"};
constexpr Reference kOfRouteTable{"RouteTableId", "AWS::EC2::RouteTable", "The routeTable ID '",
                                  "' does not exist"};
constexpr Reference kOfGroup{"GroupId", "AWS::EC2::SecurityGroup", "The security group '",
                             "' does not exist"};

template <const char* kPrefix>
std::string prefixed(const ResourceRequest& request) {
  return id_with_prefix(request, kPrefix);
}
template <const char* kName>
json only_id(const ResourceRequest&, const std::string& id) {
  return {{kName, id}};
}
constexpr char kId[] = "Id";

// ---- VPC

constexpr Property kVpcProperties[] = {
    fixed("CidrBlock", text),
    loose("EnableDnsHostnames", truth),
    loose("EnableDnsSupport", truth),
    loose("InstanceTenancy", text),
    loose("Tags", list),
    {.name = "Ipv4IpamPoolId", .fate = Fate::refused, .note = "there are no address pools"},
    {.name = "Ipv4NetmaskLength", .fate = Fate::refused, .note = "there are no address pools"},
};
constexpr Attribute kVpcAttributes[] = {{"VpcId"},
                                        {"CidrBlock"},
                                        {"CidrBlockAssociations"},
                                        {"DefaultNetworkAcl"},
                                        {"DefaultSecurityGroup"},
                                        {"Ipv6CidrBlocks"}};
constexpr char kVpcPrefix[] = "vpc-";
json vpc_attributes(const ResourceRequest& request, const std::string& id) {
  const std::string digits = id.substr(4);
  return {{"VpcId", id},
          {"CidrBlock", text_of(request.properties, "CidrBlock")},
          {"CidrBlockAssociations", {"vpc-cidr-assoc-" + digits}},
          {"DefaultNetworkAcl", "acl-" + digits},
          {"DefaultSecurityGroup", "sg-" + digits},
          {"Ipv6CidrBlocks", json::array()}};
}

// ---- Subnet

constexpr Property kSubnetProperties[] = {
    fixed("VpcId", text, true),
    fixed("CidrBlock", text),
    fixed("AvailabilityZone", text),
    loose("MapPublicIpOnLaunch", truth),
    loose("Tags", list),
    loose("PrivateDnsNameOptionsOnLaunch", object),
};
constexpr Attribute kSubnetAttributes[] = {{"SubnetId"},       {"VpcId"},
                                           {"CidrBlock"},      {"AvailabilityZone"},
                                           {"Ipv6CidrBlocks"}, {"NetworkAclAssociationId"}};
constexpr Reference kSubnetReferences[] = {kOfVpc};
constexpr char kSubnetPrefix[] = "subnet-";
json subnet_attributes(const ResourceRequest& request, const std::string& id) {
  std::string zone = text_of(request.properties, "AvailabilityZone");
  if (zone.empty()) zone = request.region + "a";
  return {{"SubnetId", id},
          {"VpcId", text_of(request.properties, "VpcId")},
          {"CidrBlock", text_of(request.properties, "CidrBlock")},
          {"AvailabilityZone", zone},
          {"Ipv6CidrBlocks", json::array()},
          {"NetworkAclAssociationId", "aclassoc-" + id.substr(7)}};
}

// ---- Routes

constexpr Property kRouteTableProperties[] = {fixed("VpcId", text, true), loose("Tags", list)};
constexpr Attribute kRouteTableAttributes[] = {{"RouteTableId"}, {"VpcId"}};
constexpr Reference kRouteTableReferences[] = {kOfVpc};
constexpr char kRouteTablePrefix[] = "rtb-";
json route_table_attributes(const ResourceRequest& request, const std::string& id) {
  return {{"RouteTableId", id}, {"VpcId", text_of(request.properties, "VpcId")}};
}

constexpr Property kAssociationProperties[] = {loose("RouteTableId", text, true),
                                               fixed("SubnetId", text, true)};
constexpr Reference kAssociationReferences[] = {kOfRouteTable, kOfSubnet};
constexpr char kAssociationPrefix[] = "rtbassoc-";

constexpr Property kRouteProperties[] = {
    fixed("RouteTableId", text, true),
    fixed("DestinationCidrBlock", text),
    fixed("DestinationIpv6CidrBlock", text),
    loose("GatewayId", text),
    loose("NatGatewayId", text),
    loose("VpcPeeringConnectionId", text),
    {.name = "DestinationPrefixListId", .fate = Fate::refused, .note = "there are no such lists"},
    {.name = "TransitGatewayId", .fate = Fate::refused, .note = "regions are peered"},
    {.name = "NetworkInterfaceId", .fate = Fate::refused, .note = "there are no interfaces"},
    {.name = "InstanceId", .fate = Fate::refused, .note = "there are no instances"},
};
constexpr Attribute kRouteAttributes[] = {{"CidrBlock"}};
constexpr Reference kRouteReferences[] = {
    kOfRouteTable,
    {"GatewayId", "AWS::EC2::InternetGateway", "The gateway ID '", "' does not exist"},
    {"NatGatewayId", "AWS::EC2::NatGateway", "NatGateway ", " was not found"},
    {"VpcPeeringConnectionId", "AWS::EC2::VPCPeeringConnection", "The vpcPeeringConnection ID '",
     "' does not exist", true}};
std::string destination_of(const ResourceRequest& request) {
  const std::string to = text_of(request.properties, "DestinationCidrBlock");
  return to.empty() ? text_of(request.properties, "DestinationIpv6CidrBlock") : to;
}
std::string route_id(const ResourceRequest& request) {
  return text_of(request.properties, "RouteTableId") + "|" + destination_of(request);
}
json route_attributes(const ResourceRequest& request, const std::string&) {
  return {{"CidrBlock", destination_of(request)}};
}

// ---- Security groups

constexpr Property kGroupProperties[] = {
    fixed("GroupDescription", text, true), fixed("GroupName", text),           fixed("VpcId", text),
    loose("SecurityGroupIngress", list),   loose("SecurityGroupEgress", list), loose("Tags", list),
};
constexpr Attribute kGroupAttributes[] = {{"GroupId"}, {"Id"}, {"VpcId"}};
constexpr Reference kGroupReferences[] = {kOfVpc};
constexpr char kGroupPrefix[] = "sg-";
json group_attributes(const ResourceRequest& request, const std::string& id) {
  return {{"GroupId", id}, {"Id", id}, {"VpcId", text_of(request.properties, "VpcId")}};
}

constexpr Property kIngressProperties[] = {
    fixed("GroupId", text),
    fixed("IpProtocol", text, true),
    fixed("FromPort", number),
    fixed("ToPort", number),
    fixed("CidrIp", text),
    fixed("CidrIpv6", text),
    fixed("SourceSecurityGroupId", text),
    loose("Description", text),
};
constexpr Reference kIngressReferences[] = {kOfGroup,
                                            {"SourceSecurityGroupId", "AWS::EC2::SecurityGroup",
                                             "The security group '", "' does not exist"}};
constexpr Property kEgressProperties[] = {
    fixed("GroupId", text, true),
    fixed("IpProtocol", text, true),
    fixed("FromPort", number),
    fixed("ToPort", number),
    fixed("CidrIp", text),
    fixed("CidrIpv6", text),
    fixed("DestinationSecurityGroupId", text),
    loose("Description", text),
};
constexpr Reference kEgressReferences[] = {kOfGroup,
                                           {"DestinationSecurityGroupId", "AWS::EC2::SecurityGroup",
                                            "The security group '", "' does not exist"}};
constexpr char kRulePrefix[] = "sgr-";

// ---- Endpoints, flow logs, peering

constexpr Property kEndpointProperties[] = {
    fixed("VpcId", text, true),
    fixed("ServiceName", text, true),
    fixed("VpcEndpointType", text),
    loose("PrivateDnsEnabled", truth),
    loose("SecurityGroupIds", list),
    loose("SubnetIds", list),
    loose("RouteTableIds", list),
    loose("PolicyDocument", any),
    loose("Tags", list),
};
constexpr Attribute kEndpointAttributes[] = {
    {"Id"}, {"CreationTimestamp"}, {"DnsEntries"}, {"NetworkInterfaceIds", false}};
constexpr Reference kEndpointReferences[] = {
    kOfVpc,
    {"SubnetIds", "AWS::EC2::Subnet", "The subnet ID '", "' does not exist"},
    {"RouteTableIds", "AWS::EC2::RouteTable", "The routeTable ID '", "' does not exist"},
    {"SecurityGroupIds", "AWS::EC2::SecurityGroup", "The security group '", "' does not exist"}};
constexpr char kEndpointPrefix[] = "vpce-";
json endpoint_attributes(const ResourceRequest& request, const std::string& id) {
  json interfaces = json::array();
  const json& subnets = core::property_or_null(request.properties, "SubnetIds");
  for (std::size_t i = 0; subnets.is_array() && i < subnets.size(); ++i) {
    interfaces.push_back("eni-" + id.substr(5) + std::to_string(i));
  }
  return {{"Id", id},
          {"CreationTimestamp", iso8601(SystemClock().wall_now())},
          {"DnsEntries", json::array()},
          {"NetworkInterfaceIds", interfaces}};
}

constexpr Property kFlowLogProperties[] = {
    fixed("ResourceId", text, true),
    fixed("ResourceType", text, true),
    fixed("TrafficType", text),
    fixed("LogDestinationType", text),
    fixed("LogDestination", text),
    fixed("LogGroupName", text),
    fixed("DeliverLogsPermissionArn", text),
    fixed("LogFormat", text),
    fixed("MaxAggregationInterval", number),
    fixed("DestinationOptions", object),
    loose("Tags", list),
};
constexpr char kFlowLogPrefix[] = "fl-";

constexpr Property kPeeringProperties[] = {
    fixed("VpcId", text, true), fixed("PeerVpcId", text, true), fixed("PeerRegion", text),
    fixed("PeerOwnerId", text), fixed("PeerRoleArn", text),     loose("Tags", list),
};
constexpr Reference kPeeringReferences[] = {
    kOfVpc, {"PeerVpcId", "AWS::EC2::VPC", "The vpc ID '", "' does not exist", true}};
constexpr char kPeeringPrefix[] = "pcx-";

// ---- The way to the internet

constexpr Property kGatewayProperties[] = {loose("Tags", list)};
constexpr Attribute kGatewayAttributes[] = {{"InternetGatewayId"}};
constexpr char kGatewayPrefix[] = "igw-";
constexpr char kGatewayId[] = "InternetGatewayId";

constexpr Property kAttachmentProperties[] = {
    fixed("VpcId", text, true),
    loose("InternetGatewayId", text),
    {.name = "VpnGatewayId", .fate = Fate::refused, .note = "there are no VPN gateways"}};
constexpr Attribute kAttachmentAttributes[] = {{"AttachmentType"}};
constexpr Reference kAttachmentReferences[] = {kOfVpc,
                                               {"InternetGatewayId", "AWS::EC2::InternetGateway",
                                                "The internetGateway ID '", "' does not exist"}};
std::string attachment_id(const ResourceRequest& request) {
  return "IGW|" + text_of(request.properties, "VpcId");
}
json attachment_attributes(const ResourceRequest&, const std::string&) {
  return {{"AttachmentType", "IGW"}};
}

constexpr Property kAddressProperties[] = {fixed("Domain", text), loose("Tags", list),
                                           fixed("NetworkBorderGroup", text)};
constexpr Attribute kAddressAttributes[] = {{"AllocationId"}, {"PublicIp"}};
// Of 198.18.0.0/15 (RFC 2544): addresses that nobody has.
std::string address_of(const ResourceRequest& request) {
  unsigned sum = 0;
  for (const char one : digits_of(request.token, 13)) sum = sum * 31 + static_cast<unsigned>(one);
  return "198." + std::to_string(18 + sum % 2) + "." + std::to_string(sum / 2 % 256) + "." +
         std::to_string(sum / 512 % 254 + 1);
}
json address_attributes(const ResourceRequest& request, const std::string& id) {
  return {{"AllocationId", id_with_prefix(request, "eipalloc-")}, {"PublicIp", id}};
}

constexpr Property kNatProperties[] = {fixed("SubnetId", text, true), fixed("AllocationId", text),
                                       fixed("ConnectivityType", text), loose("Tags", list)};
constexpr Attribute kNatAttributes[] = {{"NatGatewayId"}};
constexpr Reference kNatReferences[] = {kOfSubnet};
constexpr char kNatPrefix[] = "nat-";
constexpr char kNatId[] = "NatGatewayId";

const RecordedType kNetworkTypes[] = {
    {recorded_type("AWS::EC2::VPC", kVpcProperties, kVpcAttributes), prefixed<kVpcPrefix>,
     vpc_attributes},
    {recorded_type("AWS::EC2::Subnet", kSubnetProperties, kSubnetAttributes),
     prefixed<kSubnetPrefix>, subnet_attributes, kSubnetReferences},
    {recorded_type("AWS::EC2::RouteTable", kRouteTableProperties, kRouteTableAttributes),
     prefixed<kRouteTablePrefix>, route_table_attributes, kRouteTableReferences},
    {recorded_type("AWS::EC2::SubnetRouteTableAssociation", kAssociationProperties, kIdAttribute),
     prefixed<kAssociationPrefix>, only_id<kId>, kAssociationReferences},
    {recorded_type("AWS::EC2::Route", kRouteProperties, kRouteAttributes), route_id,
     route_attributes, kRouteReferences},
    {recorded_type("AWS::EC2::SecurityGroup", kGroupProperties, kGroupAttributes),
     prefixed<kGroupPrefix>, group_attributes, kGroupReferences},
    {recorded_type("AWS::EC2::SecurityGroupIngress", kIngressProperties, kIdAttribute),
     prefixed<kRulePrefix>, only_id<kId>, kIngressReferences},
    {recorded_type("AWS::EC2::SecurityGroupEgress", kEgressProperties, kIdAttribute),
     prefixed<kRulePrefix>, only_id<kId>, kEgressReferences},
    {recorded_type("AWS::EC2::VPCEndpoint", kEndpointProperties, kEndpointAttributes),
     prefixed<kEndpointPrefix>, endpoint_attributes, kEndpointReferences},
    {recorded_type("AWS::EC2::FlowLog", kFlowLogProperties, kIdAttribute), prefixed<kFlowLogPrefix>,
     only_id<kId>},
    {recorded_type("AWS::EC2::VPCPeeringConnection", kPeeringProperties, kIdAttribute),
     prefixed<kPeeringPrefix>, only_id<kId>, kPeeringReferences},
    {recorded_type("AWS::EC2::InternetGateway", kGatewayProperties, kGatewayAttributes),
     prefixed<kGatewayPrefix>, only_id<kGatewayId>},
    {recorded_type("AWS::EC2::VPCGatewayAttachment", kAttachmentProperties, kAttachmentAttributes),
     attachment_id, attachment_attributes, kAttachmentReferences},
    {recorded_type("AWS::EC2::EIP", kAddressProperties, kAddressAttributes), address_of,
     address_attributes},
    {recorded_type("AWS::EC2::NatGateway", kNatProperties, kNatAttributes), prefixed<kNatPrefix>,
     only_id<kNatId>, kNatReferences},
};

}  // namespace

void add_ec2(Providers& providers, const ProviderContext& context) {
  for (const RecordedType& type : kNetworkTypes) {
    providers.add(std::make_unique<RecordedProvider>(type, context));
  }
}

}  // namespace aurora_global::services::cloudformation
