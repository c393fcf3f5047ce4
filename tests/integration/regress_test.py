"""A part of PostgreSQL's regression suite through the standby; `./dev soak regress` runs all of it."""

import pathlib
import subprocess
import sys
import unittest

REGRESS = pathlib.Path(__file__).resolve().parents[1] / "regress" / "regress.py"
# Each stands for a way through the extension: protocol and transactions, functions, cursors, COPY,
# DDL that the next statement needs, rules and triggers, sequences, prepared statements, settings.
SUBSET = ("boolean,int4,strings,timestamptz,create_table,create_index,insert,insert_conflict,update,delete,"
          "constraints,triggers,select,transactions,portals,copydml,copyselect,prepare,plancache,"
          "rules,updatable_views,sequence,identity,generated,plpgsql,guc,async,truncate,"
          "prepared_xacts,returning,with,merge,create_function_sql,create_procedure,rangefuncs,"
          "foreign_key,matview,password,create_role,xml,jsonb")


class RegressionSuite(unittest.TestCase):
    def test_a_part_of_it_passes_through_the_standby(self):
        done = subprocess.run([sys.executable, REGRESS, "--only", SUBSET, "--output",
                               REGRESS.parents[2] / "out" / "regress-subset"],
                              capture_output=True, text=True, timeout=500, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        # The comparison means something only if nearly all of it passes directly.
        direct = int(done.stdout.split("through the primary: ")[1].split()[0])
        self.assertGreater(direct, 0.75 * len(SUBSET.split(",")), done.stdout)


if __name__ == "__main__":
    unittest.main()
