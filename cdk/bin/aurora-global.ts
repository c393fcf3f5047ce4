import * as fs from 'node:fs';
import { build } from '../lib/app.js';

// The feature flags, also for who runs the CDK from the top of the checkout. What the CLI gives
// comes before them.
const { context } = JSON.parse(fs.readFileSync(new URL('../cdk.json', import.meta.url), 'utf8'));
build({ context }).app.synth();
