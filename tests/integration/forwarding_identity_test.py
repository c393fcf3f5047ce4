"""No way through the standby gives more rights than a connection to the primary: every way to try."""

import pathlib
import shutil
import tempfile
import unittest

import psycopg

from lib.platform import EAST, WEST, PlatformTest


class ForwardingIdentity(PlatformTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A copy of what the standby's region holds: libpq wants the files to be the caller's own.
        cls.keys = pathlib.Path(tempfile.mkdtemp(prefix="aurora-global-keys-"))
        cls.addClassCleanup(shutil.rmtree, cls.keys, ignore_errors=True)
        for file in (cls.platform.region_dir(WEST) / "postgres-tls").iterdir():
            (cls.keys / file.name).write_bytes(file.read_bytes())
            (cls.keys / file.name).chmod(0o600)
        cls.platform.sql(EAST, "CREATE TABLE secret(n int); INSERT INTO secret VALUES (1);"
                               "CREATE ROLE clerk LOGIN PASSWORD 'clerk-password';"
                               "CREATE ROLE sleeper NOLOGIN; CREATE ROLE helper NOLOGIN;"
                               "GRANT helper TO clerk; CREATE TABLE shared(n int);"
                               "GRANT INSERT, SELECT ON shared TO helper")
        cls.platform.as_superuser(EAST, "CREATE ROLE root_like LOGIN SUPERUSER")

    def across_the_link(self, user, certificate=None, **options):
        """Straight to where the standby opens forwarded sessions; gives the error, "" if there is
        none."""
        if certificate:
            options.update(sslcert=self.keys / f"{certificate}.crt",
                           sslkey=self.keys / f"{certificate}.key")
        else:
            options.update(sslcert="/nonexistent/none.crt", sslkey="/nonexistent/none.key")
        try:
            psycopg.connect(host=f"{self.platform.prefix.text}.2.101", port=5433,
                            dbname="auroraglobaldb", user=user, sslmode="verify-ca",
                            sslrootcert=self.keys / "server-ca.crt", connect_timeout=10,
                            **options).close()
            return ""
        except psycopg.OperationalError as error:
            return str(error)

    def reader(self, user, password):
        environment = self.platform.environment(WEST)
        connection = psycopg.connect(
            host=f"{self.platform.prefix.text}.2.12", dbname="auroraglobaldb", user=user,
            password=password, sslmode="verify-ca", sslrootcert=environment["PGSSLROOTCERT"],
            autocommit=True)
        self.addCleanup(connection.close)
        return connection

    def clerk(self):
        return self.reader("clerk", "clerk-password")

    def test_the_forwarding_key_gives_no_superuser(self):
        self.assertEqual("", self.across_the_link("clerk", "forwarding"))
        for user in ("rdsadmin", "root_like", "rdsrepladmin", "sleeper"):
            self.assertRegex(self.across_the_link(user, "forwarding"),
                             "rejects connection|certificate authentication failed")

    def test_other_certificates_and_none_give_nothing(self):
        self.assertIn("valid client certificate", self.across_the_link("clerk"))
        # A server's certificate is of the other issuer.
        self.assertRegex(self.across_the_link("clerk", "server"), "unknown ca|unsuitable|alert")

    def test_rights_are_those_of_the_user(self):
        connection = self.clerk()
        for statement in ("INSERT INTO secret VALUES (2)", "DELETE FROM secret",
                          "CREATE ROLE more SUPERUSER", "DROP TABLE secret",
                          "DO $$BEGIN DELETE FROM secret; END$$"):
            with self.assertRaises(psycopg.errors.InsufficientPrivilege, msg=statement):
                connection.execute(statement)
        for statement in ("SET SESSION AUTHORIZATION rdsadmin", "SET ROLE rdsadmin",
                          "SET ROLE postgres"):
            with self.assertRaises(psycopg.errors.InsufficientPrivilege, msg=statement):
                connection.execute(statement)
            with self.assertRaises(psycopg.errors.InsufficientPrivilege, msg=statement):
                connection.execute(f"DO $$BEGIN EXECUTE '{statement}'; DELETE FROM secret; END$$")
        who = "WITH w AS (INSERT INTO shared VALUES (1) RETURNING n) " \
              "SELECT session_user, current_user FROM w"
        connection.execute("SET ROLE helper")
        self.assertEqual(("clerk", "helper"), connection.execute(who).fetchone())
        connection.execute("RESET ROLE")
        with self.assertRaises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM secret")
        self.assertEqual("1", self.platform.sql(EAST, "SELECT count(*) FROM secret"))

    def test_saying_to_be_a_forwarded_session_gives_nothing(self):
        environment = self.platform.environment(EAST)
        claim = "-c aurora_global.forwarded_from=x"

        def connect(options):
            return psycopg.connect(host=f"{self.platform.prefix.text}.1.11", user="clerk",
                                   password="clerk-password", dbname="auroraglobaldb",
                                   sslmode="verify-ca", sslrootcert=environment["PGSSLROOTCERT"],
                                   options=options, autocommit=True)

        for options in (claim, claim + " -c aurora_global.forwarded_epoch=9",
                        "-c aurora_global.client=1.2.3.4:1/cluster"):
            with self.assertRaisesRegex(psycopg.OperationalError, "permission denied"):
                connect(options)
        # Nor at the server itself, where no router looks at it.
        with psycopg.connect(host=f"{self.platform.prefix.text}.1.21", user="clerk",
                             password="clerk-password", dbname="auroraglobaldb",
                             sslmode="verify-ca", sslrootcert=environment["PGSSLROOTCERT"],
                             options=claim, autocommit=True) as connection:
            with self.assertRaises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM secret")
            # What it reports to a standby is not there.
            with self.assertRaises(psycopg.errors.UndefinedObject):
                connection.execute("SHOW aurora_global.cancel_key")

    def test_parameters_of_the_server_are_not_the_users(self):
        connection = self.clerk()
        for name in ("aurora_global.primary_conninfo", "aurora_global.write_forwarding",
                     "aurora_global.epoch", "aurora_global.clients_role"):
            with self.assertRaises(psycopg.Error, msg=name):
                connection.execute(f"SET {name} = '1'")
        with self.assertRaises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SHOW aurora_global.primary_conninfo")

    def test_settings_that_only_superusers_have_do_not_travel(self):
        connection = self.clerk()
        with self.assertRaises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET session_replication_role = replica")
        with self.assertRaises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DO $$BEGIN SET session_replication_role = replica; END$$")


if __name__ == "__main__":
    unittest.main()
