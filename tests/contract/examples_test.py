"""The examples in AWS's own models, asked of a region: each is answered with the members that the
example shows, or refused by name.

They are read from botocore (examples-1.json). Names of keys are exchanged for those of keys that are
there; nothing else is changed.
"""

import configparser
import json
import unittest

import botocore.exceptions
import botocore.session

from lib.platform import EAST, PlatformTest

# In this order one makes what the next one needs.
ORDER = {
    "sts": "GetCallerIdentity",
    "secretsmanager": """CreateSecret UpdateSecretVersionStage TagResource GetSecretValue
        DescribeSecret ListSecrets PutSecretValue UpdateSecret ListSecretVersionIds UntagResource
        RotateSecret""",
    "kms": """CreateKey DescribeKey ListKeys DisableKey EnableKey EnableKeyRotation
        GetKeyRotationStatus DisableKeyRotation TagResource ListResourceTags UntagResource CreateAlias
        ListAliases UpdateAlias GenerateDataKey GenerateDataKeyWithoutPlaintext Encrypt Decrypt
        ReEncrypt DeleteAlias ScheduleKeyDeletion CancelKeyDeletion""",
    "lambda": "ListFunctions GetFunction GetFunctionConfiguration Invoke",
    "rds": """DescribeDBEngineVersions CreateDBCluster DescribeDBClusters ModifyDBCluster
        DeleteDBCluster CreateDBInstance DescribeDBInstances ModifyDBInstance DeleteDBInstance
        DescribeEvents ListTagsForResource""",
}
# A part of an example's id -> the code that it is refused with here.
REFUSED = {
    "secretsmanager/to-configure-rotation": "InvalidParameterException",  # By a function.
    "secretsmanager/to-request-an-immediate-rotation": "InvalidRequestException",  # No user's.
    "kms/to-create-an-asymmetric-rsa": "UnsupportedOperationException",
    "kms/to-create-an-asymmetric-elliptic": "UnsupportedOperationException",
    "kms/to-create-a-multi-region": "UnsupportedOperationException",
    "kms/to-create-a-kms-key-for-imported": "UnsupportedOperationException",
    "kms/to-create-a-kms-key-in-a-custom": "UnsupportedOperationException",
    "kms/to-create-an-hmac": "UnsupportedOperationException",
    "kms/to-get-details-about-a-multi-region": "NotFoundException",  # Of another region.
    "lambda/to-get-a-lambda-function": "ResourceNotFoundException",  # Version 1: only $LATEST is.
    "lambda/to-invoke-a-lambda-function": "ResourceNotFoundException",
    "rds/create-db-cluster": "InvalidParameterValue",  # MySQL, as all that follow.
    "rds/describe-db-clusters": "DBClusterNotFoundFault",
    "rds/modify-db-cluster": "InvalidParameterValue",
    "rds/delete-db-cluster": "DBClusterNotFoundFault",
    "rds/create-db-instance": "MissingParameter",
    "rds/describe-db-instances": "DBInstanceNotFound",
    "rds/modify-db-instance": "InvalidParameterValue",
    "rds/delete-db-instance": "DBInstanceNotFound",
    "rds/list-tags-for-resource": "DBClusterNotFoundFault",
}
# What an example shows and a region does not have.
NOT_HERE = {
    "DescribeSecret.RotationLambdaARN", "DescribeSecret.RotationRules",
    "DescribeSecret.LastRotatedDate", "DescribeSecret.LastAccessedDate", "DescribeSecret.KmsKeyId",
    "ListSecretVersionIds.Versions[].VersionStages",  # The first one has no label any more.
    "DescribeKey.KeyMetadata.SigningAlgorithms", "DescribeKey.KeyMetadata.MacAlgorithms",
    "ListFunctions.NextMarker", "ListFunctions.Functions[].TracingConfig",
    "ListFunctions.Functions[].RevisionId",
}
BOOTSTRAP = '''#!/usr/bin/python3
import os, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(API + "next") as answer:
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(urllib.request.Request(f"{API}{request_id}/response", b'"200 SUCCESS"'))
'''


class Examples(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.platform.region_dir(EAST) / "functions"
        (folder / "code-mine").mkdir()
        bootstrap = folder / "code-mine" / "bootstrap"
        bootstrap.write_text(BOOTSTRAP)
        bootstrap.chmod(0o755)
        (folder / "my-function.toml").write_text(f'code = "{bootstrap.parent}"\nmemory_mb = 256\n')
        keys = configparser.ConfigParser()
        keys.read(cls.platform.home / "credentials")
        section = keys[keys.sections()[0]]
        cls.session = botocore.session.Session()
        cls.options = {"endpoint_url": f"http://{cls.platform.prefix.text}.1.1:4566",
                       "aws_access_key_id": section["aws_access_key_id"],
                       "aws_secret_access_key": section["aws_secret_access_key"]}
        kms = cls.client("kms")
        first, second = (kms.create_key()["KeyMetadata"] for _ in range(2))
        cls.names = {
            "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab":
                first["Arn"],
            "arn:aws:kms:us-west-2:123456789012:key/EXAMPLE2-90ab-cdef-fedc-ba987EXAMPLE":
                first["Arn"],
            "1234abcd-12ab-34cd-56ef-1234567890ab": first["KeyId"],
            "0987dcba-09fe-87dc-65ba-ab0987654321": second["KeyId"],
            "MyExampleSecret": "MyTestDatabaseSecret"}
        cls.ciphertext = None

    @classmethod
    def client(cls, service):
        return cls.session.create_client(service, EAST, **cls.options)

    def given(self, value):
        if isinstance(value, dict):
            return {name: self.given(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.given(one) for one in value]
        return self.names.get(value, value) if isinstance(value, str) else value

    def ask(self, client, operation, example):
        given = self.given(example.get("input") or {})
        if operation in ("Decrypt", "ReEncrypt"):
            given["CiphertextBlob"] = self.ciphertext
        method = next(name for name, known in client.meta.method_to_api_mapping.items()
                      if known == operation)
        answer = getattr(client, method)(**given)
        if operation == "CreateSecret":  # The version that a label is moved to.
            client.put_secret_value(
                SecretId=given["Name"], SecretString="next", VersionStages=["NEXT"],
                ClientRequestToken="EXAMPLE2-90ab-cdef-fedc-ba987SECRET2")
        self.ciphertext = answer.get("CiphertextBlob", self.ciphertext)
        return answer

    def missing(self, shown, told, path):
        """What the example shows, and the answer does not have. Versions have other ids."""
        if path.endswith("ToStages"):
            return
        if isinstance(shown, dict) and isinstance(told, dict):
            for name, one in shown.items():
                if name in told:
                    yield from self.missing(one, told[name], f"{path}.{name}")
                else:
                    yield f"{path}.{name}"
        elif isinstance(shown, list) and isinstance(told, list) and shown:
            if not told:
                yield f"{path}[0]"
            for one in told[:1]:
                yield from self.missing(shown[0], one, f"{path}[]")

    def test_each_example(self):
        seen = set()
        for service, order in ORDER.items():
            client = self.client(service)
            examples = json.loads(json.dumps(self.session.get_component("data_loader").load_data(
                f"{service}/{client.meta.service_model.api_version}/examples-1")))["examples"]
            for operation in order.split():
                for example in examples[operation]:
                    name = f"{service}/{example['id']}"
                    with self.subTest(example=name):
                        seen |= {part for part in REFUSED if part in name}
                        seen |= self.check(client, operation, example, name)
        self.assertEqual(seen, set(REFUSED) | set(NOT_HERE), "of the tables above")

    def check(self, client, operation, example, name):
        expected = next((code for part, code in REFUSED.items() if part in name), None)
        try:
            answer = self.ask(client, operation, example)
        except botocore.exceptions.ClientError as error:
            self.assertEqual(expected, error.response["Error"]["Code"], error)
            self.assertLess(error.response["ResponseMetadata"]["HTTPStatusCode"], 500, error)
            return set()
        self.assertIsNone(expected, f"was answered: {answer}")
        missing = set(self.missing(example.get("output") or {}, answer, operation))
        self.assertLessEqual(missing, set(NOT_HERE), answer)
        return missing


if __name__ == "__main__":
    unittest.main()
