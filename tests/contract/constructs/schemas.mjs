// What AWS's schemas of resource types, which aws-cdk-lib brings with its validator, say of the
// properties on standard input ({type: [names]}): {unknown, replaces, required}, each {type: [names]}.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const library = createRequire(`${here}../../../cdk/package.json`).resolve('aws-cdk-lib');
const { CompositeEngine, TemplateContent } =
  createRequire(library)('@aws/cloudformation-validate');

const asked = JSON.parse(readFileSync(0, 'utf8'));
const types = Object.keys(asked);
const engine = new CompositeEngine();

// The names that findings of a rule have in quotes, by type, where each resource is `made(type)`.
function found(made) {
  const resources = Object.fromEntries(
    types.map((type, number) => [`R${number}`, { Type: type, Properties: made(type) }]));
  const template = new TemplateContent(JSON.stringify({ Resources: resources }));
  const findings = engine.validateTemplate(template).diagnostics;
  return rule => {
    const told = {};
    for (const one of findings.filter(finding => finding.ruleId === rule)) {
      const [, name] = one.message.match(/'([^']+)'/);
      (told[resources[one.entity.logicalId].Type] ??= []).push(name);
    }
    return told;
  };
}

const all = found(type => Object.fromEntries([...asked[type], 'NoSuchThing'].map(name => [name, 'x'])));
const none = found(() => ({}));
console.log(JSON.stringify({
  unknown: all('F3002'), replaces: all('I9001'), required: none('F3003'),
}));
