// Runs the statements of a JSON file one by one by the extended protocol and prints what each gave:
// rows, columns, tag, notices, or the error with all its fields. Object ids of the user's types
// differ from database to database and are left out.
//
// Columns come in text; in mode "prepared" in binary, where `pg` reads them.
//
//   node extended.mjs HOST STATEMENTS.json
import { readFileSync } from "node:fs";
import { at, connected } from "./connections.mjs";

const kFirstUserOid = 16_384;
const kErrorFields = ["severity", "code", "message", "detail", "hint", "position",
  "internalPosition", "internalQuery", "where", "schema", "table", "column", "dataType",
  "constraint", "file", "line", "routine"];

// The number in the name of a schema of temporary tables is the session's.
const text = (value) => value.replace(/pg_temp_\d+/, "pg_temp");
const fields = (message) => Object.fromEntries(
  kErrorFields.filter((name) => message[name]).map((name) => [name, text(message[name])]));
const type = (field) => (field.dataTypeID < kFirstUserOid ? field.dataTypeID : "user's");

const client = await connected(at(process.argv[2]), { binary: process.env.AG_MODE === "prepared" });
const seen = [];
client.on("notice", (message) => seen.push(fields(message)));
client.on("notification", ({ channel, payload }) => seen.push({ channel, payload }));
// Of parameters that PostgreSQL reports, as drivers rely on them.
client.connection.on("parameterStatus", ({ parameterName, parameterValue }) =>
  seen.push({ [parameterName]: parameterValue }));

for (const statement of JSON.parse(readFileSync(process.argv[3], "utf8"))) {
  const out = { statement };
  try {
    const result = await client.query(statement);
    out.tag = [result.command, result.rowCount];
    out.columns = result.fields.map((field) => [field.name, type(field), field.format]);
    out.rows = result.rows.map((row) => Object.values(row));
  } catch (error) {
    if (!error.code) throw error;
    out.error = fields(error);
  }
  out.seen = seen.splice(0);
  console.log(JSON.stringify(out));
}
await client.end();
