"""Goal: what a stack needs beside clusters does what it says: a parameter group's settings reach
PostgreSQL, a static one waits for the restart, alarms follow the metrics, secrets and keys keep what
they are given. Asked by Debian's AWS CLI and by the current AWS SDK."""

import json
import pathlib
import unittest

from lib.platform import EAST, PlatformTest, run, wait_until

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "sdk"  # Made by `./dev test`.
CLUSTER = f"aurora-global-db-{EAST}"
INSTANCE = f"{CLUSTER}-1"
FAMILY = "aurora-postgresql15"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "*", "Resource": "*"}]})


class Groups(PlatformTest):
    def rds(self, *arguments, expect=0):
        return self.platform.aws(EAST, "rds", *arguments, expect=expect)

    def setting(self, name):
        return self.platform.sql(EAST, f"SHOW {name}")

    def status(self):
        (instance,) = self.rds("describe-db-instances", "--db-instance-identifier",
                               INSTANCE)["DBInstances"]
        (group,) = instance["DBParameterGroups"]
        return instance["DBInstanceStatus"], group["ParameterApplyStatus"]

    def test_01_parameters_reach_postgresql(self):
        self.platform.await_healthy(EAST)
        group = ("--db-cluster-parameter-group-name", "contract")
        self.rds("create-db-cluster-parameter-group", *group, "--db-parameter-group-family", FAMILY,
                 "--description", "contract")
        before = self.setting("max_connections")
        self.rds("modify-db-cluster-parameter-group", *group, "--parameters",
                 "ParameterName=work_mem,ParameterValue=8192,ApplyMethod=immediate",
                 "ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=immediate",
                 "ParameterName=apg_write_forward.consistency_mode,ParameterValue=eventual,"
                 "ApplyMethod=immediate")
        self.assertEqual("4MB", self.setting("work_mem"))
        self.rds("modify-db-cluster", "--db-cluster-identifier", CLUSTER, *group)
        wait_until(lambda: self.setting("work_mem") == "8MB", "work_mem is the group's")
        self.assertEqual("EVENTUAL", self.setting("apg_write_forward.consistency_mode"))
        (cluster,) = self.rds("describe-db-clusters", "--db-cluster-identifier",
                              CLUSTER)["DBClusters"]
        self.assertEqual("contract", cluster["DBClusterParameterGroup"])
        # A static one waits for the next start.
        self.rds("modify-db-cluster-parameter-group", *group, "--parameters",
                 "ParameterName=max_connections,ParameterValue=234,ApplyMethod=pending-reboot")
        wait_until(lambda: self.status() == ("available", "pending-reboot"), "it waits")
        self.assertEqual(before, self.setting("max_connections"))
        self.rds("reboot-db-instance", "--db-instance-identifier", INSTANCE)
        wait_until(lambda: self.status() == ("available", "in-sync"), "it was restarted")
        self.platform.await_healthy(EAST)
        self.assertEqual("234", self.setting("max_connections"))
        # The instance's own group goes before it.
        own = ("--db-parameter-group-name", "contract")
        self.rds("create-db-parameter-group", *own, "--db-parameter-group-family", FAMILY,
                 "--description", "contract")
        self.rds("modify-db-parameter-group", *own, "--parameters",
                 "ParameterName=work_mem,ParameterValue=16384,ApplyMethod=immediate")
        self.rds("modify-db-instance", "--db-instance-identifier", INSTANCE, *own)
        wait_until(lambda: self.setting("work_mem") == "16MB", "work_mem is the instance's")
        self.rds("reset-db-parameter-group", *own, "--reset-all-parameters")
        wait_until(lambda: self.setting("work_mem") == "8MB", "work_mem is the cluster's")

    def test_02_what_cannot_be_set_is_named(self):
        group = ("--db-cluster-parameter-group-name", "contract")
        for name, value in (("wal_level", "minimal"), ("rds.babelfish_status", "on"),
                            ("work_mem", "1"), ("rds.force_ssl", "0")):
            done = self.rds("modify-db-cluster-parameter-group", *group, "--parameters",
                            f"ParameterName={name},ParameterValue={value},"
                            "ApplyMethod=pending-reboot", expect=254)
            self.assertIn("(InvalidParameterValue)", done.stderr)
            self.assertIn(name, done.stderr)
        done = self.rds("delete-db-cluster-parameter-group", *group, expect=254)
        self.assertIn("(InvalidDBParameterGroupState)", done.stderr)
        set_here = self.rds("describe-db-cluster-parameters", *group, "--source", "user")
        self.assertEqual(["apg_write_forward.consistency_mode", "max_connections", "rds.force_ssl",
                          "work_mem"],
                         [one["ParameterName"] for one in set_here["Parameters"]])

    def test_03_groups_go_when_nobody_names_them(self):
        standard = f"default.{FAMILY}"
        self.rds("modify-db-cluster", "--db-cluster-identifier", CLUSTER,
                 "--db-cluster-parameter-group-name", standard)
        self.rds("modify-db-instance", "--db-instance-identifier", INSTANCE,
                 "--db-parameter-group-name", standard)
        wait_until(lambda: self.setting("work_mem") == "4MB", "work_mem is PostgreSQL's")
        self.rds("reset-db-cluster-parameter-group", "--db-cluster-parameter-group-name",
                 "contract", "--parameters", "ParameterName=work_mem,ApplyMethod=immediate")
        groups = self.rds("describe-db-cluster-parameter-groups")["DBClusterParameterGroups"]
        self.assertEqual([standard, "contract"],
                         [one["DBClusterParameterGroupName"] for one in groups])
        self.rds("delete-db-cluster-parameter-group", "--db-cluster-parameter-group-name",
                 "contract")
        self.rds("delete-db-parameter-group", "--db-parameter-group-name", "contract")
        groups = self.rds("describe-db-parameter-groups")["DBParameterGroups"]
        self.assertEqual([standard], [one["DBParameterGroupName"] for one in groups])
        self.assertTrue(self.rds("describe-db-parameters", "--db-parameter-group-name",
                                 standard)["Parameters"])

    def test_04_subnet_groups_and_tags(self):
        name = ("--db-subnet-group-name", "contract")
        made = self.rds("create-db-subnet-group", *name, "--db-subnet-group-description", "d",
                        "--subnet-ids", "subnet-1", "subnet-2")["DBSubnetGroup"]
        changed = self.rds("modify-db-subnet-group", *name, "--subnet-ids", "subnet-1",
                           "subnet-3")["DBSubnetGroup"]
        self.assertEqual(["subnet-1", "subnet-3"],
                         [one["SubnetIdentifier"] for one in changed["Subnets"]])
        arn = ("--resource-name", made["DBSubnetGroupArn"])
        self.rds("add-tags-to-resource", *arn, "--tags", "Key=a,Value=b", "Key=c,Value=d")
        self.rds("remove-tags-from-resource", *arn, "--tag-keys", "a")
        self.assertEqual([{"Key": "c", "Value": "d"}],
                         self.rds("list-tags-for-resource", *arn)["TagList"])
        self.assertEqual(1, len(self.rds("describe-db-subnet-groups", *name)["DBSubnetGroups"]))
        self.rds("delete-db-subnet-group", *name)

    def test_05_an_alarm_follows_its_metric(self):
        def cloudwatch(*arguments):
            return self.platform.aws(EAST, "cloudwatch", *arguments)

        name = ("--alarm-names", "contract")
        cloudwatch("put-metric-alarm", "--alarm-name", "contract", "--namespace", "Contract",
                   "--metric-name", "M", "--statistic", "Maximum", "--period", "10",
                   "--evaluation-periods", "1", "--threshold", "5", "--comparison-operator",
                   "GreaterThanThreshold", "--treat-missing-data", "notBreaching", "--tags",
                   "Key=a,Value=b")

        def state():
            (alarm,) = cloudwatch("describe-alarms", *name)["MetricAlarms"]
            return alarm["StateValue"]

        wait_until(lambda: state() == "OK", "nothing is not breaching")

        def in_alarm():
            cloudwatch("put-metric-data", "--namespace", "Contract", "--metric-name", "M",
                       "--value", "9")
            return state() == "ALARM"

        wait_until(in_alarm, "it breaches")
        history = cloudwatch("describe-alarm-history", "--alarm-name", "contract",
                             "--history-item-type", "StateUpdate")["AlarmHistoryItems"]
        self.assertEqual("Alarm updated from OK to ALARM", history[0]["HistorySummary"])
        cloudwatch("set-alarm-state", "--alarm-name", "contract", "--state-value", "OK",
                   "--state-reason", "tried")
        cloudwatch("disable-alarm-actions", *name)
        cloudwatch("enable-alarm-actions", *name)
        (alarm,) = cloudwatch("describe-alarms", *name)["MetricAlarms"]
        self.assertTrue(alarm["ActionsEnabled"])
        arn = ("--resource-arn", alarm["AlarmArn"])
        cloudwatch("tag-resource", *arn, "--tags", "Key=c,Value=d")
        cloudwatch("untag-resource", *arn, "--tag-keys", "a")
        self.assertEqual([{"Key": "c", "Value": "d"}],
                         cloudwatch("list-tags-for-resource", *arn)["Tags"])
        cloudwatch("delete-alarms", *name)
        body = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "x"}}]})
        board = ("--dashboard-name", "contract")
        cloudwatch("put-dashboard", *board, "--dashboard-body", body)
        self.assertEqual(body, cloudwatch("get-dashboard", *board)["DashboardBody"])
        self.assertEqual(1, len(cloudwatch("list-dashboards")["DashboardEntries"]))
        cloudwatch("delete-dashboards", "--dashboard-names", "contract")

    def test_06_secrets_and_keys(self):
        def secrets(*arguments, expect=0):
            return self.platform.aws(EAST, "secretsmanager", *arguments, expect=expect)

        password = secrets("get-random-password", "--exclude-punctuation", "--password-length",
                           "40")["RandomPassword"]
        self.assertRegex(password, r"^[A-Za-z0-9]{40}$")
        one = ("--secret-id", "contract/lifecycle")
        secrets("create-secret", "--name", one[1], "--secret-string", password)
        secrets("replicate-secret-to-regions", *one, "--add-replica-regions", "Region=us-west-2")
        self.assertEqual("InSync",
                         secrets("describe-secret", *one)["ReplicationStatus"][0]["Status"])
        secrets("put-resource-policy", *one, "--resource-policy", POLICY)
        self.assertEqual(POLICY, secrets("get-resource-policy", *one)["ResourcePolicy"])
        self.assertTrue(secrets("validate-resource-policy", "--resource-policy",
                                POLICY)["PolicyValidationPassed"])
        secrets("delete-resource-policy", *one)
        secrets("remove-regions-from-replication", *one, "--remove-replica-regions", "us-west-2")
        secrets("delete-secret", *one, "--recovery-window-in-days", "7")
        done = secrets("get-secret-value", *one, expect=254)
        self.assertIn("(InvalidRequestException)", done.stderr)
        secrets("restore-secret", *one)
        self.assertEqual(password, secrets("get-secret-value", *one)["SecretString"])
        secrets("delete-secret", *one, "--force-delete-without-recovery")
        wait_until(lambda: "(ResourceNotFoundException)" in self.platform.aws(
            "us-west-2", "secretsmanager", "get-secret-value", *one, expect=254).stderr,
            "it is gone in the other region")

        def kms(*arguments):
            return self.platform.aws(EAST, "kms", *arguments)

        key = ("--key-id", kms("create-key", "--policy", POLICY)["KeyMetadata"]["KeyId"])
        self.assertEqual(POLICY, kms("get-key-policy", *key, "--policy-name", "default")["Policy"])
        kms("put-key-policy", *key, "--policy-name", "default", "--policy", POLICY)
        self.assertEqual(["default"], kms("list-key-policies", *key)["PolicyNames"])
        kms("update-key-description", *key, "--description", "words")
        self.assertEqual("words", kms("describe-key", *key)["KeyMetadata"]["Description"])

    def test_07_the_sdk(self):
        self.assertTrue(MODULES.exists(), "run the tests with ./dev test, which installs the SDK")
        done = run(["node", str(HERE / "sdk" / "groups.mjs"), str(MODULES)],
                   env=self.platform.environment(EAST), text_in="")
        self.assertEqual("all of them answered\n", done.stdout)
        self.platform.await_healthy(EAST)


if __name__ == "__main__":
    unittest.main()
