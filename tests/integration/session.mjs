// A session of node-postgres that sessions_test.py asks about its state, line by line.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";

const require = createRequire(process.env.AG_MODULES + "/");
const pg = require("pg");

const client = new pg.Client({
  password: readFileSync(process.env.PGPASSFILE, "utf8").trim().split(":").pop(),
  ssl: { ca: readFileSync(process.env.PGSSLROOTCERT, "utf8") },
});
const errors = [];
client.on("error", error => errors.push(error.message));
await client.connect();
await client.query(process.env.AG_SET_STATE);

// Named: parsed once for the connection, and executed by name from then on.
const bodies = { name: "bodies", text: "SELECT body FROM docs WHERE id > $1 ORDER BY id LIMIT 2" };
const put = { name: "put", text: "INSERT INTO log VALUES ($1, $2) RETURNING id" };
await client.query({ ...bodies, values: [0] });
await client.query({ ...put, values: [1000, "first"] });

async function check(number) {
  const region = await client.query("SELECT current_setting('aurora_global.region') AS region");
  const state = await client.query({ text: process.env.AG_STATE, rowMode: "array" });
  const rows = await client.query({ ...bodies, values: [0] });
  await client.query("BEGIN");
  const stored = await client.query({ ...put, values: [number, "node"] });
  await client.query("COMMIT");
  return { region: region.rows[0].region, state: state.rows[0],
    bodies: rows.rows.map(row => row.body), put: stored.rows[0].id, errors };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [order, number] = line.split(" ");
  if (order === "begin") {
    console.log("ready");
    continue;
  }
  console.log(JSON.stringify(await check(Number(number))));
  console.log("done");
}
await client.end();
