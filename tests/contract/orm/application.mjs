// An application with an ORM on a forwarding standby: migrations, nested transactions, a pool under
// contention, streams, notifications. What it wrote is read again at the primary.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { ModeClient, ModePool, connected, eventually, forwarding, pg, primary, require }
  from "./connections.mjs";

const { DataSource, EntitySchema } = require("typeorm");
const QueryStream = require("pg-query-stream");
const Cursor = require("pg-cursor");

const kPool = 8;
const increment = { type: "integer", primary: true, generated: "increment" };

const Realm = new EntitySchema({
  name: "Realm", tableName: "realm",
  columns: {
    id: increment,
    name: { type: "text", unique: true },
    enabled: { type: "boolean", default: true },
    // 0 until the second migration has filled it.
    tokenLife: { name: "token_life", type: "integer", default: 300 },
    version: { type: "integer", version: true },
  },
  relations: { clients: { type: "one-to-many", target: "Client", inverseSide: "realm" } },
});
const Client = new EntitySchema({
  name: "Client", tableName: "client",
  columns: {
    id: increment,
    key: { type: "text" },
    settings: { type: "jsonb", nullable: true },
    secret: { type: "bytea", nullable: true },
    tags: { type: "text", array: true, nullable: true },
    price: { type: "numeric", precision: 20, scale: 4, nullable: true },
    at: { type: "timestamptz", nullable: true },
  },
  relations: {
    realm: { type: "many-to-one", target: "Realm", joinColumn: { name: "realm_id" },
      inverseSide: "clients", cascade: ["insert"] },
  },
});

// As Keycloak's: tables, indexes, constraints, columns that change, and at once what uses them.
class Tables1700000000001 {
  async up(runner) {
    await runner.query(`CREATE TABLE realm(id serial PRIMARY KEY, name text NOT NULL,
      enabled boolean NOT NULL DEFAULT true, version int NOT NULL DEFAULT 1)`);
    await runner.query(`CREATE TABLE client(id serial PRIMARY KEY, realm_id int, key varchar(20),
      settings jsonb, secret bytea, tags text[], price numeric(20, 4), at timestamptz)`);
    await runner.query("ALTER TABLE realm ADD CONSTRAINT realm_name UNIQUE (name)");
    await runner.query(`ALTER TABLE client ADD CONSTRAINT client_realm FOREIGN KEY (realm_id)
      REFERENCES realm ON DELETE CASCADE`);
    await runner.query("CREATE INDEX client_settings ON client USING gin (settings)");
    await runner.query("INSERT INTO realm(name) VALUES ($1), ($2)", ["master", "other"]);
  }
  async down(runner) {
    await runner.query("DROP TABLE client");
    await runner.query("DROP TABLE realm");
  }
}
class Columns1700000000002 {
  async up(runner) {
    await runner.query("ALTER TABLE realm ADD COLUMN token_life int");
    await runner.query("UPDATE realm SET token_life = length(name) * $1", [100]);
    await runner.query("ALTER TABLE realm ALTER COLUMN token_life SET NOT NULL");
    await runner.query("ALTER TABLE realm ALTER COLUMN token_life SET DEFAULT 300");
    await runner.query("ALTER TABLE client ALTER COLUMN key TYPE text");
    await runner.query("CREATE UNIQUE INDEX client_key ON client(realm_id, lower(key))");
    const rows = await runner.query("SELECT id, name FROM realm WHERE token_life > $1", [500]);
    for (const { id, name } of rows) {
      await runner.query("INSERT INTO client(realm_id, key) VALUES ($1, $2)", [id, `of ${name}`]);
    }
  }
  async down(runner) {
    await runner.query("DELETE FROM client WHERE key LIKE 'of %'");
    await runner.query("DROP INDEX client_key");
    await runner.query("ALTER TABLE realm DROP COLUMN token_life");
  }
}

const source = (options = {}) => new DataSource({
  type: "postgres", ...forwarding(), username: process.env.PGUSER, poolSize: kPool,
  driver: { ...pg, Client: ModeClient, Pool: ModePool },
  entities: [Realm, Client], migrations: [Tables1700000000001, Columns1700000000002],
  // A pool has many sessions: what one wrote another reads, so they wait for each other.
  extra: { options: "-c apg_write_forward.consistency_mode=GLOBAL" }, ...options,
});

let application, realms, clients, there;
const held = async (text, values) => (await there.query(text, values)).rows;
const codeOf = async (promise) => promise.then(() => "none", (error) => error.code);

before(async () => {
  there = await connected(primary());
  await there.query("CREATE TABLE migration_lock(id int PRIMARY KEY, locked boolean NOT NULL)");
  await there.query("INSERT INTO migration_lock VALUES (1, false)");
});
after(async () => {
  await application?.destroy();
  await there?.end();
});

// Two instances of the application start at once; a row is the lock, as Liquibase's.
async function migrateUnderLock(instance) {
  const runner = instance.createQueryRunner();
  await eventually(async () => {
    const [, locked] = await runner.query(
      "UPDATE migration_lock SET locked = true WHERE id = $1 AND NOT locked", [1]);
    return locked === 1;
  }, "the lock of the migrations");
  const ran = await instance.runMigrations({ transaction: "each" });
  await runner.query("UPDATE migration_lock SET locked = false WHERE id = $1", [1]);
  await runner.release();
  return ran.length;
}

test("migrations run once, go back and come again", async () => {
  const here = await connected(forwarding());
  await eventually(async () => (await here.query("SELECT to_regclass('migration_lock')::text"))
    .rows[0].to_regclass, "the table of the lock on the standby");
  await here.end();
  const instances = await Promise.all([source().initialize(), source().initialize()]);
  const ran = await Promise.all(instances.map(migrateUnderLock));
  assert.deepEqual(ran.sort(), [0, 2]);
  application = instances[0];
  await instances[1].destroy();
  assert.deepEqual(await held("SELECT name, token_life FROM realm ORDER BY id"),
    [{ name: "master", token_life: 600 }, { name: "other", token_life: 500 }]);
  await application.undoLastMigration();
  assert.deepEqual((await held("SELECT * FROM realm WHERE id = 1"))[0],
    { id: 1, name: "master", enabled: true, version: 1 });
  assert.equal((await application.runMigrations()).length, 1);
  assert.deepEqual(await held("SELECT key FROM client"), [{ key: "of master" }]);
  assert.deepEqual((await held("SELECT name FROM migrations ORDER BY id")).map((row) => row.name),
    ["Tables1700000000001", "Columns1700000000002"]);
  realms = application.getRepository(Realm);
  clients = application.getRepository(Client);
});

test("migrations in one transaction under an advisory lock", async () => {
  const runner = application.createQueryRunner();
  await runner.startTransaction();
  await runner.query("SELECT pg_advisory_xact_lock($1)", [4711]);
  assert.deepEqual(await held("SELECT pg_try_advisory_lock(4711) AS got"), [{ got: false }]);
  await runner.query("CREATE TABLE failing(i int)");
  await runner.query("INSERT INTO failing VALUES ($1)", [1]);
  assert.equal(await codeOf(runner.query("ALTER TABLE failing ADD CHECK (i > 1)")), "23514");
  await runner.rollbackTransaction();
  await runner.release();
  assert.deepEqual(await held("SELECT to_regclass('failing') AS t"), [{ t: null }]);
});

test("what is written is read, its keys come back", async () => {
  for (let i = 0; i < 24; ++i) {
    const saved = await realms.save({ name: `realm ${i}` });
    assert.equal(saved.version, 1);
    const read = await realms.findOneByOrFail({ id: saved.id });
    assert.equal(read.name, `realm ${i}`);
    read.enabled = false;
    await realms.save(read);
    assert.equal((await realms.findOneByOrFail({ id: saved.id })).version, 2);
    if (i % 2) continue;
    await realms.remove(read);
    assert.equal(await realms.existsBy({ name: `realm ${i}` }), false);
  }
  assert.deepEqual(await held(
    "SELECT count(*)::int, sum(version)::int FROM realm WHERE name LIKE 'realm %'"),
    [{ count: 12, sum: 24 }]);
});

test("in one session the default consistency is enough", async () => {
  const one = await connected(forwarding());
  for (let i = 0; i < 24; ++i) {
    const { rows } = await one.query("INSERT INTO client(key) VALUES ($1) RETURNING id", [`s${i}`]);
    const read = await one.query("SELECT key FROM client WHERE id = $1", [rows[0].id]);
    assert.deepEqual(read.rows, [{ key: `s${i}` }]);
  }
  assert.equal((await one.query("DELETE FROM client WHERE realm_id IS NULL")).rowCount, 24);
  await one.end();
});

test("an inner block rolls back alone", async () => {
  await application.transaction(async (outer) => {
    assert.equal(await outer.countBy(Realm, { name: "master" }), 1);
    const realm = await outer.save(Realm, { name: "outer" });
    await assert.rejects(outer.transaction(async (inner) => {
      await inner.save(Client, { realm, key: "lost" });
      await inner.save(Realm, { name: "master" });
    }), { code: "23505", constraint: "realm_name" });
    assert.equal(await outer.countBy(Client, { realm: { id: realm.id } }), 0);
    await outer.transaction(async (inner) => {
      await inner.save(Client, { realm, key: "kept" });
      await assert.rejects(inner.transaction(async (innermost) => {
        await innermost.update(Client, { key: "kept" }, { key: "changed" });
        throw new Error("the application's own");
      }), /own/);
      assert.equal(await inner.countBy(Client, { key: "kept" }), 1);
    });
  });
  assert.deepEqual(await held(
    "SELECT key FROM client JOIN realm r ON r.id = realm_id WHERE r.name = 'outer'"),
    [{ key: "kept" }]);
  await assert.rejects(application.transaction(async (outer) => {
    await outer.transaction((inner) => inner.save(Realm, { name: "never" }));
    throw new Error("after the inner one");
  }), /after/);
  assert.deepEqual(await held("SELECT count(*)::int FROM realm WHERE name = 'never'"),
    [{ count: 0 }]);
});

test("columns of all kinds", async () => {
  const secret = Buffer.from([...Array(256).keys()]);
  const at = new Date("2001-02-03T04:05:06.789Z");
  const settings = { list: [1, "zwei", null], deep: { quote: "'\"\\", snow: "☃" } };
  const realm = await realms.findOneByOrFail({ name: "master" });
  const { id } = await clients.save(
    { realm, key: "kinds", settings, secret, tags: ["a,b", 'c"d', ""], price: "12345.6789", at });
  const read = await clients.findOne({ where: { id }, relations: { realm: true } });
  assert.deepEqual(read, { id, key: "kinds", settings, secret, tags: ["a,b", 'c"d', ""],
    price: "12345.6789", at, realm });
  const [{ same }] = await held(
    "SELECT secret = $2 AND settings = $3 AS same FROM client WHERE id = $1",
    [id, secret, settings]);
  assert.equal(same, true);
  const binary = await connected(forwarding(), { binary: true });
  const { rows } = await binary.query(
    "UPDATE client SET price = price WHERE id = $1 RETURNING id, key, price > 1 AS dear", [id]);
  assert.deepEqual(rows, [{ id, key: "kinds", dear: true }]);
  await binary.end();
  const found = await clients.createQueryBuilder("c")
    .where("c.settings @> :part", { part: { deep: { snow: "☃" } } }).getMany();
  assert.deepEqual(found.map((one) => one.id), [id]);
});

test("of a unique key there is one, whoever races for it", async () => {
  const outcomes = await Promise.all([...Array(10 * kPool).keys()].map((i) =>
    codeOf(realms.insert({ name: `raced ${i % 10}` }))));
  assert.equal(outcomes.filter((code) => code === "none").length, 10);
  assert.equal(outcomes.filter((code) => code === "23505").length, 10 * (kPool - 1));
  assert.deepEqual(await held("SELECT count(*)::int FROM realm WHERE name LIKE 'raced %'"),
    [{ count: 10 }]);
});

test("optimistic locking loses no update", async () => {
  const { id } = await realms.save({ name: "counter", tokenLife: 0 });
  const increments = 5;
  const worker = async () => {
    for (let done = 0; done < increments; ) {
      const read = await realms.findOneByOrFail({ id });
      const { affected } = await realms.update({ id, version: read.version },
        { tokenLife: read.tokenLife + 1 });
      done += affected;
    }
  };
  await Promise.all(Array.from({ length: kPool }, worker));
  assert.deepEqual(await held("SELECT token_life, version FROM realm WHERE id = $1", [id]),
    [{ token_life: kPool * increments, version: 1 + kPool * increments }]);
});

test("a deadlock and a serialization failure are told and retried", async () => {
  const [a, b] = await realms.save([{ name: "a", tokenLife: 0 }, { name: "b", tokenLife: 0 }]);
  const failures = [];
  const retried = async (isolation, work) => {
    for (;;) {
      try {
        return await application.transaction(isolation, work);
      } catch (error) {
        failures.push(error.code);
        if (!["40P01", "40001"].includes(error.code)) throw error;
      }
    }
  };
  // Each goes on when the other has arrived once, too.
  const meeting = () => {
    let arrived = 0, open;
    const opened = new Promise((resolve) => (open = resolve));
    return () => (++arrived >= 2 ? (open(), opened) : opened);
  };
  let meet = meeting();
  const both = (first, second) => retried("READ COMMITTED", async (manager) => {
    await manager.increment(Realm, { id: first.id }, "tokenLife", 1);
    await meet();
    await manager.increment(Realm, { id: second.id }, "tokenLife", 1);
  });
  await Promise.all([both(a, b), both(b, a)]);
  assert.deepEqual([...new Set(failures.splice(0))], ["40P01"]);
  const lives = "SELECT token_life FROM realm WHERE name IN ('a', 'b') ORDER BY name";
  assert.deepEqual(await held(lives), [{ token_life: 2 }, { token_life: 2 }]);

  meet = meeting();
  const skewed = (mine) => retried("SERIALIZABLE", async (manager) => {
    const sum = await manager.sum(Realm, "tokenLife", [{ name: "a" }, { name: "b" }]);
    await meet();
    await manager.update(Realm, { id: mine.id }, { tokenLife: sum });
  });
  await Promise.all([skewed(a), skewed(b)]);
  assert.deepEqual([...new Set(failures)], ["40001"]);
  const after = (await held(lives)).map((row) => row.token_life).sort((x, y) => x - y);
  assert.deepEqual(after, [4, 6]);  // One after the other: 2 + 2, then 4 + 2.
});

test("rows stream, of reads and of writes, from here and from there", async () => {
  await clients.insert([...Array(500).keys()].map((i) => ({ key: `row ${i}` })));
  const builder = () =>
    clients.createQueryBuilder("c").where("c.key LIKE :like", { like: "row %" });
  const count = async (stream) => {
    let rows = 0;
    for await (const row of stream) rows += row.c_id > 0 ? 1 : 0;
    return rows;
  };
  assert.equal(await count(await builder().stream()), 500);
  await application.transaction(async (manager) => {
    await manager.insert(Client, { key: "row of this transaction" });
    const runner = manager.queryRunner;
    assert.equal(await count(await builder().setQueryRunner(runner).stream()), 501);
  });
  const client = await connected(forwarding());
  const stream = client.query(new QueryStream(
    "UPDATE client SET tags = $1 WHERE key LIKE 'row %' RETURNING id", [["seen"]],
    { batchSize: 7 }));
  let seen = 0;
  for await (const row of stream) seen += row.id > 0 ? 1 : 0;
  assert.equal(seen, 501);
  // A cursor that is left before its end, between other statements of a transaction.
  await client.query("BEGIN");
  await client.query("DELETE FROM client WHERE key = $1", ["row 0"]);
  const cursor = client.query(new Cursor(
    "SELECT id FROM client WHERE tags = $1 ORDER BY id FOR UPDATE", [["seen"]]));
  assert.equal((await cursor.read(10)).length, 10);
  assert.equal((await cursor.read(3)).length, 3);
  await cursor.close();
  await client.query("ROLLBACK");
  await client.end();
  assert.deepEqual(await held("SELECT count(*)::int FROM client WHERE tags = '{seen}'"),
    [{ count: 501 }]);
});

test("notifications arrive at a session that listens", async () => {
  const listener = await connected(forwarding());
  const heard = [];
  listener.on("notification", ({ channel, payload }) => heard.push(`${channel}: ${payload}`));
  await listener.query("LISTEN news");
  await application.query("SELECT pg_notify($1, $2)", ["news", "from the standby"]);
  await eventually(() => heard.length === 1, "a notification through the standby");
  await there.query("SELECT pg_notify('news', 'from the primary')");
  await eventually(() => heard.length === 2, "a notification from the primary");
  // The session works while it listens, and learns of its own commit.
  await listener.query("BEGIN");
  await listener.query("SELECT pg_notify($1, $2)", ["news", "own"]);
  await listener.query("COMMIT");
  await eventually(() => heard.length === 3, "its own notification");
  assert.deepEqual((await listener.query("SELECT name FROM realm WHERE id = $1", [1])).rows,
    [{ name: "master" }]);
  await listener.query("UNLISTEN *");
  await there.query("SELECT pg_notify('news', 'to nobody')");
  await listener.query("SELECT 1");
  assert.deepEqual(heard,
    ["news: from the standby", "news: from the primary", "news: own"]);
  await listener.end();
});

test("what is cancelled goes on nowhere", async () => {
  const marker = `/* cancelled ${process.env.AG_MODE} */`;
  const running = "SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active' " +
    "AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()";
  const client = await connected(forwarding());
  await client.query("SET statement_timeout = 300");
  const long = `${marker} INSERT INTO client(key) SELECT $1 FROM pg_sleep(100)`;
  assert.equal(await codeOf(client.query(long, ["never"])), "57014");
  await client.query("BEGIN");
  await client.query("INSERT INTO client(key) VALUES ($1)", ["rolled back"]);
  assert.equal(await codeOf(client.query(long, ["never"])), "57014");
  assert.equal(await codeOf(client.query("SELECT 1")), "25P02");
  await client.query("ROLLBACK");
  await client.query("SET statement_timeout = 0");
  await eventually(async () => (await held(running, [marker]))[0].count === 0,
    "the statement ends at the primary");
  // A lock that is waited for there; a person cancels it here.
  const { rows: [{ pid }] } = await client.query("SELECT pg_backend_pid() AS pid");
  const owner = await connected(primary());
  await owner.query("BEGIN");
  await owner.query("LOCK TABLE client");
  const waiting = codeOf(client.query(`${marker} DELETE FROM client WHERE key = $1`, ["row 1"]));
  await eventually(async () => (await held(running, [marker]))[0].count === 1,
    "the statement waits at the primary");
  const other = await connected(forwarding());
  await other.query("SELECT pg_cancel_backend($1)", [pid]);
  assert.equal(await waiting, "57014");
  await eventually(async () => (await held(running, [marker]))[0].count === 0,
    "the wait ends at the primary");
  await owner.query("COMMIT");
  await Promise.all([owner, other].map((one) => one.end()));
  await client.end();
  assert.deepEqual(await held(
    "SELECT key FROM client WHERE key IN ('never', 'rolled back', 'row 1')"), [{ key: "row 1" }]);
});
