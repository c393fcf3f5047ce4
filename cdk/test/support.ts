import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { App } from 'aws-cdk-lib';
import { build } from '../lib/app.js';

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, any>;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: string[];
}
export interface TemplateJson {
  readonly Resources: Record<string, Resource>;
  readonly Outputs?: Record<string, { Value: unknown }>;
  readonly Rules?: Record<string, unknown>;
}

/** With placeholders, whatever has been built on this machine. */
export const CONTEXT: Record<string, unknown> = {
  ...JSON.parse(fs.readFileSync(new URL('../cdk.json', import.meta.url), 'utf8')).context,
  lambdaDir: 'none',
};

export const STACKS = {
  primaryKeys: 'AuroraGlobalKmsStackPrimary',
  secondaryKeys: 'AuroraGlobalKmsStackSecondary',
  primary: 'AuroraGlobalPrimaryStack',
  secondary: 'AuroraGlobalSecondaryStack',
  routes: 'AuroraGlobalPeeringRoutesStack',
} as const;

/** The synthesized app under a context; the same context is synthesized once. */
export class Synthesized {
  private static readonly done = new Map<string, Synthesized>();
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aurora-global-cdk-'));
  readonly app: App;
  readonly stackNames: string[];
  readonly stackTags: Record<string, string>[];

  private constructor(context: Record<string, unknown>) {
    this.app = build({ context: { ...CONTEXT, ...context }, outdir: this.folder }).app;
    const { stacks } = this.app.synth();
    this.stackNames = stacks.map(stack => stack.stackName);
    this.stackTags = stacks.map(stack => stack.tags);
  }

  static under(context: Record<string, unknown> = {}): Synthesized {
    const key = JSON.stringify(context);
    let found = this.done.get(key);
    if (!found) this.done.set(key, found = new Synthesized(context));
    return found;
  }

  static removeAll(): void {
    for (const { folder } of this.done.values()) fs.rmSync(folder, { recursive: true, force: true });
  }

  template(id: string): TemplateJson {
    return JSON.parse(fs.readFileSync(path.join(this.folder, `${id}.template.json`), 'utf8'));
  }
  get primary(): TemplateJson { return this.template(STACKS.primary); }
  get secondary(): TemplateJson { return this.template(STACKS.secondary); }
  /** Both region stacks, for what holds in either. */
  get regions(): (readonly [string, TemplateJson])[] {
    return [['us-east-1', this.primary], ['us-west-2', this.secondary]];
  }
  get all(): [string, TemplateJson][] {
    return Object.values(STACKS).map(id => [id, this.template(id)]);
  }
}

process.on('exit', () => Synthesized.removeAll());

export function ofType(template: TemplateJson, type: string): Resource[] {
  return Object.values(template.Resources).filter(one => one.Type === type);
}

export function only(template: TemplateJson, type: string,
                     holds: (r: Resource) => boolean = () => true): Resource {
  const found = ofType(template, type).filter(holds);
  if (found.length !== 1) throw new Error(`${found.length} resources of type ${type}, wanted one`);
  return found[0]!;
}

/** The function whose name ends so, its role's statements, and its log group. */
export function lambdaNamed(template: TemplateJson, name: string) {
  const fn = only(template, 'AWS::Lambda::Function', r => r.Properties.FunctionName === name);
  const role: string = fn.Properties.Role['Fn::GetAtt'][0];
  const statements: Record<string, any>[] = ofType(template, 'AWS::IAM::Policy')
    .filter(policy => policy.Properties.Roles.some((r: any) => r.Ref === role))
    .flatMap(policy => policy.Properties.PolicyDocument.Statement);
  const logGroup = template.Resources[fn.Properties.LoggingConfig.LogGroup.Ref]!;
  return { fn, role: template.Resources[role]!, statements, logGroup };
}

/** The value of an intrinsic that only joins text, with `<...>` for what deployment fills in. */
export function flat(value: any): string {
  if (typeof value === 'string') return value;
  if (value?.Ref) return `<${value.Ref}>`;
  if (value?.['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`;
  if (value?.['Fn::Join']) return value['Fn::Join'][1].map(flat).join(value['Fn::Join'][0]);
  if (value?.['Fn::GetStackOutput']) {
    const { StackName, Region, OutputName } = value['Fn::GetStackOutput'];
    return `<${StackName} in ${Region}: ${OutputName}>`;
  }
  return JSON.stringify(value);
}

/** `Action` and `Resource` are one or several. */
export function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}
