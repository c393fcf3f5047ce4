// Where the clients of these tests connect: through the forwarding standby, and to the primary for
// what it holds.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export const require = createRequire(`${process.env.AG_MODULES}/`);
export const pg = require("pg");

export const at = (host, database = process.env.AG_DATABASE) => ({
  host, database, port: 5432, user: process.env.PGUSER,
  ssl: { ca: readFileSync(process.env.PGSSLROOTCERT) },
});
export const forwarding = () => at(process.env.AG_FORWARDING);
export const primary = () => at(process.env.AG_PRIMARY);

// AG_MODE "plain": as `pg` does it, statements without parameters by the simple protocol. "unnamed":
// all by the extended one. "prepared": by named statements, each prepared once in a session, as JDBC
// and Postgrex do.
export class ModeClient extends pg.Client {
  query(config, values, callback) {
    if (typeof config !== "string" || process.env.AG_MODE === "plain") {
      return super.query(config, values, callback);
    }
    if (typeof values === "function") [values, callback] = [undefined, values];
    const query = { text: config, values, queryMode: "extended" };
    if (process.env.AG_MODE === "prepared") {
      query.name = createHash("sha1").update(config).digest("hex");
    }
    return callback ? super.query(query, callback) : super.query(query);
  }
}

export class ModePool extends pg.Pool {
  constructor(options) {
    super(options, ModeClient);
    this.Client = ModeClient;
  }
}

export async function connected(where, options = {}) {
  const client = new ModeClient({ ...where, ...options });
  await client.connect();
  return client;
}

// The first true value of `condition()`.
export async function eventually(condition, what, limitMs = 20_000) {
  for (const ends = Date.now() + limitMs; ; ) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > ends) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
