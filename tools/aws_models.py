#!/usr/bin/env python3
"""Makes the compact service models in src/awsapi/models from botocore's.

    tools/aws_models.py [BOTOCORE_DATA_FOLDER]

The folder is `data` of a botocore 1.43 or newer (default: that of the botocore that Python finds).
botocore's models are Apache-2.0; its LICENSE and NOTICE lie beside what is made of them. Kept are the
operations that a region serves, with their shapes, constraints, locations and errors; documentation
is left out. What is ours alone is added from tools/aws-models/own-members.json, and the names that a
service had in the Query protocol, which its model forgot, from tools/aws-models/query-names.json.
"""

import gzip
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "awsapi" / "models"
QUERY = ROOT / "tools" / "aws-models" / "query-names.json"
OWN = ROOT / "tools" / "aws-models" / "own-members.json"

# By the service's name in a credential scope: its folder in botocore, and the operations served.
SERVED = {
    "rds": ("rds/2014-10-31", """
        CreateGlobalCluster DescribeGlobalClusters ModifyGlobalCluster DeleteGlobalCluster
        RemoveFromGlobalCluster SwitchoverGlobalCluster FailoverGlobalCluster CreateDBCluster
        DescribeDBClusters ModifyDBCluster DeleteDBCluster CreateDBInstance DescribeDBInstances
        ModifyDBInstance DeleteDBInstance RebootDBInstance DescribeDBEngineVersions
        CreateDBSubnetGroup DescribeDBSubnetGroups ModifyDBSubnetGroup DeleteDBSubnetGroup
        CreateDBClusterParameterGroup DescribeDBClusterParameterGroups
        ModifyDBClusterParameterGroup ResetDBClusterParameterGroup DeleteDBClusterParameterGroup
        DescribeDBClusterParameters CreateDBParameterGroup DescribeDBParameterGroups
        ModifyDBParameterGroup ResetDBParameterGroup DeleteDBParameterGroup DescribeDBParameters
        ListTagsForResource AddTagsToResource RemoveTagsFromResource DescribeEvents"""),
    "lambda": ("lambda/2015-03-31", """
        Invoke ListFunctions GetFunction GetFunctionConfiguration CreateFunction UpdateFunctionCode
        UpdateFunctionConfiguration DeleteFunction GetPolicy AddPermission RemovePermission
        PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig GetFunctionEventInvokeConfig
        DeleteFunctionEventInvokeConfig PutFunctionConcurrency DeleteFunctionConcurrency
        GetFunctionConcurrency ListTags TagResource UntagResource"""),
    "monitoring": ("cloudwatch/2010-08-01", """
        PutMetricData GetMetricStatistics GetMetricData ListMetrics PutMetricAlarm DescribeAlarms
        DescribeAlarmHistory DeleteAlarms SetAlarmState EnableAlarmActions DisableAlarmActions
        PutDashboard GetDashboard ListDashboards DeleteDashboards ListTagsForResource TagResource
        UntagResource"""),
    "logs": ("logs/2014-03-28", """
        DescribeLogGroups DescribeLogStreams GetLogEvents FilterLogEvents CreateLogGroup
        DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy CreateLogStream PutLogEvents
        TagResource UntagResource ListTagsForResource AssociateKmsKey DisassociateKmsKey"""),
    "apigateway": ("apigateway/2015-07-09", """
        CreateRestApi GetRestApi GetRestApis UpdateRestApi DeleteRestApi CreateResource GetResource
        GetResources DeleteResource PutMethod GetMethod DeleteMethod PutIntegration GetIntegration
        DeleteIntegration CreateModel GetModel GetModels UpdateModel DeleteModel
        CreateRequestValidator GetRequestValidator GetRequestValidators UpdateRequestValidator
        DeleteRequestValidator CreateDeployment GetDeployment GetDeployments DeleteDeployment
        CreateStage GetStage GetStages UpdateStage DeleteStage GetTags TagResource UntagResource"""),
    "sqs": ("sqs/2012-11-05", """
        CreateQueue DeleteQueue GetQueueUrl GetQueueAttributes SetQueueAttributes SendMessage
        ReceiveMessage DeleteMessage ChangeMessageVisibility PurgeQueue ListQueues TagQueue
        UntagQueue ListQueueTags"""),
    "secretsmanager": ("secretsmanager/2017-10-17", """
        CreateSecret GetSecretValue DescribeSecret ListSecrets PutSecretValue UpdateSecret
        RotateSecret ListSecretVersionIds UpdateSecretVersionStage GetRandomPassword DeleteSecret
        RestoreSecret ReplicateSecretToRegions RemoveRegionsFromReplication PutResourcePolicy
        GetResourcePolicy DeleteResourcePolicy ValidateResourcePolicy TagResource
        UntagResource"""),
    "kms": ("kms/2014-11-01", """
        CreateKey DescribeKey ListKeys EnableKey DisableKey ScheduleKeyDeletion CancelKeyDeletion
        EnableKeyRotation DisableKeyRotation GetKeyRotationStatus GetKeyPolicy PutKeyPolicy
        ListKeyPolicies UpdateKeyDescription TagResource UntagResource
        ListResourceTags CreateAlias UpdateAlias DeleteAlias ListAliases Encrypt Decrypt ReEncrypt
        GenerateDataKey GenerateDataKeyWithoutPlaintext"""),
    "sts": ("sts/2011-06-15", "GetCallerIdentity AssumeRole"),
    "iam": ("iam/2010-05-08", "GetRole"),
    "ec2": ("ec2/2016-11-15", "DescribeAvailabilityZones DescribeRegions"),
    "s3": ("s3/2006-03-01", """
        CreateBucket HeadBucket DeleteBucket ListBuckets GetBucketLocation GetBucketEncryption
        PutBucketEncryption DeleteBucketEncryption GetBucketVersioning PutBucketVersioning
        GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetPublicAccessBlock
        PutPublicAccessBlock DeletePublicAccessBlock GetBucketTagging PutBucketTagging
        DeleteBucketTagging GetBucketLifecycleConfiguration PutBucketLifecycleConfiguration
        DeleteBucketLifecycle ListObjectsV2 ListObjects ListObjectVersions PutObject GetObject
        HeadObject DeleteObject DeleteObjects CopyObject CreateMultipartUpload UploadPart
        CompleteMultipartUpload AbortMultipartUpload ListParts"""),
    "ssm": ("ssm/2014-11-06", """
        PutParameter GetParameter GetParameters GetParametersByPath DeleteParameter DeleteParameters
        DescribeParameters"""),
    "cloudformation": ("cloudformation/2010-05-15", """
        ValidateTemplate GetTemplateSummary CreateChangeSet DescribeChangeSet ExecuteChangeSet
        DeleteChangeSet ListChangeSets CreateStack UpdateStack DeleteStack CancelUpdateStack
        ContinueUpdateRollback RollbackStack UpdateTerminationProtection DescribeStacks ListStacks
        DescribeStackEvents DescribeStackResource DescribeStackResources ListStackResources
        GetTemplate ListExports ListImports"""),
}


def with_query_names(model, query):
    """The model with what the Query protocol calls its members, lists, maps and errors."""
    model["metadata"]["xmlNamespace"] = query["namespace"]
    for operation in model["operations"].values():
        if "output" in operation:
            operation["output"]["resultWrapper"] = operation["name"] + "Result"
    for shape, names in query["names"].items():
        for name, wire in names.items():
            given = model["shapes"][shape]
            given.get("members", {}).get(name, given.get(name, {}))["locationName"] = wire
    for shape, (code, status) in query["errors"].items():
        model["shapes"][shape]["error"] = {"code": code, "httpStatusCode": status}
    return model


class Service:
    """One service's model, cut down to some operations and what they need."""

    def __init__(self, model, operations, own):
        self.model, self.shapes, self.own = model, {}, own
        about = model["metadata"]
        self.is_ec2 = about["protocol"] == "ec2"
        self.out = {
            "version": about["apiVersion"],
            "protocols": about.get("protocols", [about["protocol"]]),
            "namespace": about.get("xmlNamespace") or namespace_of(model, operations),
            "target": about.get("targetPrefix", about["serviceId"].replace(" ", "")),
            "json": about.get("jsonVersion", ""),
            "operations": {name: self.operation(name) for name in operations},
        }
        self.out["shapes"] = dict(sorted(self.shapes.items()))

    def operation(self, name):
        """Input, output, where it is asked for, which errors it knows."""
        given = self.model["operations"][name]
        made = {"http": [given["http"]["method"], given["http"]["requestUri"]]}
        if given["http"].get("responseCode", 200) != 200:
            made["status"] = given["http"]["responseCode"]
        if "input" in given:
            made["in"] = self.shape(given["input"]["shape"])
        if "output" in given:
            made["out"] = self.shape(given["output"]["shape"])
            if "resultWrapper" in given["output"]:
                made["wrap"] = given["output"]["resultWrapper"]
        errors = {}
        for one in given.get("errors", []):
            about = self.model["shapes"][one["shape"]].get("error", {})
            errors[one["shape"]] = [about.get("code", one["shape"]),
                                    about.get("httpStatusCode", 400)]
        if errors:
            made["errors"] = errors
        return made

    def member(self, given):
        """Shape, and only where they say something: wire name, location."""
        made = {"s": self.shape(given["shape"])}
        for key, short in (("locationName", "n"), ("location", "l"), ("queryName", "q")):
            if key in given:
                made[short] = given[key]
        return made

    def shape(self, name):
        """Adds a shape and what it is made of; returns its name."""
        if name in self.shapes:
            return name
        given = self.model["shapes"][name]
        kind = given["type"]
        made = self.shapes[name] = {"t": {"character": "string"}.get(kind, kind)}
        for key, short in (("min", "min"), ("max", "max"), ("pattern", "p"), ("enum", "e"),
                           ("flattened", "f"), ("sensitive", "x"), ("payload", "payload")):
            if key in given:
                made[short] = given[key]
        if kind == "structure":
            members = dict(given["members"])
            made["m"] = {key: self.member(value) for key, value in members.items()}
            for key, value in self.own.get(name, {}).items():
                made["m"][key] = {"s": f"Own{key}"}
                self.shapes[f"Own{key}"] = value
            if given.get("required"):
                made["r"] = given["required"]
        elif kind == "list":
            made["m"] = self.member(given["member"])
            if self.is_ec2:
                made["qf"] = True  # Lists in requests of EC2 are always flat.
        elif kind == "map":
            made["k"], made["v"] = self.member(given["key"]), self.member(given["value"])
        return name


def namespace_of(model, operations):
    """REST-XML names it where a payload is, the others nowhere."""
    for name in operations:
        given = model["operations"][name].get("input", {})
        for member in model["shapes"].get(given.get("shape"), {}).get("members", {}).values():
            if "xmlNamespace" in member:
                return member["xmlNamespace"]["uri"]
    return ""


def load(folder):
    """The model in a folder of botocore's."""
    for name in ("service-2.json.gz", "service-2.json"):
        file = folder / name
        if file.exists():
            return json.loads((gzip.open if name.endswith("gz") else open)(file, "rb").read())
    sys.exit(f"aws_models.py: there is no service-2.json in {folder}")


def main():
    if len(sys.argv) > 1:
        data = pathlib.Path(sys.argv[1])
    else:
        import botocore  # pylint: disable=import-outside-toplevel
        data = pathlib.Path(botocore.__file__).parent / "data"
    own, query = json.loads(OWN.read_text()), json.loads(QUERY.read_text())
    TARGET.mkdir(exist_ok=True)
    for service, (folder, names) in SERVED.items():
        model = load(data / folder)
        if service in query:
            model = with_query_names(model, query[service])
        made = Service(model, names.split(), own.get(service, {})).out
        text = json.dumps(made, indent=None, separators=(",", ":"), ensure_ascii=True)
        # One shape and one operation a line: a new version of a model is read as a diff.
        text = text.replace('"operations":{', '\n"operations":{\n').replace('"shapes":{',
                                                                          '\n"shapes":{\n')
        for name in list(made["operations"])[1:] + list(made["shapes"])[1:]:
            text = text.replace(f',"{name}":{{"http"', f',\n"{name}":{{"http"')
            text = text.replace(f',"{name}":{{"t"', f',\n"{name}":{{"t"')
        assert json.loads(text) == made, service
        (TARGET / f"{service}.json").write_text(text + "\n")
        print(f"{service}: {len(made['operations'])} operations, {len(made['shapes'])} shapes")


if __name__ == "__main__":
    main()
