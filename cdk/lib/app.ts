import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { PRIMARY_REGION, readConfig, SECONDARY_REGION } from './config.js';
import { KmsStack } from './stacks/kms-stack.js';
import { PeeringRoutesStack } from './stacks/peering-routes-stack.js';
import { PrimaryStack } from './stacks/primary-stack.js';
import { SecondaryStack } from './stacks/secondary-stack.js';

/** The five stacks, in the order in which they are deployed. */
export function build(props?: AppProps) {
  const app = new App(props);
  const config = readConfig(app.node);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const primaryKeys = new KmsStack(app, 'AuroraGlobalKmsStackPrimary', config, PRIMARY_REGION);
  const secondaryKeys =
    new KmsStack(app, 'AuroraGlobalKmsStackSecondary', config, SECONDARY_REGION);
  const primary = new PrimaryStack(app, 'AuroraGlobalPrimaryStack', config,
    { primary: primaryKeys, secondary: secondaryKeys });
  const secondary =
    new SecondaryStack(app, 'AuroraGlobalSecondaryStack', config, secondaryKeys, primary);
  const routes =
    new PeeringRoutesStack(app, 'AuroraGlobalPeeringRoutesStack', config, primary, secondary);
  return { app, primaryKeys, secondaryKeys, primary, secondary, routes };
}
