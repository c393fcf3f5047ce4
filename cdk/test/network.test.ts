import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flat, ofType, only, STACKS, Synthesized } from './support.js';

describe('Network', () => {
  const app = Synthesized.under();
  const cidr = { 'us-east-1': '10.0.0.0/16', 'us-west-2': '10.1.0.0/16' } as Record<string, string>;

  for (const [region, template] of app.regions) {
    const peer = Object.keys(cidr).find(one => one !== region)!;
    const group = (description: RegExp) => only(template, 'AWS::EC2::SecurityGroup',
      r => description.test(r.Properties.GroupDescription));
    const rules = (all: any[]) =>
      all.map(r => `${r.IpProtocol} ${r.FromPort}-${r.ToPort} ${r.CidrIp}`).sort();
    /** What CDK writes for "nothing": a rule that no packet can meet. */
    const nothing = ['icmp 252-86 255.255.255.255/32'];

    it(`${region}: a VPC of its own with no way to the internet`, () => {
      const vpc = only(template, 'AWS::EC2::VPC');
      assert.equal(vpc.Properties.CidrBlock, cidr[region]);
      assert.equal(vpc.Properties.EnableDnsSupport, true);
      assert.equal(vpc.Properties.EnableDnsHostnames, true);
      for (const type of ['InternetGateway', 'NatGateway', 'EIP', 'VPCGatewayAttachment']) {
        assert.deepEqual(ofType(template, `AWS::EC2::${type}`), [], type);
      }
      for (const subnet of ofType(template, 'AWS::EC2::Subnet')) {
        assert.equal(subnet.Properties.MapPublicIpOnLaunch, false);
      }
    });

    it(`${region}: subnets for functions and database in two zones`, () => {
      const zones = ofType(template, 'AWS::EC2::Subnet').map(r => r.Properties.AvailabilityZone);
      assert.deepEqual(zones.sort(), ['a', 'a', 'b', 'b'].map(zone => region + zone));
    });

    it(`${region}: endpoints for secretsmanager, lambda and rds, and no others`, () => {
      const endpoints = ofType(template, 'AWS::EC2::VPCEndpoint');
      assert.deepEqual(endpoints.map(r => r.Properties.ServiceName).sort(),
        ['lambda', 'rds', 'secretsmanager'].map(name => `com.amazonaws.${region}.${name}`));
      for (const { Properties } of endpoints) {
        assert.equal(Properties.VpcEndpointType, 'Interface');
        assert.equal(Properties.PrivateDnsEnabled, true);
        assert.equal(Properties.SubnetIds.length, 2);
      }
    });

    it(`${region}: the database takes 5432 from both VPCs and opens no connection`, () => {
      const { Properties } = group(/^PostgreSQL/);
      assert.deepEqual(rules(Properties.SecurityGroupIngress),
        ['tcp 5432-5432 10.0.0.0/16', 'tcp 5432-5432 10.1.0.0/16']);
      assert.deepEqual(rules(Properties.SecurityGroupEgress), nothing);
    });

    it(`${region}: functions reach 5432 in both VPCs and HTTPS in their own; nobody reaches them`, () => {
      const { Properties } = group(/^Functions/);
      assert.deepEqual(rules(Properties.SecurityGroupEgress),
        [`tcp 443-443 ${cidr[region]}`, 'tcp 5432-5432 10.0.0.0/16', 'tcp 5432-5432 10.1.0.0/16']);
      assert.equal(Properties.SecurityGroupIngress, undefined);
    });

    it(`${region}: the endpoints take HTTPS from their own VPC`, () => {
      const { Properties } = group(/^AWS APIs/);
      assert.deepEqual(rules(Properties.SecurityGroupIngress), [`tcp 443-443 ${cidr[region]}`]);
    });

    it(`${region}: no rule is a resource of its own or names a security group`, () => {
      assert.deepEqual(ofType(template, 'AWS::EC2::SecurityGroupIngress'), []);
      assert.deepEqual(ofType(template, 'AWS::EC2::SecurityGroupEgress'), []);
      assert.ok(!JSON.stringify(template).includes('SourceSecurityGroupId'));
    });

    it(`${region}: all traffic is in a flow log, encrypted, with an end of retention`, () => {
      const log = only(template, 'AWS::EC2::FlowLog');
      assert.equal(log.Properties.TrafficType, 'ALL');
      const group = template.Resources[log.Properties.LogGroupName.Ref]!;
      assert.equal(group.Properties.RetentionInDays, 30);
      assert.ok(group.Properties.KmsKeyId);
    });

    it(`${region}: every route table leads to ${peer}'s VPC over the peering connection`, () => {
      const routes = region === 'us-west-2' ? template : app.template(STACKS.routes);
      const tables = Object.keys(template.Resources)
        .filter(id => template.Resources[id]!.Type === 'AWS::EC2::RouteTable');
      const led = ofType(routes, 'AWS::EC2::Route').map(({ Properties }) => {
        assert.equal(Properties.DestinationCidrBlock, cidr[peer]);
        assert.match(flat(Properties.VpcPeeringConnectionId), /PeeringConnection/);
        return flat(Properties.RouteTableId);
      });
      assert.equal(led.length, tables.length);
      for (const table of tables) {
        assert.equal(led.filter(one => one.includes(table)).length, 1, table);
      }
    });
  }

  it('the secondary asks for the peering connection with the VPC in us-east-1', () => {
    const { Properties } = only(app.secondary, 'AWS::EC2::VPCPeeringConnection');
    assert.equal(Properties.PeerRegion, 'us-east-1');
    assert.match(flat(Properties.PeerVpcId), /^<AuroraGlobalPrimaryStack in us-east-1: .*Vpc/);
    assert.match(flat(Properties.VpcId), /^<NetworkVpc/);
  });

  it('three zones on demand', () => {
    const { primary } = Synthesized.under({ zones: 'a,c,d' });
    const zones = ofType(primary, 'AWS::EC2::Subnet').map(r => r.Properties.AvailabilityZone);
    assert.deepEqual([...new Set(zones)].sort(), ['us-east-1a', 'us-east-1c', 'us-east-1d']);
  });

  it('a third zone later leaves the subnets of the first two where they are', () => {
    const ranges = (zones: string) => Object.fromEntries(
      Object.entries(Synthesized.under({ zones }).primary.Resources)
        .filter(([, r]) => r.Type === 'AWS::EC2::Subnet')
        .map(([id, r]) => [id, r.Properties.CidrBlock]));
    const three = ranges('a,b,c');
    for (const [id, range] of Object.entries(ranges('a,b'))) assert.equal(three[id], range, id);
  });
});
