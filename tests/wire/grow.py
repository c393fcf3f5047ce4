"""Requests grown from AWS's models by AWS's own serializers, and spoilt afterwards.

The models, serializers and parsers are botocore's; one that is too old for CBOR (Debian's) has ours
in their place. What comes of a seed is always the same, by the same botocore.
"""

import datetime
import json
import re
import struct
from typing import NamedTuple
from urllib.parse import urlencode

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceModel
from botocore.parsers import PROTOCOL_PARSERS
from botocore.serialize import SERIALIZERS

# A service as its credential scope names it: its model, the protocols that clients speak to it.
SURFACES = {
    "rds": ("rds", ["query"]),
    "lambda": ("lambda", ["rest-json"]),
    "monitoring": ("cloudwatch", ["smithy-rpc-v2-cbor", "json", "query"]),
    "logs": ("logs", ["json"]),
    "secretsmanager": ("secretsmanager", ["json"]),
    "kms": ("kms", ["json"]),
    "sts": ("sts", ["query"]),
    "cloudformation": ("cloudformation", ["query"]),
    "apigateway": ("apigateway", ["rest-json"]),
    "sqs": ("sqs", ["json", "query"]),
    "ssm": ("ssm", ["json"]),
    "s3": ("s3", ["rest-xml"]),
    "iam": ("iam", ["query"]),
    "ec2": ("ec2", ["ec2"]),
}
# What botocore has to know of a service in JSON where it is too old to.
IN_JSON = {"monitoring": {"jsonVersion": "1.0", "targetPrefix": "GraniteServiceVersion20100801"},
           "sqs": {"jsonVersion": "1.0", "targetPrefix": "AmazonSQS"}}
# What would move or end the only writer, or start servers by the dozen, is asked for nobody.
FOR_NOBODY = {"SwitchoverGlobalCluster", "FailoverGlobalCluster", "RemoveFromGlobalCluster",
              "DeleteGlobalCluster", "DeleteDBCluster", "DeleteDBInstance", "CreateDBCluster",
              "CreateDBInstance", "ModifyDBCluster", "ModifyDBInstance", "ModifyGlobalCluster",
              "CreateGlobalCluster"}
TOKEN = re.compile(r"[!#-'*+\-.^-z|~\w]+", re.ASCII)
PIECES = ["a", "B", "9", "-", "_", ".", "/", ":", " ", "us-east-1", "\n", "\t", "ä", '"', "'", "<",
          "&", "%", "\\", "alias/", "arn:aws:", "$LATEST", "\U0001f600", "\x00", "\x7f", "=", "+"]
# So that many requests get beyond the first look at them.
NAMED = {"SecretId": "fuzz/secret", "AliasName": "alias/fuzz", "FunctionName": "echo",
         "Qualifier": "$LATEST", "logGroupName": "/aws/lambda/echo", "Namespace": "Fuzz",
         "MetricName": "M", "Stat": "Average", "Engine": "aurora-postgresql", "KeySpec": "AES_256",
         "Bucket": "fuzz", "Key": "a/b c", "QueueName": "fuzz", "Name": "/fuzz",
         "QueueUrl": "http://127.0.1.1:4566/123456789012/fuzz", "RoleName": "fuzz",
         "VersionStage": "AWSCURRENT", "SecretString": "x", "ExtendedStatistics": "p99",
         "TemplateBody": """
Parameters: {P: {Type: String, Default: p, AllowedValues: [p, q]}}
Conditions: {C: !Equals [!Ref P, p]}
Resources: {R: {Type: AWS::IAM::Role, Properties: {RoleName: !If [C, !Sub "${P}-r", r]}}}
"""}
KNOWN = ["aurora-postgresql", "15.18", "us-west-2", "/aws/lambda/echo", "Fuzz", "Average", "p99",
         "rate", "echo", "fuzz/secret", "alias/fuzz", "arn:aws:kms:us-east-1:123456789012:key/x",
         '{"username":"u","password":"p"}', "absent", "7", "-99", "b/-1", "f/7",
         "9223372036854775807"]


class Request(NamedTuple):
    service: str
    operation: str
    protocol: str
    method: str
    target: str
    headers: list  # Of (name, value).
    body: bytes


class Grower:
    """`named`: member -> a value that the platform answers to. `keys`: of its credentials."""

    def __init__(self, session, served, named, keys):
        self.named = NAMED | named
        self.known = KNOWN + list(named.values())
        self.credentials = Credentials(*keys)
        self.models, self.writers, self.parsers = {}, {}, {}
        loader = session.get_component("data_loader")
        for service, (name, protocols) in SURFACES.items():
            description = loader.load_service_model(name, "service-2")
            for protocol in protocols:
                metadata = {**description["metadata"], "protocol": protocol}
                metadata.update(IN_JSON.get(service, {}))
                self.models[service, protocol] = ServiceModel(
                    {**description, "metadata": metadata}, name)
        for protocol in {one for _, protocols in SURFACES.values() for one in protocols}:
            self.writers[protocol] = SERIALIZERS.get(protocol, CborWriter)()
            self.parsers[protocol] = PROTOCOL_PARSERS.get(protocol, CborParser)()
        self.operations = [(service, operation) for service, operation in served
                           if (service, SURFACES[service][1][0]) in self.models]

    # ---- values

    def text(self, rng, most=300):
        most = int(min(most, 70_000))
        length = most if rng.random() < 0.02 else min(most, rng.randrange(12))
        made = ""
        while len(made) < length:
            made += rng.choice(PIECES)
        return made[:most]

    def value(self, rng, shape, depth=0, name="", nobody=False):
        kind = shape.type_name
        if kind == "structure":
            made = {}
            for member, inner in shape.members.items():
                wanted = member in shape.required_members and rng.random() < 0.97
                if depth < 7 and (wanted or rng.random() < (0.2 if depth == 0 else 0.4)):
                    made[member] = self.value(rng, inner, depth + 1, member, nobody)
            return made
        if kind == "list":
            count = 300 if rng.random() < 0.003 else rng.randrange(4)
            return [self.value(rng, shape.member, depth + 1, name, nobody)
                    for _ in range(count if depth < 7 else 0)]
        if kind == "map":
            return {self.text(rng, 20): self.value(rng, shape.value, depth + 1, name, nobody)
                    for _ in range(rng.randrange(3))}
        if kind == "string":
            if nobody and "Identifier" in name:
                return "absent"
            if name in self.named and rng.random() < 0.8:
                return self.named[name]
            if shape.enum and rng.random() < 0.95:
                return rng.choice(shape.enum)
            if rng.random() < 0.6:
                return rng.choice(self.known)
            return self.text(rng, shape.metadata.get("max", 300))
        if kind == "blob":
            return self.text(rng, 60).encode()
        if kind == "boolean":
            return rng.random() < 0.5
        if kind in ("integer", "long"):
            low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 1000)
            return rng.choice([low, high, low - 1, high + 1, rng.randint(low, min(high, low + 999))])
        if kind in ("float", "double"):
            return rng.choice([0.0, -1.5, 1e308, rng.random() * 1e6, 3])
        return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) \
            - datetime.timedelta(seconds=rng.randrange(100_000))

    def spoil(self, rng, at):
        """Another type, size or name somewhere in it."""
        if isinstance(at, (dict, list)) and at and rng.random() < 0.75:
            keys = list(at) if isinstance(at, dict) else range(len(at))
            key = rng.choice(list(keys))
            at[key] = self.spoil(rng, at[key])
            return at
        deep = []
        for _ in range(rng.choice((3, 60, 2000))):
            deep = [deep]
        return rng.choice([None, [], {self.text(rng, 5): 1}, -1, 2 ** 64 - 1, 2 ** 70, 1e308,
                           "x" * rng.randrange(100_000), "", True, self.text(rng, 30),
                           [at, at, None], {"__type": at}, deep])

    # ---- requests

    def request(self, rng):
        service, operation = rng.choice(self.operations)
        protocol = rng.choice(SURFACES[service][1])
        model = self.models[service, protocol].operation_model(operation)
        nobody = operation in FOR_NOBODY
        given = self.value(rng, model.input_shape, nobody=nobody) if model.input_shape else {}
        if service == "lambda" and rng.random() < 0.5:
            given["Payload"] = json.dumps({"say": self.text(rng, 40)}).encode()
        try:
            made = self.writers[protocol].serialize_to_request(given, model)
        except Exception:  # pylint: disable=broad-except  # Whatever the SDK raises.
            made = self.written(given, model, protocol)
        method, target = made["method"], made["url_path"]
        headers, body = [(name, str(value)) for name, value in made["headers"].items()], made["body"]
        spoils = 0 if nobody or rng.random() < 0.5 else rng.randrange(1, 3)
        if protocol in ("query", "ec2"):
            pairs = list(body.items())
            for _ in range(spoils):
                pairs = self.spoil_form(rng, pairs)
            body = urlencode(pairs).encode()
            if rng.random() < 0.02:
                method, target, body = "GET", f"/?{body.decode()}", b""
        elif protocol == "json":
            tree = json.loads(body)
            for _ in range(spoils):
                tree = self.spoil(rng, tree)
            body = json.dumps(tree).encode()
        elif protocol in ("rest-json", "rest-xml"):
            query = made["query_string"]
            if query:
                pairs = list(query.items() if isinstance(query, dict) else query)
                for _ in range(spoils):
                    spoiled = self.spoil_form(rng, pairs)
                    # S3 knows an operation by the names of its parameters: these stay.
                    if protocol == "rest-xml":
                        spoiled = [(name, value) for (name, _), (_, value) in zip(pairs, spoiled)
                                   ] + [one for one in spoiled if one not in pairs]
                    pairs = spoiled
                target += "?" + urlencode(pairs, doseq=True)
        elif spoils:
            tree = plain(given)
            for _ in range(spoils):
                tree = self.spoil(rng, tree)
            body = cbor(tree)
        if isinstance(body, str):
            body = body.encode()
        body = body or b""
        if rng.random() < 0.1 and not nobody:
            body = damaged(rng, body)
        headers = [one for one in headers if one[0].lower() not in ("content-length", "host")
                   and one[1].isascii() and one[1].isprintable() and TOKEN.fullmatch(one[0])]
        return Request(service, operation, protocol, method, target, headers, body)

    def written(self, given, model, protocol):
        """By the SDK's serializer; without what it cannot write: an empty label, a huge number."""
        members = model.input_shape.members if model.input_shape else {}
        kept = {name: "absent" for name, member in members.items()
                if member.serialization.get("location") == "uri"}
        for name, value in given.items():
            try:
                self.writers[protocol].serialize_to_request({**kept, name: value}, model)
                kept[name] = value
            except Exception:  # pylint: disable=broad-except  # Whatever the SDK raises.
                continue
        return self.writers[protocol].serialize_to_request(kept, model)

    def spoil_form(self, rng, pairs):
        if not pairs:
            return [(self.text(rng, 10), self.text(rng, 10))]
        at = rng.randrange(len(pairs))
        name, value = pairs[at]
        if name in ("Action", "Version") and rng.random() < 0.9:
            return pairs
        pairs[at] = rng.choice([
            (name, ""), (name, self.text(rng, 60)), (name + ".1", value), (name + ".member.0", value),
            (name + ".member.99999999999", value), (name.rsplit(".", 1)[0], value),
            (name, "-1"), (name, "18446744073709551615"), (name, "1e400"), (name, "true"),
            (name + "." * 300, value), (self.text(rng, 12), value)])
        return pairs

    # ---- signatures and answers

    def signed(self, request, host, region):
        """The headers to send; the signature is of exactly this body."""
        target = request.target if request.target.startswith("/") else "/"
        message = AWSRequest(request.method, f"http://{host}{target}",
                             headers=dict(request.headers), data=request.body)
        # S3's clients sign the path as it is, and say the hash of the body.
        auth = S3SigV4Auth if request.service == "s3" else SigV4Auth
        auth(self.credentials, request.service, region).add_auth(message)
        return [("Host", host), *message.headers.items()]

    def parsed(self, request, status, headers, body):
        """What the SDK makes of an answer. Raises what the SDK raises."""
        model = self.models[request.service, request.protocol].operation_model(request.operation)
        shape = model.output_shape
        return self.parsers[request.protocol].parse(
            {"status_code": status, "headers": headers, "body": body, "context": {
                "operation_name": request.operation}}, shape)


def damaged(rng, body):
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(body) + 1)
        body = rng.choice([body[:at], body[:at] + bytes([rng.randrange(256)]) + body[at + 1:],
                           body[:at] + bytes([rng.randrange(256)]) + body[at:], body + body[at:]])
        body = body[:1_000_000]
    return body


def plain(value):
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


class CborWriter:
    """RPC v2 CBOR, in place of the SDK's."""

    def serialize_to_request(self, given, model):
        return {"method": "POST", "url_path": f"/service/{IN_JSON['monitoring']['targetPrefix']}/operation/"
                                             f"{model.name}",
                "headers": {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor",
                            "accept": "application/cbor"}, "body": cbor(plain(given))}


class CborParser:
    def parse(self, response, shape):
        value, rest = read_cbor(response["body"]) if response["body"] else ({}, b"")
        if rest or not isinstance(value, dict):
            raise ValueError("no CBOR of one map")
        if response["status_code"] < 400:
            return value
        return {"Error": {"Code": value["__type"].split("#")[-1], "Message": value["message"]}}


def read_cbor(text):
    """The first value, and what follows it. Definite lengths, as a region writes them."""
    major, small, text = text[0] >> 5, text[0] & 31, text[1:]
    number = small
    if small in (24, 25, 26, 27):
        size = 1 << (small - 24)
        number, text = int.from_bytes(text[:size], "big"), text[size:]
        if major == 7 and small > 25:
            return struct.unpack("!f" if size == 4 else "!d", number.to_bytes(size, "big"))[0], text
    elif small > 27:
        raise ValueError(f"no length: {small}")
    if major in (0, 1):
        return (number if major == 0 else -1 - number), text
    if major in (2, 3):
        if len(text) < number:
            raise ValueError("a string is cut off")
        return (text[:number] if major == 2 else text[:number].decode()), text[number:]
    if major in (4, 5):
        values = []
        for _ in range(number * (major - 3)):
            value, text = read_cbor(text)
            values.append(value)
        return (values if major == 4 else dict(zip(values[::2], values[1::2]))), text
    if major == 6:
        return read_cbor(text)
    return {20: False, 21: True, 22: None}[small], text


def head(major, number):
    for code, limit, form in ((24, 2 ** 8, "!B"), (25, 2 ** 16, "!H"), (26, 2 ** 32, "!I"),
                              (27, 2 ** 64, "!Q")):
        if number < 24:
            return bytes([major << 5 | number])
        if number < limit:
            return bytes([major << 5 | code]) + struct.pack(form, number)
    return head(major, 2 ** 64 - 1)


def cbor(value):
    """RFC 8949, of whatever tree: the SDK's own writer wants values of the model's types."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack("!d", value)
    if isinstance(value, datetime.datetime):
        return b"\xc1" + cbor(value.timestamp())
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(name) + cbor(one) for name, one in value.items())

