"""What applications with psycopg 3 and psycopg2 do. Prints what they see, case by case."""

import os
import sys

import psycopg
import psycopg2
import psycopg2.extras
from psycopg import sql
from psycopg.rows import dict_row

CASES = []


def case(function):
    CASES.append(function)
    return function


def connect(**options):
    return psycopg.connect("", **options)


@case
def prepared_by_threshold():
    with connect(autocommit=True, prepare_threshold=2) as connection:
        for number in range(6):
            print(connection.execute("SELECT %s::int * 2, %s::text", (number, "x")).fetchall())
        print(connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone())


@case
def transactions_and_savepoints():
    with connect() as connection:
        connection.execute("SET search_path = app")
        with connection.transaction():
            connection.execute("INSERT INTO t VALUES (50, 1, 'outer')")
            try:
                with connection.transaction():
                    connection.execute("INSERT INTO t VALUES (51, 1, 'inner')")
                    connection.execute("SELECT 1 / 0")
            except psycopg.errors.DivisionByZero as error:
                print(error.sqlstate, error)
            with connection.transaction():
                connection.execute("INSERT INTO t VALUES (52, 1, 'second')")
        print(connection.execute("SELECT id, s FROM t WHERE id >= 50 ORDER BY id").fetchall())
        connection.rollback()
        print(connection.execute("SHOW search_path").fetchone())


@case
def pipeline_mode():
    with connect(autocommit=True) as connection, connection.pipeline() as pipeline:
        first = connection.execute("SELECT 1")
        connection.execute("SET app.tenant = 'blue'")
        pipeline.sync()
        second = connection.execute("SELECT current_setting('app.tenant')")
        third = connection.execute("SELECT generate_series(1, 3)")
        print(first.fetchall(), second.fetchall(), third.fetchall())


@case
def pipeline_with_an_error():
    with connect(autocommit=True) as connection:
        try:
            with connection.pipeline():
                connection.execute("SELECT 1")
                connection.execute("SELECT nosuch")
                connection.execute("SELECT 2")
        except psycopg.Error as error:
            print(error.sqlstate)
        print(connection.execute("SELECT 3").fetchone())


@case
def server_side_cursors():
    with connect() as connection:
        with connection.cursor("named") as cursor:
            cursor.itersize = 7
            cursor.execute("SELECT generate_series(1, 30)")
            print(sum(row[0] for row in cursor))
        with connection.cursor("scrolling", scrollable=True) as cursor:
            cursor.execute("SELECT generate_series(1, 10)")
            cursor.scroll(5)
            print(cursor.fetchmany(2))
            cursor.scroll(-3)
            print(cursor.fetchone())


@case
def copy_both_ways():
    with connect(autocommit=True) as connection:
        connection.execute("SET search_path = app")
        cursor = connection.cursor()
        with cursor.copy("COPY t(id, n, s) FROM STDIN") as copy:
            for number in range(60, 70):
                copy.write_row((number, number * 2, f"copied {number} ü"))
        with cursor.copy("COPY (SELECT * FROM t WHERE id >= 60 ORDER BY id) TO STDOUT") as copy:
            print([row for row in copy.rows()])
        with cursor.copy("COPY (SELECT 1, NULL, 'b') TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "text", "text"])
            print(list(copy.rows()))


@case
def settings_by_the_driver():
    with connect(options="-c search_path=other,app -c work_mem=7MB") as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        print(connection.execute("SHOW transaction_isolation").fetchone())
        try:
            connection.execute("INSERT INTO t VALUES (70, 1, '')")
        except psycopg.Error as error:
            print(error.sqlstate, error)
        connection.rollback()
        print(connection.execute("SELECT count(*) FROM t").fetchone())
        print(connection.execute("SHOW work_mem").fetchone(), connection.info.encoding)


@case
def encodings():
    with connect(client_encoding="latin1", autocommit=True) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, false)", ("Zürich",))
        print(connection.execute("SELECT current_setting('app.tenant')").fetchone())
        connection.execute("SET client_encoding = 'UTF8'")
        print(connection.execute("SELECT current_setting('app.tenant')").fetchone())
        name = sql.Identifier("größe")
        print(connection.execute(sql.SQL("SELECT 1 AS {}").format(name)).description[0].name)


@case
def notifications():
    with connect(autocommit=True) as connection:
        connection.execute("LISTEN psycopg")
        connection.execute("SELECT 1")
        for number in range(3):
            connection.execute("SELECT pg_notify('psycopg', %s)", (str(number),))
            connection.execute("SELECT 1")
        heard = []
        for one in connection.notifies():
            heard.append(one.payload)
            if len(heard) == 3:
                break
        print(heard)


@case
def rows_and_types():
    with connect(autocommit=True, row_factory=dict_row) as connection:
        print(connection.execute("SELECT %s::jsonb AS j, %s::int[] AS a, now() IS NULL AS n",
                                 ('{"k": 1}', [1, 2])).fetchone())
        cursor = connection.cursor(binary=True)
        print(cursor.execute("SELECT 1.5::float8 AS f, '\\x0102'::bytea AS b").fetchone())
        print(cursor.execute("SELECT 'ok'::app.mood AS m").fetchone())


@case
def many_at_once():
    with connect(autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO app.t VALUES (%s, %s, %s) RETURNING id",
                           [(80, 1, "a"), (81, 2, "b")], returning=True)
        while True:
            print(cursor.fetchall())
            if not cursor.nextset():
                break


@case
def notices_and_errors():
    with connect(autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: print("notice", notice.message_primary))
        connection.execute("SELECT app.note('hello')")
        try:
            connection.execute("INSERT INTO app.t VALUES (1, 1, '')")
        except psycopg.errors.UniqueViolation as error:
            print(error.diag.constraint_name, error.diag.message_detail)


@case
def two_phase_is_refused_alike():
    connection = connect()
    try:
        connection.tpc_begin(connection.xid(1, "gtrid", "bqual"))
        connection.execute("SELECT 1")
        connection.tpc_prepare()
    except psycopg.Error as error:
        print(error.sqlstate)
    connection.close()


@case
def psycopg2_readonly_session():
    connection = psycopg2.connect("")
    connection.set_session(readonly=True, autocommit=True)
    cursor = connection.cursor()
    cursor.execute("SHOW default_transaction_read_only")
    print(cursor.fetchone())
    for _ in range(2):
        try:
            cursor.execute("INSERT INTO app.t VALUES (90, 1, 'written')")
            print("written")
        except psycopg2.Error as error:
            print(error.pgcode)
    connection.close()


@case
def psycopg2_cursors_and_batches():
    connection = psycopg2.connect("", cursor_factory=psycopg2.extras.RealDictCursor)
    with connection, connection.cursor() as cursor:
        psycopg2.extras.execute_values(cursor, "INSERT INTO app.t VALUES %s RETURNING id",
                                       [(91, 1, "x"), (92, 2, "y")])
        print(cursor.fetchall())
    with connection, connection.cursor("held", withhold=True) as cursor:
        cursor.execute("SELECT id FROM app.t ORDER BY id")
        print(cursor.fetchmany(2))
    connection.close()
    connection = psycopg2.connect("")
    connection.set_client_encoding("LATIN1")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT %s, current_setting('client_encoding')", ("é",))
        print(cursor.fetchone())
    connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE)
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        print(cursor.fetchone())
    connection.close()


def main():
    os.environ["PGCONNECT_TIMEOUT"] = "10"
    for one in CASES:
        print("==", one.__name__, flush=True)
        try:
            one()
        except Exception as error:  # What a case does not expect is part of what it shows.
            print("failed:", type(error).__name__, str(error).splitlines()[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
