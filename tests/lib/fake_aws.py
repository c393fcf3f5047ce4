"""The programs that deploy.sh and destroy.sh call, in front of an account that is a dictionary.

Each program is a few lines of bash that hand their arguments to this process over loopback and print
its answer. Every call is logged. A call that the account does not know, or an option that the action
does not take, is logged as unexpected and fails: nothing is answered on a guess. Answers have the
shape of AWS's, and --query is applied by the library that the AWS CLI uses.
"""

import copy
import json
import pathlib
import socketserver
import threading

import jmespath

EAST, WEST = "us-east-1", "us-west-2"
ACCOUNT = "123456789012"

STUB = """#!/bin/bash
exec 3<>"/dev/tcp/127.0.0.1/{port}"
printf '%s\\0' "$(($# + 2))" "${{0##*/}}" "$PWD" "$@" >&3
IFS= read -r -u 3 code
IFS= read -r -d '' -u 3 answer
if [ "$code" = 0 ]; then printf '%s' "$answer"; else printf '%s' "$answer" >&2; fi
exit "$code"
"""


def fresh_world():
    return {
        "calls": [], "unexpected": [], "failing_calls": [],
        "credentials": True, "old_cli": False, "node_version": "v20.20.2",
        "bundle": "-----BEGIN CERTIFICATE-----\n", "bootstrap": {EAST: "32", WEST: "32"},
        "stacks": [], "global_clusters": {}, "clusters": {EAST: {}, WEST: {}},
        "secrets": {EAST: {}, WEST: {}}, "keys": {EAST: {}, WEST: {}}, "log_groups": {EAST: [], WEST: []},
        "functions": {EAST: [], WEST: []}, "wrong_context": "", "deployments_without_stack": [],
        "synthesis_fails": False,
        "deployments_that_fail": [], "deletions_that_fail": [],
        "deletions_that_take": {},  # By stack: how often it is asked before it has come to its end.
        "never_switches": False,
    }


class Unexpected(Exception):
    """No script of ours makes such a call."""


class ProgramFailed(Exception):
    """Of a program that is not the AWS CLI."""


class AwsError(Exception):
    def __init__(self, code, action, message):
        super().__init__(f"\nAn error occurred ({code}) when calling the {action} operation: {message}")


def text(value):
    """The AWS CLI's --output text."""
    if isinstance(value, list):
        if any(isinstance(item, list) for item in value):
            return "\n".join(text(item) for item in value)
        return "\t".join(text(item) for item in value)
    return str(value)


def find_stack(world, region, name):
    """By name the one that is there; by ARN a deleted one, too."""
    for stack in world["stacks"]:
        if stack["StackId"] == name or (stack["StackName"] == name and stack["Region"] == region and
                                        stack["StackStatus"] != "DELETE_COMPLETE"):
            return stack
    raise AwsError("ValidationError", "DescribeStacks", f"Stack with id {name} does not exist")


def describe_stacks(world, region, stack_name):
    stack = find_stack(world, region, stack_name)
    answer = copy.deepcopy(stack)
    left = world["deletions_that_take"].get(stack["StackName"], 1)
    if stack["StackStatus"] == "DELETE_IN_PROGRESS" and left > 1:
        world["deletions_that_take"][stack["StackName"]] = left - 1
    elif stack["StackStatus"] == "DELETE_IN_PROGRESS":  # Has come to its end when it is asked again.
        fails = stack["StackName"] in world["deletions_that_fail"]
        stack["StackStatus"] = "DELETE_FAILED" if fails else "DELETE_COMPLETE"
        stack["DeletionTime"] = f"2026-01-01T00:{len(world['stacks']):02}:00+00:00"
        for resource in stack["Resources"]:
            if fails:
                resource.update(ResourceStatus="DELETE_FAILED", ResourceStatusReason="it is in use")
            else:
                resource["ResourceStatus"] = "DELETE_SKIPPED" if resource["Retain"] else "DELETE_COMPLETE"
    return {"Stacks": [answer]}


def describe_stack_resources(world, region, stack_name):
    return {"StackResources": find_stack(world, region, stack_name)["Resources"]}


def list_stacks(world, region, stack_status_filter):
    return {"StackSummaries": [stack for stack in world["stacks"]
                               if stack["Region"] == region and stack["StackStatus"] == stack_status_filter]}


def delete_stack(world, region, stack_name):
    find_stack(world, region, stack_name)["StackStatus"] = "DELETE_IN_PROGRESS"
    return {}


def describe_global_clusters(world, _region, global_cluster_identifier):
    cluster = world["global_clusters"].get(global_cluster_identifier)
    if cluster is None:
        raise AwsError("GlobalClusterNotFoundFault", "DescribeGlobalClusters",
                       f"Global Cluster {global_cluster_identifier} not found")
    answer = {"GlobalClusters": [copy.deepcopy(cluster)]}
    if cluster.get("then"):  # What later calls find, one each.
        cluster.update(cluster["then"].pop(0))
    return answer


def switch_over(world, region, global_cluster_identifier, target_db_cluster_identifier):
    cluster = world["global_clusters"][global_cluster_identifier]
    old = next(member for member in cluster["GlobalClusterMembers"] if member["IsWriter"])
    if region != old["DBClusterArn"].split(":")[3]:
        raise AwsError("InvalidGlobalClusterStateFault", "SwitchoverGlobalCluster", "not the primary's region")
    moved = [{"DBClusterArn": member["DBClusterArn"], "SynchronizationStatus": "pending-resync",
              "IsWriter": member["DBClusterArn"] == target_db_cluster_identifier}
             for member in cluster["GlobalClusterMembers"]]
    synchronized = [{**member, "SynchronizationStatus": "connected"} for member in moved]
    cluster.update(Status="switching-over", FailoverState={"Status": "switching-over"})
    cluster["then"] = [{"Status": "available", "FailoverState": None, "GlobalClusterMembers": moved},
                       {"GlobalClusterMembers": synchronized}]
    if world["never_switches"]:
        cluster["then"] = []
    return {"GlobalCluster": cluster}


def switchover_global_cluster(world, region, generate_cli_skeleton=None, **arguments):
    if world["old_cli"]:
        raise AwsError("usage", "aws", "Invalid choice: 'switchover-global-cluster'")
    return {} if generate_cli_skeleton else switch_over(world, region, **arguments)


def remove_from_global_cluster(world, region, global_cluster_identifier, db_cluster_identifier):
    cluster = world["global_clusters"][global_cluster_identifier]
    member = next(one for one in cluster["GlobalClusterMembers"] if one["DBClusterArn"] == db_cluster_identifier)
    if member["IsWriter"] and len(cluster["GlobalClusterMembers"]) > 1:
        raise AwsError("InvalidGlobalClusterStateFault", "RemoveFromGlobalCluster", "it has secondaries")
    if region != db_cluster_identifier.split(":")[3]:
        raise Unexpected("another region's cluster")
    others = [one for one in cluster["GlobalClusterMembers"] if one is not member]
    cluster["then"] = [{"GlobalClusterMembers": others}]
    clusters = world["clusters"][region]
    clusters[db_cluster_identifier.split(":")[6]]["then"] = ["promoting", "available"]
    return {"GlobalCluster": cluster}


def describe_db_clusters(world, region, db_cluster_identifier):
    cluster = world["clusters"][region].get(db_cluster_identifier)
    if cluster is None:
        raise AwsError("DBClusterNotFoundFault", "DescribeDBClusters",
                       f"DBCluster {db_cluster_identifier} not found.")
    if cluster.get("then"):
        cluster["Status"] = cluster["then"].pop(0)
    return {"DBClusters": [cluster]}


def describe_secret(world, region, secret_id):
    if secret_id not in world["secrets"][region]:
        raise AwsError("ResourceNotFoundException", "DescribeSecret",
                       "Secrets Manager can't find the specified secret.")
    return world["secrets"][region][secret_id]


def describe_key(world, region, key_id):
    if key_id not in world["keys"][region]:
        raise AwsError("NotFoundException", "DescribeKey", f"Alias {key_id} is not found.")
    return {"KeyMetadata": world["keys"][region][key_id]}


def describe_log_groups(world, region, log_group_name_prefix):
    return {"logGroups": [{"logGroupName": group} for group in world["log_groups"][region]
                          if group.startswith(log_group_name_prefix)]}


def list_functions(world, region):
    return {"Functions": [{"FunctionName": name} for name in world["functions"][region]]}


def get_parameter(world, region, name):
    if name != "/cdk-bootstrap/hnb659fds/version" or region not in world["bootstrap"]:
        raise AwsError("ParameterNotFound", "GetParameter", "")
    return {"Parameter": {"Value": world["bootstrap"][region]}}


def get_caller_identity(world, _region):
    if not world["credentials"]:
        raise AwsError("ExpiredToken", "GetCallerIdentity", "The security token included in the request is expired")
    return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/engineer"}


ACTIONS = {
    "cloudformation": (describe_stacks, describe_stack_resources, list_stacks, delete_stack),
    "rds": (describe_global_clusters, switchover_global_cluster, remove_from_global_cluster,
            describe_db_clusters),
    "secretsmanager": (describe_secret,), "kms": (describe_key,), "logs": (describe_log_groups,),
    "lambda": (list_functions,),
    "ssm": (get_parameter,), "sts": (get_caller_identity,),
}


def aws(world, arguments, _directory):
    service, verb, *rest = arguments
    actions = {action.__name__.replace("_", "-"): action for action in ACTIONS.get(service, ())}
    if service == "rds":
        actions["failover-global-cluster"] = switch_over
    if verb not in actions or len(rest) % 2:
        raise Unexpected("no such action")
    options = dict(zip(rest[::2], rest[1::2]))
    if "--generate-cli-skeleton" not in options and options.pop("--output", None) != "text":
        raise Unexpected("not --output text")
    query = options.pop("--query", "@")
    region = options.pop("--region", None)
    for failure in world["failing_calls"]:
        if failure["call"] != f"{service} {verb}":
            continue
        failure["after"] = failure.get("after", 0) - 1
        if failure["after"] < 0 < failure["times"]:
            failure["times"] -= 1
            raise AwsError(failure["code"], verb, failure["message"])
    answer = actions[verb](world, region,
                           **{key[2:].replace("-", "_"): value for key, value in options.items()})
    found = jmespath.search(query, answer)
    return "" if isinstance(found, dict) else text(found) + "\n"


def synthesize(world, assembly, options):
    if world["synthesis_fails"]:
        raise ProgramFailed("a template is wrong")
    if set(options[::2]) != {"-c"}:
        raise Unexpected("options")
    assembly.mkdir(parents=True)
    context = dict(option.split("=", 1) for option in options[1::2])
    (assembly / "context.json").write_text(json.dumps(context))
    return ""


def cdk(world, arguments, directory):
    """`cdk synth`: the context is kept in the assembly. `cdk deploy`: the stack is there afterwards,
    as the test wants it."""
    if not (directory / "package-lock.json").exists():
        raise Unexpected("not in cdk/")
    if arguments[:3] == ["synth", "--quiet", "--output"]:
        return synthesize(world, pathlib.Path(arguments[3]), arguments[4:])
    verb, stack_id, *options, app, assembly = arguments
    context = json.loads(pathlib.Path(assembly, "context.json").read_text())
    *fixed, outputs_file = options
    name = stack_id if context["name"] == "aurora-global" else f"{context['name']}-{stack_id}"
    before = [one["StackStatus"] for one in world["stacks"]
              if one["StackName"] == name and one["StackStatus"] != "DELETE_COMPLETE"]
    begun = before in ([], ["REVIEW_IN_PROGRESS"], ["ROLLBACK_COMPLETE"], ["CREATE_FAILED"], ["UPDATE_FAILED"])
    if (verb, app, fixed) != ("deploy", "--app", ["--exclusively", "--require-approval", "never",
                                    *(["--no-rollback"] if begun else []), "--outputs-file"]):
        raise Unexpected("options")
    region = WEST if "Secondary" in stack_id else EAST
    if stack_id in world["deployments_without_stack"]:
        raise ProgramFailed("synthesis failed")
    world["stacks"][:] = [one for one in world["stacks"] if one["StackName"] != name]
    failed = stack_id in world["deployments_that_fail"]
    world["stacks"].append({
        "StackName": name, "Region": region, "Resources": [],
        "StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/new",
        "StackStatus": "CREATE_FAILED" if failed else "CREATE_COMPLETE",
        "Tags": [{"Key": "aurora-global:retain", "Value": context["retain"]}]})
    if failed:
        raise ProgramFailed("it is not as it should be")
    outputs = {}
    if stack_id == "AuroraGlobalPrimaryStack":
        prefix = "" if context["name"] == "aurora-global" else f"{context['name']}-"
        outputs = {"FailoverApiUrl": "abc123.execute-api.us-east-1.amazonaws.com/prod",
                   "GlobalEndpointLambdaArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:"
                                             f"{prefix}crud-global-endpoint",
                   "DashboardName": f"{context['name']}-us-east-1", "PublishOutputRefNet": "vpc-1"}
    pathlib.Path(outputs_file).write_text(json.dumps({name: outputs}))
    return ""


def npm(world, arguments, directory):
    if arguments != ["ci", "--silent", "--no-audit", "--no-fund", "--prefix", "cdk"]:
        raise Unexpected("options")
    program = directory / "cdk/node_modules/.bin/cdk"
    program.parent.mkdir(parents=True, exist_ok=True)
    world["server"].install(program)
    (directory / "cdk/node_modules/.package-lock.json").write_text("{}")
    return ""


def node(world, arguments, _directory):
    if arguments == ["--version"]:
        return world["node_version"] + "\n"
    if arguments[:3] != ["--import", "tsx", "bin/check-context.ts"]:
        raise Unexpected("options")
    if world["wrong_context"]:
        raise ProgramFailed(world["wrong_context"])
    return ""


def curl(world, arguments, _directory):
    if arguments[-1] != "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem":
        raise Unexpected("address")
    pathlib.Path(arguments[arguments.index("--output") + 1]).write_text(world["bundle"])
    return ""


def package(_world, arguments, directory):
    """In place of ./dev package."""
    if "BEGIN CERTIFICATE" not in (directory / arguments[0]).read_text():
        raise Unexpected("no bundle")
    return ""


PROGRAMS = {"aws": aws, "cdk": cdk, "npm": npm, "node": node, "curl": curl, "package": package}


class FakeAws:
    """Answers until close(). A test sets `world` before it runs a script, and reads it afterwards."""

    def __init__(self):
        self.world = fresh_world()
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                code, answer = fake.answer(*(self._word() for _ in range(int(self._word()))))
                self.wfile.write(f"{code}\n{answer}".encode())

            def _word(self):
                word = b""
                while not word.endswith(b"\0"):
                    byte = self.rfile.read(1)
                    if not byte:
                        raise ConnectionError("the program ended in the middle of its call")
                    word += byte
                return word[:-1].decode()

        self.server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def install(self, path):
        path.write_text(STUB.format(port=self.server.server_address[1]))
        path.chmod(0o755)

    def answer(self, program, directory, *arguments):
        call = [program, *arguments]
        self.world["calls"].append(call)
        try:
            return 0, PROGRAMS[program]({**self.world, "server": self}, list(arguments), pathlib.Path(directory))
        except (AwsError, ProgramFailed) as error:
            return 254, f"{error}\n"
        except Exception as error:  # pylint: disable=broad-except  # Whatever it is, the test must see it.
            self.world["unexpected"].append([*call, repr(error)])
            return 99, f"unexpected: {error!r}\n"
