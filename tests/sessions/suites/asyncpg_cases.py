"""What applications with asyncpg do. Prints what they see, case by case."""

import asyncio
import os

import asyncpg

CASES = []


def case(function):
    CASES.append(function)
    return function


async def connect(**options):
    return await asyncpg.connect(host=os.environ["PGHOST"], timeout=15, command_timeout=30,
                                 **options)


@case
async def prepare_then_transaction():
    connection = await connect()
    statement = await connection.prepare("SELECT $1::int + 1")
    async with connection.transaction():
        print(await statement.fetchval(1))
        print(await connection.fetchval("SELECT $1::text", "inside"))
    print(await statement.fetchval(2))
    await connection.close()


@case
async def nested_transactions():
    connection = await connect()
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute("INSERT INTO app.t VALUES (100, 1, 'outer')")
        try:
            async with connection.transaction():
                await connection.execute("INSERT INTO app.t VALUES (101, 1, 'inner')")
                await connection.execute("INSERT INTO app.t VALUES (1, 1, 'there')")
        except asyncpg.UniqueViolationError as error:
            print(error.sqlstate, error.constraint_name)
    print(await connection.fetch("SELECT id FROM app.t WHERE id >= 100 ORDER BY id"))
    await connection.close()


@case
async def cursors():
    connection = await connect()
    async with connection.transaction():
        total = 0
        async for row in connection.cursor("SELECT generate_series(1, 120) AS n", prefetch=25):
            total += row["n"]
        print(total)
        cursor = await connection.cursor("SELECT generate_series(1, 10) AS n")
        print(await cursor.fetchrow(), await cursor.forward(3), await cursor.fetch(2))
    await connection.close()


@case
async def copies():
    connection = await connect()
    rows = [(110 + n, n, f"copied {n}") for n in range(5)]
    print(await connection.copy_records_to_table("t", records=rows, schema_name="app"))
    async with connection.transaction():
        print(await connection.copy_records_to_table(
            "t", records=[(120, 1, "in a transaction")], schema_name="app"))
    chunks = []
    async def take(data):
        chunks.append(data)
    await connection.copy_from_query("SELECT id FROM app.t WHERE id >= 110 ORDER BY id",
                                     output=take, format="csv")
    print(b"".join(chunks))
    await connection.close()


@case
async def settings_and_reset():
    connection = await connect(server_settings={"search_path": "app", "app.tenant": "blue"})
    await connection.execute("SET work_mem = '9MB'")
    print(await connection.fetchrow("SELECT current_setting('work_mem'), "
                                    "current_setting('app.tenant'), current_schemas(false)"))
    await connection.reset()
    print(await connection.fetchrow("SELECT current_setting('work_mem'), "
                                    "current_setting('app.tenant'), current_schemas(false)"))
    await connection.close()


@case
async def types_introspected():
    connection = await connect()
    print(await connection.fetchval("SELECT 'ok'::app.mood"))
    print(await connection.fetchval("SELECT ARRAY['ok', 'sad']::app.mood[]"))
    print(await connection.fetchval("SELECT x FROM app.t x WHERE id = 1"))
    await connection.close()


@case
async def listeners():
    connection = await connect()
    heard, enough = [], asyncio.Event()
    def listener(_, pid, channel, payload):
        heard.append(payload)
        if len(heard) == 3:
            enough.set()
    await connection.add_listener("asyncpg", listener)
    for number in range(3):
        await connection.execute("SELECT pg_notify('asyncpg', $1)", str(number))
    await asyncio.wait_for(enough.wait(), 10)
    print(heard)
    await connection.remove_listener("asyncpg", listener)
    await connection.close()


@case
async def many():
    connection = await connect()
    await connection.executemany("INSERT INTO app.t VALUES ($1, $2, $3)",
                                 [(130 + n, n, "many") for n in range(10)])
    print(await connection.fetchval("SELECT count(*) FROM app.t WHERE s = 'many'"))
    try:
        await connection.executemany("INSERT INTO app.t VALUES ($1, $2, $3)",
                                     [(140, 1, "a"), (140, 1, "b")])
    except asyncpg.UniqueViolationError as error:
        print(error.sqlstate)
    print(await connection.fetchval("SELECT count(*) FROM app.t WHERE id = 140"))
    await connection.close()


@case
async def pool():
    async with asyncpg.create_pool(host=os.environ["PGHOST"], min_size=2, max_size=3) as found:
        async def use(number):
            async with found.acquire() as connection, connection.transaction():
                await connection.execute("SELECT set_config('app.tenant', $1, false)", str(number))
                return await connection.fetchval("SELECT current_setting('app.tenant')")
        print(sorted(await asyncio.gather(*(use(number) for number in range(9)))))
        print(await found.fetchval("SELECT current_setting('app.tenant', true)"))


@case
async def schema_changes_under_statements():
    connection = await connect()
    await connection.execute("CREATE TABLE app.x7(a int)")
    print(await connection.fetch("SELECT * FROM app.x7"))
    await connection.execute("ALTER TABLE app.x7 ADD COLUMN b int DEFAULT 1")
    await connection.execute("INSERT INTO app.x7 VALUES (1, 2)")
    print(await connection.fetch("SELECT * FROM app.x7"))
    await connection.execute("DROP TABLE app.x7")
    await connection.close()


@case
async def timeouts():
    connection = await connect()
    try:
        await connection.execute("SELECT pg_sleep(60)", timeout=0.3)
    except asyncio.TimeoutError:
        print("late")
    print(await connection.fetchval("SELECT 1"))
    await connection.execute("SET statement_timeout = '200ms'")
    try:
        await connection.execute("SELECT pg_sleep(60)")
    except asyncpg.QueryCanceledError as error:
        print(error.sqlstate)
    await connection.close()


async def main():
    for one in CASES:
        print("==", one.__name__, flush=True)
        try:
            await asyncio.wait_for(one(), 60)
        except Exception as error:  # What a case does not expect is part of what it shows.
            print("failed:", type(error).__name__, (str(error).splitlines() or [""])[0])


if __name__ == "__main__":
    asyncio.run(main())
