import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Node } from 'constructs';

export const PRIMARY_REGION = 'us-east-1';
export const SECONDARY_REGION = 'us-west-2';
export type Region = typeof PRIMARY_REGION | typeof SECONDARY_REGION;

/** The name of the copy that carries the bare names. */
export const DEFAULT_NAME = 'aurora-global';
/** AWS's own example account: synthesis needs no credentials. */
const EXAMPLE_ACCOUNT = '111122223333';

export const ZONES_MAX = 3;

/** What `-c key=value` can say. */
export interface Config {
  /** All physical names derive from it. */
  readonly name: string;
  readonly account: string;
  /** Clusters, keys, the secret and what pins them survive the deletion of the stacks. */
  readonly retain: boolean;
  /** Aurora PostgreSQL, "15.17": the same in both regions. */
  readonly engineVersion: string;
  /** Aurora capacity units of one instance. */
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** Instances of each cluster beside the first. */
  readonly readers: number;
  readonly backupRetentionDays: number;
  readonly logRetentionDays: number;
  /** Zones by their letter; two, or three. One may be added later, none replaced. */
  readonly zones: readonly string[];
  /** Gets a mail of every alarm, once the subscription is confirmed. */
  readonly alarmEmail?: string;
  /** Who may call the failover API: callers that the account's policies allow, or everybody. */
  readonly failoverAuth: 'iam' | 'none';
  /** The folder with the functions' zips; undefined: placeholders, which cannot be deployed. */
  readonly lambdaDir?: string;
}

const KEYS = ['name', 'account', 'retain', 'engineVersion', 'minCapacity', 'maxCapacity', 'readers',
  'backupRetentionDays', 'logRetentionDays', 'zones', 'alarmEmail', 'failoverAuth',
  'lambdaDir'] as const;
type Key = (typeof KEYS)[number];

/** Days for which CloudWatch Logs can keep lines. */
const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653];

/** The CDK's own files, and where in them the context stands. Tools write there for themselves, too. */
const CONTEXT_FILES: readonly [file: string, member?: string][] = [
  ['cdk.context.json'], ['cdk.json', 'context'], [path.join(os.homedir(), '.cdk.json'), 'context'],
];

/** The keys in those files; a file that is not there, or none that can be read, has none. */
function keysInFiles(): Set<string> {
  const keys = new Set<string>();
  for (const [file, member] of CONTEXT_FILES) {
    let content: unknown;
    try {
      content = JSON.parse(fs.readFileSync(file, 'utf8'));
    } catch {
      continue;
    }
    const context = member === undefined ? content : (content as Record<string, unknown>)?.[member];
    if (typeof context === 'object' && context !== null) {
      Object.keys(context).forEach(key => keys.add(key));
    }
  }
  return keys;
}

/** Reads the context. Throws an error that lists everything that is wrong with it. */
export function readConfig(node: Node): Config {
  const problems: string[] = [];
  const given = (key: Key): unknown => node.tryGetContext(key);
  const refuse = (key: Key, right: string) =>
    problems.push(`-c ${key}=${JSON.stringify(given(key))}: must be ${right}`);

  const text = (key: Key, otherwise: string, pattern: RegExp, right: string): string => {
    const value = given(key) ?? otherwise;
    if (typeof value !== 'string' || !pattern.test(value)) refuse(key, right);
    return String(value);
  };
  const number = (key: Key, otherwise: number, right: string,
                  holds: (n: number) => boolean): number => {
    const value = given(key) ?? otherwise;
    const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof parsed !== 'number' || !Number.isFinite(parsed) || !holds(parsed)) {
      refuse(key, right);
      return otherwise;
    }
    return parsed;
  };
  const flag = (key: Key, otherwise: boolean): boolean => {
    const value = given(key) ?? otherwise;
    if (value === true || value === 'true') return true;
    if (value !== false && value !== 'false') refuse(key, 'true or false');
    return false;
  };
  const whole = (min: number, max: number) => (n: number) =>
    Number.isInteger(n) && n >= min && n <= max;
  const units = (min: number) => (n: number) => n >= min && n <= 256 && Number.isInteger(n * 2);

  const foreign = keysInFiles();
  for (const key of Object.keys(node.getAllContext())) {
    // The CDK's own have a colon, but for this one. What stands in a file may be meant for somebody
    // else; what is given by -c is meant for us.
    const ours = !key.includes(':') && key !== 'cli-telemetry' && !foreign.has(key);
    if (ours && !(KEYS as readonly string[]).includes(key)) {
      problems.push(`-c ${key}: there is no such key`);
    }
  }
  const zones = text('zones', 'a,b', /^[a-z](,[a-z]){1,2}$/, 'two or three letters such as a,b')
    .split(',');
  if (new Set(zones).size !== zones.length) refuse('zones', 'different letters');
  const email = given('alarmEmail') === undefined ? undefined :
    text('alarmEmail', '', /^[^@\s]+@[^@\s]+$/, 'a mail address');
  const minCapacity = number('minCapacity', 0.5,
    '0.5 to 256 capacity units in steps of 0.5', units(0.5));
  const config: Config = {
    name: text('name', DEFAULT_NAME, /^(?=.{2,20}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/,
      '2 to 20 lower-case letters, digits and single hyphens, beginning with a letter'),
    account: text('account', process.env.CDK_DEFAULT_ACCOUNT ?? EXAMPLE_ACCOUNT, /^\d{12}$/,
      'the 12 digits of an AWS account'),
    retain: flag('retain', true),
    engineVersion: text('engineVersion', '15.17', /^1[5-9]\.\d{1,2}$/,
      'a version of Aurora PostgreSQL such as 15.17 (15 or newer)'),
    minCapacity,
    maxCapacity: number('maxCapacity', 4,
      `${Math.max(minCapacity, 1)} to 256 capacity units in steps of 0.5`,
      units(Math.max(minCapacity, 1))),
    readers: number('readers', 0, '0 to 14', whole(0, 14)),
    backupRetentionDays: number('backupRetentionDays', 7, '1 to 35', whole(1, 35)),
    logRetentionDays: number('logRetentionDays', 30, `one of ${LOG_DAYS.join(', ')}`,
      n => LOG_DAYS.includes(n)),
    zones,
    ...(email === undefined ? {} : { alarmEmail: email }),
    failoverAuth: text('failoverAuth', 'iam', /^(iam|none)$/, 'iam or none') as 'iam' | 'none',
    ...lambdaDir(given('lambdaDir'), problems),
  };
  if (problems.length > 0) {
    throw new Error(`The context is wrong:\n  ${problems.join('\n  ')}\nKnown: ${KEYS.join(', ')}.`);
  }
  return config;
}

/** The zips that the stacks use; `./dev package` makes them. */
export const ZIPS = ['crud-operations', 'failover', 'global-writer-endpoint'] as const;
export type Zip = (typeof ZIPS)[number];

/** In place of a folder: no functions, whatever has been built. */
const NO_FUNCTIONS = 'none';

/** In a shell of `aurora-global env` the functions trust the platform, not AWS. */
function packageOf(environment: NodeJS.ProcessEnv): string {
  return environment['AURORA_GLOBAL_HOME'] && environment['AWS_ENDPOINT_URL'] ?
    'package-local' : 'package';
}

function lambdaDir(given: unknown, problems: string[]): { lambdaDir?: string } {
  if (given === NO_FUNCTIONS) return {};
  const top = path.join(import.meta.dirname, '..', '..');
  const missing = (folder: string) =>
    ZIPS.map(zip => path.join(folder, `${zip}.zip`)).filter(file => !fs.existsSync(file));
  // "build/package" is said from the top of the repository as well as from here.
  const folders = given === undefined ? [path.join(top, 'build', packageOf(process.env))] :
    [path.resolve(String(given)), path.resolve(top, String(given))];
  const folder = folders.find(one => missing(one).length === 0);
  if (folder !== undefined) return { lambdaDir: folder };
  if (given === undefined) return {};
  problems.push(`-c lambdaDir=${given}: ${missing(folders[0]!).join(', ')} not found; ` +
    'make them by ./dev package');
  return {};
}
