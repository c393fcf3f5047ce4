// Makes the calls that stand as JSON on standard input, one after the other, and prints what came
// of each: [{service, command, input}] -> [{output} or {error}]. Arguments: the folder of
// node_modules.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
const require = createRequire(process.argv[2] + "/package.json");

const results = [];
for (const { service, command, input } of JSON.parse(await text(process.stdin))) {
  const sdk = require(`@aws-sdk/client-${service}`);
  const client = Object.keys(sdk).find(name => /^[A-Z]\w*Client$/.test(name));
  try {
    const { $metadata, ...output } =
        await new sdk[client]({}).send(new sdk[`${command}Command`](input));
    results.push({ output });
  } catch (error) {
    results.push({ error: { name: error.name, message: error.message,
                            status: error.$metadata?.httpStatusCode ?? null } });
  }
}
console.log(JSON.stringify(results, (key, value) =>
  value instanceof Uint8Array ? Buffer.from(value).toString() : value));
