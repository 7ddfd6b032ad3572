// Validates each `connector_config_schema.json` below a directory as OpenCTI does: with Ajv, type coercion and six formats. Checks
// the restrictions of the catalogue, then validates example environments.
//   node check.mjs DEPLOYMENTS ENVIRONMENTS.yaml

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// Uses the packages installed for the editor tests.
const require = createRequire(new URL('../editor/package.json', import.meta.url));
const Ajv = require('ajv/dist/2020.js').default;
const { parse } = require('yaml');

const [folder, path] = process.argv.slice(2);
const environments = parse(readFileSync(path, 'utf8'));

const FORMATS = {
  password: true,
  uri: /^[a-z][a-z0-9+.-]*:\/\/[^\s\/]+\S*$/i,
  duration: /^P(?=.)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?)$/,
  email: /^\S+@\S+$/,
  'date-time': (text) => !Number.isNaN(Date.parse(text)),
  date: /^\d{4}-\d\d-\d\d$/,
};
const TYPES = ['string', 'boolean', 'integer', 'number', 'array'];
const KEYWORDS = [
  ...['type', 'description', 'default', 'format', 'writeOnly', 'enum', 'const', 'items', 'pattern'],
  ...['minLength', 'maxLength', 'minimum', 'maximum'],
];

let failures = 0;
function check(name, holds, detail = '') {
  console.log(`${holds ? 'ok      ' : 'NOT OK  '}${name}${holds || !detail ? '' : `: ${detail}`}`);
  failures += holds ? 0 : 1;
}

const ajv = (options) => new Ajv({ strict: true, allErrors: true, formats: FORMATS, ...options });
const errors = (is) => (is.errors ?? []).map((error) => `${error.instancePath} ${error.message}`).join('; ');

function property(name, schema) {
  const unknown = Object.keys(schema).filter((keyword) => !KEYWORDS.includes(keyword));
  check(`${name} has keywords of the catalogue`, unknown.length === 0, unknown.join(', '));
  check(`${name} has a type of the catalogue`, TYPES.includes(schema.type), schema.type);
  check(`${name} has a description`, schema.description?.length > 0);
  if (schema.default !== undefined) {
    const is = ajv().compile(schema);
    check(`${name} accepts its default`, is(schema.default), errors(is));
  }
}

for (const id of readdirSync(folder).sort()) {
  const schema = JSON.parse(readFileSync(join(folder, id, 'connector_config_schema.json'), 'utf8'));
  for (const [name, part] of Object.entries(schema.properties)) property(`${id}: ${name}`, part);
  check(`${id}: CONNECTOR_ID is the platform's`, !('CONNECTOR_ID' in schema.properties));

  const is = ajv({ coerceTypes: true }).compile(schema);
  const { complete, fine, refused } = environments[id] ?? made(schema);
  const changed = (change) =>
    Object.fromEntries(Object.entries({ ...complete, ...change }).filter(([, value]) => value !== null));
  for (const [about, change] of Object.entries({ nothing: {}, ...fine })) {
    check(`${id}: changing ${about} is fine`, is(changed(change)), errors(is));
  }
  for (const [about, change] of Object.entries(refused)) {
    check(`${id}: ${about} is refused`, !is(changed(change)));
  }
}

/** Environments for a profile without its own: all required variables, and each of them missing. */
function made({ properties, required }) {
  const value = ({ enum: choices, format }) => choices?.[0] ?? (format === 'uri' ? 'https://opencti.example' : '1');
  const complete = Object.fromEntries(required.map((name) => [name, value(properties[name])]));
  return { complete, fine: {}, refused: Object.fromEntries(required.map((name) => [`no ${name}`, { [name]: null }])) };
}

console.log(failures ? `${failures} checks failed` : 'all checks passed');
process.exit(failures ? 1 : 0);
