import { CfnRule, Fn, RemovalPolicy, Stack, Tags, Validations } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Config, Region } from '../config.js';
import { Names } from '../names.js';

/** What all stacks share: the configuration, the names and the zones of their region. */
export class BaseStack extends Stack {
  readonly names: Names;

  constructor(scope: Construct, id: string, readonly config: Config, readonly home: Region,
              description: string) {
    const names = new Names(config.name);
    // Of the stack, which destroy.sh reads, and of every resource.
    const tags = {
      'aurora-global:name': config.name, 'aurora-global:retain': String(config.retain),
    };
    super(scope, id, {
      stackName: names.stack(id),
      description,
      env: { account: config.account, region: home },
      tags,
    });
    this.names = names;
    for (const [key, value] of Object.entries(tags)) Tags.of(this).add(key, value);
    Validations.of(this).acknowledge({
      id: 'CloudFormation-Validate::W3010',
      reason: 'The zones are configuration: looking them up would need credentials at synthesis',
    });
  }

  static override of(construct: Construct): BaseStack {
    return Stack.of(construct) as BaseStack;
  }

  /** Fixed, so that synthesis asks nobody. */
  override get availabilityZones(): string[] {
    return this.config.zones.map(letter => `${this.home}${letter}`);
  }

  /** Of data, keys, and what they pin. */
  get retention(): RemovalPolicy {
    return this.config.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
  }

  /** Lets CloudFormation refuse a deployment whose functions are placeholders. */
  protected refusePlaceholders(): void {
    if (this.config.lambdaDir !== undefined) return;
    new CfnRule(this, 'FunctionsAreBuilt', {
      assertions: [{
        assert: Fn.conditionEquals('placeholder', 'built'),
        assertDescription: 'The functions in this template are placeholders: they are not built. ' +
          'Build them by ./dev package and deploy again, or deploy with ./deploy.sh.',
      }],
    });
  }
}
