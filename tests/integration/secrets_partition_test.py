"""After any partition there is one valid password: both regions' secret says it, and PostgreSQL in
both regions takes it and no other.

Both sides rotate the master password all the time, while the link is cut, the writer moves, a daemon
is killed, in a random order; then the link heals. AURORA_GLOBAL_PARTITIONS is how often
(`./dev soak secrets`: 50), AURORA_GLOBAL_SEED what is drawn.
"""

import configparser
import json
import os
import random
import ssl
import threading
import unittest

import botocore.config
import botocore.exceptions
import botocore.session

from lib.platform import EAST, WEST, PlatformTest, wait_until
from lib.wire import Closed, ServerError, Session

SECRET = "aurora-global/credentials"
PARTITIONS = int(os.environ.get("AURORA_GLOBAL_PARTITIONS", "2"))
SEED = int(os.environ.get("AURORA_GLOBAL_SEED", "1"))
LABELS = {"AWSCURRENT", "AWSPREVIOUS", "MINE"}


class Rotations:
    """A client of one region that rotates the secret, and now and then stores a version of its own,
    until it is told to stop."""

    def __init__(self, client, rng):
        self.client, self.rng = client, rng
        self.done, self.failed = [], {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._rotate)
        self.thread.start()

    def _rotate(self):
        while not self.ending.is_set():
            try:
                if self.rng.random() < 0.3:
                    self.client.put_secret_value(SecretId=SECRET, VersionStages=["MINE"],
                                                 SecretString=f"{self.rng.random()}")
                else:
                    self.done.append(self.client.rotate_secret(SecretId=SECRET)["VersionId"])
            except botocore.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                self.failed[code] = self.failed.get(code, 0) + 1
            except botocore.exceptions.BotoCoreError as error:  # Its daemon was killed.
                code = type(error).__name__
                self.failed[code] = self.failed.get(code, 0) + 1

    def stop(self):
        self.ending.set()
        self.thread.join()


class SecretsInAPartition(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.platform.await_healthy(EAST)
        keys = configparser.ConfigParser()
        keys.read(cls.platform.home / "credentials")
        section = keys[keys.sections()[0]]
        cls.hosts = {region: f"{cls.platform.prefix.text}.{number}"
                     for number, region in enumerate(cls.platform.regions, 1)}
        session = botocore.session.Session()
        config = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60)
        cls.clients = {
            region: session.create_client(
                "secretsmanager", region, endpoint_url=f"http://{host}.1:4566", config=config,
                aws_access_key_id=section["aws_access_key_id"],
                aws_secret_access_key=section["aws_secret_access_key"])
            for region, host in cls.hosts.items()}
        environment = cls.platform.environment(EAST)
        cls.database = environment["PGDATABASE"]
        cls.tls = ssl.create_default_context(cafile=environment["PGSSLROOTCERT"])
        cls.tls.check_hostname = False

    # ---- what is the case

    def stages(self, region):
        """Label -> the version that has it."""
        told = self.clients[region].describe_secret(SecretId=SECRET)["VersionIdsToStages"]
        return {label: version for version, labels in told.items() for label in labels}

    def password(self, region, **which):
        value = self.clients[region].get_secret_value(SecretId=SECRET, **which)
        return json.loads(value["SecretString"])["password"]

    def opens(self, region, number, password):
        """Whether `password` opens the endpoint .10 or the instance .21 of a region."""
        try:
            Session((f"{self.hosts[region]}.{number}", 5432), "postgres", password, self.database,
                    self.tls).close()
            return True
        except ServerError as error:
            if error.sqlstate == "28P01":
                return False
            raise

    def is_one(self):
        """Both regions tell the same, nothing is pending, and both servers take the password."""
        east, west = self.stages(EAST), self.stages(WEST)
        if east != west or not east.keys() <= LABELS:
            raise AssertionError(f"{east} and {west}")
        current = self.password(EAST)
        if current != self.password(WEST):
            raise AssertionError("two passwords")
        for region in (EAST, WEST):
            for number in (10, 21):
                try:
                    if not self.opens(region, number, current):
                        raise AssertionError(f"{region} .{number} refuses {east}")
                except (ServerError, Closed) as error:
                    raise AssertionError(f"{region} .{number}: {error}") from error
        return current

    # ---- what happens

    def cut(self, rng):
        self.platform.command("link", "set", "--partition", "both")

    def heal(self, rng):
        self.platform.command("link", "set", "--partition", "none")

    def kill_a_daemon(self, rng):
        region = rng.choice((EAST, WEST))
        killed = self.platform.pid(region, "daemon")
        if killed:
            self.platform.kill(killed)
        wait_until(lambda: self.platform.pid(region, "daemon") not in (None, killed),
                   "the supervisor starts another daemon")
        wait_until(lambda: "duty" in self.platform.region_status(region), "it answers")

    def fail_over(self, rng):
        """To whom it believes a secondary; refused where that is no secondary any more."""
        self.platform.command("failover", "--to", rng.choice((EAST, WEST)), "--allow-data-loss",
                              expect=None)

    def await_rotations(self, rng, sides):
        """So that something lies between what happens."""
        def tries():
            return sum(len(side.done) + sum(side.failed.values()) for side in sides)
        wanted = tries() + rng.randrange(1, 9)
        wait_until(lambda: tries() >= wanted, "rotations are done or refused")

    def test_one_password_is_valid_after_each_partition(self):
        known = {self.is_one()}
        for number in range(PARTITIONS):
            seed = SEED * 1000 + number
            with self.subTest(seed=seed):
                self.interleave(random.Random(seed), seed, known)

    def interleave(self, rng, seed, known):
        sides = [Rotations(self.clients[region], random.Random(f"{seed} {region}"))
                 for region in (EAST, WEST)]
        acts = [self.cut] + rng.choices(
            (self.cut, self.heal, self.kill_a_daemon, self.fail_over), k=rng.randrange(1, 4))
        try:
            for act in acts:
                self.await_rotations(rng, sides)
                act(rng)
            self.await_rotations(rng, sides)
        finally:
            self.heal(rng)
            for side in sides:
                side.stop()
        self.platform.await_healthy(limit_s=120)
        current = wait_until(self.is_one, "one password", 30)
        told = [act.__name__ for act in acts]
        print(f"seed {seed}: {', '.join(told)}; rotated {[len(side.done) for side in sides]}, "
              f"refused {[side.failed for side in sides]}", flush=True)
        known.add(self.password(EAST, VersionStage="AWSPREVIOUS"))
        known.discard(current)
        for old in known:
            self.assertFalse(self.opens(EAST, 10, old), "a former password opens")
        known.add(current)


if __name__ == "__main__":
    unittest.main()
