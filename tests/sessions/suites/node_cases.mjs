// What applications with node-postgres, knex, Sequelize and TypeORM do. Prints what they see, case
// by case. AG_MODULES is the folder of their modules.
import { createRequire } from "node:module";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { Writable } from "node:stream";

const require = createRequire(path.join(process.env.AG_MODULES, "x.js"));
const pg = require("pg");
const QueryStream = require("pg-query-stream");
const show = (...values) => console.log(...values.map((value) => JSON.stringify(value)));

async function withClient(options, work) {
  const client = new pg.Client(options);
  client.on("error", (error) => console.log("lost:", error.message));
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const cases = {
  async pg_prepared() {
    await withClient({}, async (client) => {
      for (let n = 0; n < 3; n++) {
        const query = { name: "twice", text: "SELECT $1::int * 2 AS twice", values: [n] };
        show((await client.query(query)).rows);
      }
      show((await client.query("SELECT count(*)::int FROM pg_prepared_statements")).rows);
    });
  },
  async pg_transaction_and_error() {
    await withClient({}, async (client) => {
      await client.query("BEGIN");
      await client.query("INSERT INTO app.t VALUES ($1, 1, $2)", [200, "node"]);
      await client.query("SAVEPOINT a");
      await client.query("INSERT INTO app.t VALUES (1, 1, '')").catch((e) => show(e.code, e.detail));
      await client.query("ROLLBACK TO a");
      await client.query("COMMIT");
      show((await client.query("SELECT s FROM app.t WHERE id = 200")).rows);
    });
  },
  async pg_queries_queued() {
    await withClient({}, async (client) => {
      const all = [1, 2, 3, 4, 5].map((n) => client.query("SELECT $1::int AS n", [n]));
      show((await Promise.all(all)).map((one) => one.rows[0].n));
      const mixed = await Promise.allSettled([
        client.query("SELECT nosuch"), client.query("SELECT 1 AS one"),
        client.query("SELECT $1::int AS a", ["x"]), client.query("SELECT 2 AS two")]);
      show(mixed.map((one) => one.reason?.code ?? one.value.rows));
    });
  },
  async pg_several_statements() {
    await withClient({}, async (client) => {
      const results = await client.query("SET app.tenant = 'red'; SELECT 1 AS a; SELECT id FROM app.docs");
      show(results.map((one) => [one.command, one.rows]));
    });
  },
  async pg_streams() {
    await withClient({}, async (client) => {
      let sum = 0;
      const rows = client.query(new QueryStream("SELECT generate_series(1, 500) AS n", [], { batchSize: 20 }));
      await pipeline(rows, new Writable({ objectMode: true, write(row, _, done) { sum += row.n; done(); } }));
      show(sum);
      show((await client.query("SELECT 1 AS after")).rows);
    });
  },
  async pg_notifications() {
    await withClient({}, async (client) => {
      const heard = [];
      const three = new Promise((resolve) => client.on("notification", (one) => {
        heard.push(one.payload);
        if (heard.length === 3) resolve();
      }));
      await client.query("LISTEN node");
      for (const payload of ["a", "b", "c"]) await client.query("SELECT pg_notify('node', $1)", [payload]);
      await three;
      show(heard);
    });
  },
  async pg_settings_and_notices() {
    const options = { application_name: "node cases", statement_timeout: 20000, options: "-c work_mem=6MB" };
    await withClient(options, async (client) => {
      client.on("notice", (notice) => show("notice", notice.message));
      await client.query("SELECT app.note('x')");
      show((await client.query("SELECT current_setting('statement_timeout') AS t, current_setting('work_mem') AS w, current_setting('application_name') AS a")).rows);
    });
  },
  async pg_pool() {
    const pool = new pg.Pool({ max: 3 });
    const rows = await Promise.all([...Array(12).keys()].map((n) => pool.query("SELECT $1::int AS n", [n])));
    show(rows.map((one) => one.rows[0].n));
    await pool.end();
  },
  async knex() {
    const database = require("knex")({ client: "pg", connection: { options: "-c search_path=app" }, pool: { min: 0, max: 2 } });
    try {
      await database.schema.createTable("x_knex", (table) => { table.increments(); table.string("name").unique(); table.jsonb("data"); });
      show(await database("x_knex").insert([{ name: "a", data: { k: 1 } }, { name: "b" }]).returning(["id", "name"]));
      await database.transaction(async (one) => {
        await one("x_knex").where({ name: "a" }).update({ name: "ä" });
        await one.transaction(async (two) => { await two("x_knex").insert({ name: "c" }); throw new Error("undo"); }).catch((e) => show(e.message));
      });
      await database("x_knex").insert({ name: "ä" }).catch((e) => show(e.code));
      show(await database("x_knex").select("name", "data").orderBy("id"));
      show(await database.raw("SELECT ?::int AS n", [5]).then((one) => one.rows));
      await database.schema.dropTable("x_knex");
    } finally {
      await database.destroy();
    }
  },
  async sequelize() {
    const { Sequelize, DataTypes } = require("sequelize");
    const database = new Sequelize(process.env.PGDATABASE, process.env.PGUSER, process.env.PGPASSWORD, {
      dialect: "postgres", host: process.env.PGHOST, logging: false, pool: { max: 2 }, schema: "app",
      define: { timestamps: false } });
    try {
      const Person = database.define("x_person", { name: { type: DataTypes.STRING, unique: true }, age: DataTypes.INTEGER });
      await database.sync();
      await Person.bulkCreate([{ name: "Ann", age: 30 }, { name: "Bob", age: 40 }]);
      await database.transaction(async (transaction) => {
        const ann = await Person.findOne({ where: { name: "Ann" }, lock: true, transaction });
        await ann.increment("age", { transaction });
      });
      await Person.create({ name: "Ann" }).catch((e) => show(e.name));
      const [found, made] = await Person.findOrCreate({ where: { name: "Cid" }, defaults: { age: 1 } });
      show(found.name, made);
      show(await Person.upsert({ id: 1, name: "Ann", age: 99 }).then((one) => one[0].age));
      show(await Person.findAll({ order: ["id"], raw: true }));
      await Person.drop();
    } finally {
      await database.close();
    }
  },
  async typeorm() {
    const { DataSource, EntitySchema } = require("typeorm");
    const Item = new EntitySchema({ name: "Item", tableName: "x_item", columns: {
      id: { type: "int", primary: true, generated: true }, name: { type: "varchar" }, tags: { type: "text", array: true, default: "{}" } } });
    const source = new DataSource({ type: "postgres", host: process.env.PGHOST, username: process.env.PGUSER,
      password: process.env.PGPASSWORD, database: process.env.PGDATABASE, schema: "app", entities: [Item], synchronize: true });
    await source.initialize();
    try {
      const items = source.getRepository(Item);
      await items.save([{ name: "one", tags: ["a"] }, { name: "two" }]);
      await source.transaction("SERIALIZABLE", async (manager) => {
        await manager.getRepository(Item).increment({ name: "one" }, "id", 10);
      });
      await source.transaction(async (manager) => {
        await manager.getRepository(Item).delete({ name: "two" });
        throw new Error("rolled back");
      }).catch((e) => show(e.message));
      show(await items.createQueryBuilder("i").where("i.id > :id", { id: 0 }).orderBy("i.name").getMany());
      const runner = source.createQueryRunner();
      await runner.dropTable("app.x_item");
      await runner.release();
    } finally {
      await source.destroy();
    }
  },
};

for (const [name, run] of Object.entries(cases)) {
  console.log("==", name);
  try {
    await run();
  } catch (error) {
    console.log("failed:", error.code ?? error.name, String(error.message).split("\n")[0]);
  }
}
process.exit(0);
