// Says what is wrong with a context (KEY=VALUE ...) before anything is built for it. Exit code 2: it is.
import { App } from 'aws-cdk-lib';
import { readConfig } from '../lib/config.js';

const context = Object.fromEntries(process.argv.slice(2).map(given => {
  const equals = given.indexOf('=');
  return [given.slice(0, equals), given.slice(equals + 1)];
}));
try {
  readConfig(new App({ context }).node);
} catch (error) {
  console.error((error as Error).message);
  process.exit(2);
}
