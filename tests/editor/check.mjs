// What an editor makes of the committed JSON Schemas: a second validator agrees with them about every profile, case and
// mistake, and the language server of YAML editors shows mistakes on their lines and offers keys and words.
// Reads files and starts one process; needs no network.

import Ajv from 'ajv/dist/2020.js';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parse } from 'yaml';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const read = (path) => readFileSync(join(root, path), 'utf8');
const list = (path) => readdirSync(join(root, path)).sort();
const PATIENCE = 30_000;

let failures = 0;
function check(name, holds, detail = '') {
  console.log(`${holds ? 'ok      ' : 'NOT OK  '}${name}${holds || !detail ? '' : `: ${detail}`}`);
  failures += holds ? 0 : 1;
}

// ---- The files

const folders = ['profiles', 'tests/providers'].flatMap((above) => list(above).map((name) => `${above}/${name}`));
const profiles = folders.map((folder) => `${folder}/profile.yaml`);
const cases = folders.flatMap((folder) =>
  list(`${folder}/cases`).filter((name) => name.endsWith('.yaml')).map((name) => `${folder}/cases/${name}`),
);

/** The rows of `tests/seeded/mistakes.txt`, applied: what `tests/seeded.rs` does with them is said there. */
const mistakes = read('tests/seeded/mistakes.txt')
  .split('\n')
  .filter((line) => !line.startsWith('#'))
  .join('\n')
  .split(/\n{2,}/)
  .filter((block) => block.trim())
  .map((block) => {
    const [head, ...lines] = block.trim().split('\n');
    const [, name, code, about] = head.match(/^(\S+) (\S+): (.*)$/);
    const of = (sign) => lines.filter((line) => line[0] === sign).map((line) => line.slice(2)).join('\n');
    const path = profiles.find((path) => path.includes(`/${name}/`));
    const [before, after] = read(path).split(of('-'));
    const text = before + of('+').replaceAll('⇥', '\t') + after;
    return { path, code, about: `${name}: ${about}`, text, line: of('@') ? undefined : before.split('\n').length - 1 };
  });
/** What the shape of a profile is, and so its schema, says. */
const SHAPE = ['unknown-field', 'missing-field', 'wrong-type', 'unknown-choice', 'out-of-range'];
const ofShape = mistakes.filter(({ code }) => SHAPE.includes(code));

const badCases = [
  ['a case without a time', (text) => text.replace(/^now:.*\n/m, '')],
  ['a case with a key that is misspelt', (text) => text.replace('observable:', 'observables:')],
  ['a case that asks about no type we make', (text) => text.replace('domain-name', 'host-name')],
  ['a case with an exchange that is no block', (text) => text.replace(/exchanges:[^]*/, 'exchanges: [GET /]\n')],
  ['a case with a setting that is a number', (text) => text.replace('api_key: k-3f9a71', 'api_key: 3')],
];

// ---- A second validator

function validator(of) {
  const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false });
  return ajv.compile(JSON.parse(read(`schemas/${of}.schema.json`)));
}

function validate() {
  const [isProfile, isCase] = [validator('profile'), validator('case')];
  const wrong = (is, value) => (is(value) ? '' : is.errors.map((e) => `${e.instancePath} ${e.message}`).join('; '));
  for (const [is, paths] of [[isProfile, profiles], [isCase, cases]]) {
    for (const path of paths) {
      const reasons = wrong(is, parse(read(path), { maxAliasCount: -1 }));
      check(`${path} fits its schema`, !reasons, reasons);
    }
  }
  for (const { about, text } of ofShape) {
    check(`the schema refuses ${about}`, wrong(isProfile, parse(text, { uniqueKeys: false })));
  }
  for (const [about, change] of badCases) {
    const text = read('profiles/riskiq/cases/a.yaml');
    check(`the schema refuses ${about}`, change(text) !== text && wrong(isCase, parse(change(text))));
  }
}

// ---- A language server

/** What an editor would say when the server asks for its settings. */
const SETTINGS = {
  yaml: {
    validate: true,
    completion: true,
    schemaStore: { enable: false, url: '' },
    kubernetesCRDStore: { enable: false, url: '' },
  },
};

class Server {
  constructor() {
    const program = createRequire(import.meta.url).resolve('yaml-language-server/bin/yaml-language-server');
    this.process = spawn(process.execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdout.on('data', (bytes) => this.take(bytes));
    this.unread = Buffer.alloc(0);
    this.waiting = new Map();
    this.number = 0;
  }

  send(message) {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
    this.process.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    this.process.stdin.write(body);
  }

  take(bytes) {
    this.unread = Buffer.concat([this.unread, bytes]);
    for (;;) {
      const end = this.unread.indexOf('\r\n\r\n');
      if (end < 0) return;
      const start = end + 4;
      const length = Number(this.unread.toString('latin1', 0, end).match(/Content-Length: (\d+)/i)[1]);
      if (this.unread.length < start + length) return;
      const message = JSON.parse(this.unread.toString('utf8', start, start + length));
      this.unread = this.unread.subarray(start + length);
      this.handle(message);
    }
  }

  handle({ id, method, params, result, error }) {
    if (method === 'workspace/configuration') {
      this.send({ id, result: params.items.map(({ section }) => SETTINGS[section] ?? {}) });
    } else if (method === 'textDocument/publishDiagnostics') {
      this.settle(params.uri, params.diagnostics);
    } else if (method !== undefined) {
      if (id !== undefined) this.send({ id, result: null });
    } else {
      this.settle(id, error ? Promise.reject(new Error(error.message)) : result);
    }
  }

  settle(key, value) {
    this.waiting.get(key)?.(value);
    this.waiting.delete(key);
  }

  wait(key) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the language server says nothing of ${key}`)), PATIENCE);
      this.waiting.set(key, (value) => (clearTimeout(late), resolve(value)));
    });
  }

  request(method, params) {
    const id = ++this.number;
    const reply = this.wait(id);
    this.send({ id, method, params });
    return reply;
  }

  async start() {
    await this.request('initialize', {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      workspaceFolders: [{ uri: pathToFileURL(root).href, name: 'stixmap' }],
      capabilities: {
        workspace: { configuration: true, workspaceFolders: true },
        textDocument: { publishDiagnostics: {}, completion: { completionItem: { snippetSupport: true } } },
      },
    });
    this.send({ method: 'initialized', params: {} });
  }

  /** The text as an editor has it, whatever the file holds; and what is wrong with it. */
  async open(path, text) {
    const uri = pathToFileURL(join(root, path)).href;
    const told = this.wait(uri);
    this.send({
      method: 'textDocument/didOpen',
      params: { textDocument: { uri, languageId: 'yaml', version: ++this.number, text } },
    });
    return { uri, diagnostics: await told };
  }

  /** What is wrong with each of many texts, open at once. A text is a file of its own in the folder it came from. */
  told(texts) {
    const name = (path, i) => join(dirname(path), `open-${i}.yaml`);
    return Promise.all(texts.map(async ({ path, text }, i) => (await this.open(name(path, i), text)).diagnostics));
  }

  /** What is offered at the end of a line that is put after another. */
  async offered(path, after, typed) {
    const lines = read(path).split('\n');
    const line = lines.findIndex((line) => line.startsWith(after)) + 1;
    lines.splice(line, 0, typed);
    const { uri } = await this.open(path, lines.join('\n'));
    const position = { line, character: typed.length };
    const offered = await this.request('textDocument/completion', { textDocument: { uri }, position });
    this.send({ method: 'textDocument/didClose', params: { textDocument: { uri } } });
    return (offered.items ?? offered).map(({ label }) => label);
  }

  async stop() {
    await this.request('shutdown', null);
    this.send({ method: 'exit' });
  }
}

async function edit() {
  const server = new Server();
  await server.start();
  const good = [...profiles, ...cases].map((path) => ({ path, text: read(path) }));
  const bad = ofShape.filter(({ line }) => line !== undefined);
  const told = await server.told([...good, ...bad]);
  for (const [i, { path }] of good.entries()) {
    const messages = told[i].map(({ message }) => message);
    check(`an editor has nothing to say of ${path}`, messages.length === 0, messages.join('; '));
  }
  for (const [i, { about, line }] of bad.entries()) {
    const lines = told[good.length + i].map(({ range }) => range.start.line);
    const shown = lines.map((line) => line + 1).join(', ') || 'nothing';
    check(`an editor points at ${about}`, lines.includes(line), `${shown}, and not line ${line + 1}`);
  }
  const offers = async (what, wanted, after, typed) => {
    const offered = await server.offered('profiles/riskiq/profile.yaml', after, typed);
    check(`an editor offers ${what}`, wanted.every((word) => offered.includes(word)), offered.join(', '));
  };
  await offers('the keys of `http`', ['headers', 'max_body_mib', 'retry'], 'http:', '  ');
  await offers('the words of `status`', ['active', 'experimental', 'deprecated'], 'summary:', 'status: ');
  await offers('the keys of a rule', ['rrtype', 'source', 'relationship', 'target'], 'rules:', '  - ');
  await server.stop();
}

validate();
await edit();
console.log(failures ? `${failures} checks failed` : 'all checks passed');
process.exit(failures ? 1 : 0);
