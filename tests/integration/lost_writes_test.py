"""What a failover leaves behind comes back as SQL, exact to the transaction, when its region does."""

import json
import pathlib
import re
import unittest

from lib.platform import EAST, WEST, PlatformTest, wait_until

# Every kind of change, in a database of its own as well. The first one of each pair is received.
TABLES = """
CREATE TABLE account(id int PRIMARY KEY, owner text, balance numeric, twice numeric
                     GENERATED ALWAYS AS (2 * balance) STORED);
CREATE TABLE "odd ""name"(a int, b text, "c d" bytea, PRIMARY KEY(a, b));
CREATE TABLE keyless(v int);
CREATE TABLE whole(j json, v int);
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE UNLOGGED TABLE unlogged(v int);
CREATE SEQUENCE s;
INSERT INTO account SELECT g, 'owner ' || g, g FROM generate_series(1, 20) g;
INSERT INTO "odd ""name" VALUES (1, 'it''s', '\\x00ff'), (2, E'two\\nlines', NULL);
INSERT INTO keyless VALUES (1), (2);
INSERT INTO whole VALUES ('{"a": 1}', 1), ('{"a": 1}', 1), (NULL, 2);
ALTER TABLE account ADD COLUMN large text;
UPDATE account SET large = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i)
  WHERE id = 5;
"""
LOST = [
    "INSERT INTO account VALUES (100, 'new', 1.50), (101, NULL, 'NaN')",
    "UPDATE account SET balance = balance + 1 WHERE id = 1",
    "UPDATE account SET id = 200 WHERE id = 2",
    "UPDATE account SET owner = 'kept large' WHERE id = 5",
    "DELETE FROM account WHERE id = 3",
    "BEGIN; INSERT INTO account VALUES (102, 'savepoint'); SAVEPOINT a;"
    " INSERT INTO account VALUES (103, 'gone'); ROLLBACK TO a;"
    " UPDATE account SET owner = 'after' WHERE id = 102; COMMIT",
    "DELETE FROM \"odd \"\"name\" WHERE a = 2",
    "UPDATE \"odd \"\"name\" SET \"c d\" = '\\xabcd' WHERE a = 1",
    "INSERT INTO keyless VALUES (3)",
    "DELETE FROM whole WHERE ctid = (SELECT min(ctid) FROM whole WHERE v = 1)",
    "UPDATE account SET balance = 0 WHERE id IN (10, 11)",
    "UPDATE account SET owner = 'ten' WHERE id = 10",
    "CREATE INDEX account_owner ON account(owner)",
    "CREATE TABLE fresh(id int)",
]
ONLY_TOLD = ["DELETE FROM keyless WHERE v = 1", "TRUNCATE keyless"]
NO_ROWS = ["SELECT nextval('s')", "INSERT INTO unlogged VALUES (1)"]
STATE = """
SELECT json_build_object(
  'account', (SELECT json_agg(a ORDER BY id) FROM account a),
  'odd', (SELECT json_agg(o ORDER BY a) FROM "odd ""name" o),
  'whole', (SELECT json_agg(w::text ORDER BY w::text) FROM whole w))
"""


class LostWrites(PlatformTest):
    def place(self):
        found = list(self.platform.region_dir(EAST).glob("instances/*/lost-writes-*[0-9]"))
        self.assertEqual(1, len(found), found)
        return found[0]

    def test_they_come_back_as_sql(self):
        platform = self.platform
        platform.make_writer(EAST)
        platform.as_superuser(EAST, "CREATE DATABASE other TEMPLATE template0")
        platform.as_superuser(EAST, "CREATE TABLE o(id int PRIMARY KEY)", database="other")
        platform.sql(EAST, TABLES)
        platform.sql(EAST, "CREATE TABLE marker(id int)")
        platform.await_row(WEST, "SELECT count(*) FROM marker", "0")
        before = platform.sql(EAST, STATE)
        platform.command("link", "set", "--partition", "both")
        for statement in LOST:
            platform.sql(EAST, statement)
        after = platform.sql(EAST, STATE)
        self.assertNotEqual(before, after)
        for statement in ONLY_TOLD + NO_ROWS:
            platform.sql(EAST, statement)
        platform.as_superuser(EAST, "INSERT INTO o VALUES (7)", database="other")
        platform.as_superuser(
            EAST, "BEGIN; INSERT INTO o VALUES (8); ROLLBACK", database="other")
        self.foresee(two_writers=True)
        platform.kill_region(EAST)
        self.foresee(two_writers=False)
        platform.command("failover", "--to", WEST, "--allow-data-loss")
        self.assertEqual(before, platform.sql(WEST, STATE))
        listed = platform.command("lost-writes", "list")
        self.assertIn("No failover", listed.stdout)
        platform.command("link", "set", "--partition", "none")
        platform.start_region(EAST)
        platform.await_healthy(WEST, limit_s=120)

        lost = json.loads(platform.command("lost-writes", "list", "--json").stdout)
        self.assertEqual(1, len(lost), lost)
        report = lost[0]
        self.assertTrue(report["complete"], report)
        self.assertEqual(EAST, report["region"])
        # Two of LOST are DDL; the rest, the two that are only told, and that of the other database.
        self.assertEqual(len(LOST) - 2 + len(ONLY_TOLD) + 1, report["transactions"], report)
        self.assertGreaterEqual(report["committed"], report["transactions"] + 4)
        tables = {(one["database"], one["table"]): one for one in report["tables"]}
        account = tables[("auroraglobaldb", "account")]
        self.assertEqual((3, 7, 1), (account["inserted"], account["updated"], account["deleted"]))
        self.assertEqual((1, 1, 1, 2), tuple(tables[("auroraglobaldb", "keyless")][one] for one in (
            "inserted", "deleted", "truncated", "only_told")))
        self.assertEqual(1, tables[("other", "o")]["inserted"])
        self.assertNotIn(("auroraglobaldb", "unlogged"), tables)
        # Told where an operator looks, and kept by the rewind.
        self.assertEqual([self.place() / "transactions.sql"],
                         list(self.place().glob("*.sql")))
        self.assertIn(str(self.place()), platform.command("status").stdout.replace("\n", ""))

        epoch = str(report["epoch"])
        shown = platform.command("lost-writes", "show", epoch).stdout
        self.assertIn("transactions    ", shown)
        sql = platform.command("lost-writes", "show", epoch, "--sql").stdout
        self.assertEqual((self.place() / "transactions.sql").read_text(encoding="utf-8"), sql)
        self.replay_of_the_file(sql, before, after)
        self.replay(epoch, before)

        refused = platform.command("lost-writes", "show", "77", expect=2)
        self.assertIn("nothing is kept of epoch 77", refused.stderr)
        platform.command("lost-writes", "forget", epoch)
        self.assertEqual([], list(self.platform.region_dir(EAST).glob("instances/*/lost-writes-*")))

    def foresee(self, two_writers):
        told = json.loads(self.platform.command("failover", "--to", WEST, "--dry-run",
                                                "--json").stdout)
        self.assertEqual((EAST, two_writers, []),
                         (told["writer"], told["two_writers"], told["ahead"]), told)
        # Of a region that is dead, what it was last heard to have: nothing since the link was cut.
        if two_writers:
            self.assertGreater(told["lost_bytes"], 1000, told)
        said = self.platform.command("failover", "--to", WEST, "--dry-run").stdout
        self.assertIn("us-west-2 would become the primary in place of us-east-1", said)

    def replay_of_the_file(self, sql, before, after):
        """As its head says: by psql, as a superuser; in a copy of the database."""
        self.platform.as_superuser(WEST, "CREATE DATABASE copy TEMPLATE auroraglobaldb")
        self.assertEqual(before, self.platform.as_superuser(WEST, STATE, database="copy"))
        parts = dict(part.split("\n", 1) for part in
                     re.split(r"^\\connect -reuse-previous=on ", sql, flags=re.MULTILINE)[1:])
        ours, other = (f"\"dbname='{name}'\"" for name in ("auroraglobaldb", "other"))
        self.assertEqual({ours, other}, set(parts))
        self.platform.as_superuser(WEST, parts[ours], database="copy")
        self.assertEqual(json.loads(after),
                         json.loads(self.platform.as_superuser(WEST, STATE, database="copy")))
        self.assertEqual("1,2,3", self.platform.as_superuser(
            WEST, "SELECT string_agg(v::text, ',' ORDER BY v) FROM keyless", database="copy"))
        self.platform.as_superuser(WEST, "DROP DATABASE copy")

    def replay(self, epoch, before):
        platform = self.platform
        dry = json.loads(platform.command("lost-writes", "replay", epoch, "--dry-run",
                                          "--json", expect=1).stdout)
        # The two are those that cannot be made again.
        self.assertEqual((13, 2), (dry["applied"], dry["conflicting"]), dry)
        self.assertEqual(before, platform.sql(WEST, STATE))
        # What the new primary has done meanwhile is not undone.
        platform.sql(WEST, "UPDATE account SET owner = 'of the west' WHERE id IN (1, 11);"
                           "INSERT INTO account VALUES (101, 'of the west');"
                           "DELETE FROM account WHERE id = 3;"
                           "DROP TABLE whole CASCADE")
        done = platform.command("lost-writes", "replay", epoch, "--json", expect=1)
        done = json.loads(done.stdout)
        self.assertEqual((7, 8), (done["applied"], done["conflicting"]), done)
        told = {(one["why"], (one["now"] or {}).get("owner")) for one in done["conflicts"]
                if "made again" not in one["why"]}
        self.assertEqual({("the new primary has changed the row since", "of the west"),
                          ("the key is taken", "of the west"), ("the row is gone", None)},
                         {one for one in told if "whole" not in one[0]}, done)
        self.assertIn('"public"."whole"', str(done["conflicts"]))
        # That of 10 alone is not made without the one before, which 11 stands against.
        self.assertIn("it goes on from transaction", str(done["conflicts"]))
        self.assertEqual("10|owner 10|10", platform.sql(
            WEST, "SELECT id, owner, balance FROM account WHERE id = 10"))
        rows = platform.sql(WEST, "SELECT id, owner FROM account WHERE id IN "
                                  "(1, 2, 3, 5, 100, 101, 102, 103, 200) ORDER BY id")
        self.assertEqual("1|of the west\n5|kept large\n101|of the west\n102|after\n200|owner 2",
                         rows)
        self.assertEqual("7", platform.as_superuser(WEST, "SELECT * FROM o", database="other"))
        # Once more: nothing is made twice.
        again = platform.command("lost-writes", "replay", epoch, expect=1).stdout
        self.assertRegex(again, "(?m)^0 transactions were made again, 8 are in conflict$")
        self.assertIn("7 were made again by an earlier replay", again)
        self.assertEqual("1,2,3", platform.sql(
            WEST, "SELECT string_agg(v::text, ',' ORDER BY v) FROM keyless"))


if __name__ == "__main__":
    unittest.main()
