"""Goal: the tables of resource types say what AWS's own schemas say.

Method: the validator that aws-cdk-lib bundles is asked for every property that a table has.
"""

import json
import pathlib
import re
import unittest

from lib.platform import PROGRAM, run

SCRIPT = pathlib.Path(__file__).resolve().parent / "constructs" / "schemas.mjs"
ROW = re.compile(r"^\| `([A-Za-z0-9]+)` \| (.*?) \| (.*?) \| (.*?) \|", re.MULTILINE)

ANY_PROPERTY = {"Custom::*", "AWS::CloudFormation::CustomResource"}
# Where AWS's documentation says otherwise than the schema, or the schema has no word for it.
# A change replaces here, and not by the schema: it cannot be made in place.
REPLACES_HERE = {
    ("AWS::ApiGateway::Deployment", "Description"), ("AWS::ApiGateway::Deployment", "StageName"),
    ("AWS::ApiGateway::RestApi", "EndpointConfiguration"),
    ("AWS::ApiGateway::RestApi", "ApiKeySourceType"), ("AWS::EC2::EIP", "Domain"),
    ("AWS::EC2::VPCPeeringConnection", "PeerRoleArn"),
}
# The schema: "may be replaced". The documentation: some values are changed in place.
IN_PLACE_HERE = {
    ("AWS::EC2::SubnetRouteTableAssociation", "RouteTableId"),
    ("AWS::EC2::VPC", "InstanceTenancy"), ("AWS::RDS::DBInstance", "DBParameterGroupName"),
    ("AWS::RDS::DBInstance", "AutoMinorVersionUpgrade"),
    ("AWS::RDS::DBInstance", "BackupRetentionPeriod"), ("AWS::RDS::DBInstance", "MultiAZ"),
    ("AWS::RDS::DBInstance", "PerformanceInsightsKMSKeyId"),
    ("AWS::RDS::DBInstance", "PreferredMaintenanceWindow"),
}
# Required here: what it may be left out for is not here.
REQUIRED_HERE = {
    ("AWS::ApiGateway::RestApi", "Name"), ("AWS::ApiGateway::Stage", "DeploymentId"),
    ("AWS::CloudWatch::Alarm", "ComparisonOperator"),
    ("AWS::CloudWatch::Alarm", "EvaluationPeriods"), ("AWS::EC2::NatGateway", "SubnetId"),
    ("AWS::EC2::VPCEndpoint", "ServiceName"), ("AWS::RDS::DBCluster", "Engine"),
    ("AWS::RDS::DBInstance", "DBClusterIdentifier"),
    ("AWS::RDS::DBInstance", "DBInstanceClass"), ("AWS::RDS::DBInstance", "Engine"),
}


def pairs(by_type):
    return {(kind, name) for kind, names in by_type.items() for name in names}


class Schemas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        tables = run([PROGRAM, "api", "--types"]).stdout
        cls.rows = {}
        for section in tables.split("\n### ")[1:]:
            kind = section.split("\n", 1)[0]
            if kind not in ANY_PROPERTY:
                cls.rows[kind] = ROW.findall(section)
        asked = {kind: [row[0] for row in rows] for kind, rows in cls.rows.items()}
        cls.schema = json.loads(run(["node", SCRIPT], text_in=json.dumps(asked)).stdout)

    def of_tables(self, wanted):
        return {(kind, row[0]) for kind, rows in self.rows.items() for row in rows if wanted(row)}

    def test_every_property_is_one_of_aws(self):
        told = {kind: set(names) for kind, names in self.schema["unknown"].items()}
        self.assertEqual(told, dict.fromkeys(self.rows, {"NoSuchThing"}))

    def test_what_a_change_replaces(self):
        ours = self.of_tables(lambda row: row[2] != "refused" and row[3] != "no")
        refused = self.of_tables(lambda row: row[2] == "refused")
        schema = pairs(self.schema["replaces"]) - refused
        self.assertEqual(ours - schema, REPLACES_HERE)
        self.assertEqual(schema - ours, IN_PLACE_HERE)

    def test_what_is_required(self):
        ours = self.of_tables(lambda row: row[1] == "yes")
        schema = pairs(self.schema["required"])
        self.assertEqual(ours - schema, REQUIRED_HERE)
        self.assertEqual(schema - ours, set())


if __name__ == "__main__":
    unittest.main()
