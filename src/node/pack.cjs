/* SPDX-License-Identifier: MIT */
/*
 * Makes the npm packages from a build:
 *
 *   node src/node/pack.cjs --build DIR --out DIR [--binary PLATFORM=DIR]...
 *     [--source]
 *
 * The package gcnotify (JavaScript only), one package for the platform of the
 * build, one for every other platform whose host.node and thread.node are given
 * with --binary, and with --source the package gcnotify-source, from which
 * node-gyp compiles the addon.  No package has an install script.  The same
 * build gives the same bytes.  Nothing is downloaded and nothing published.
 */
'use strict';

const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { notices } = require('./pack/notices.cjs');
const { PLATFORMS, checkBinary, platformOf } =
  require('./pack/platforms.cjs');
const { copySources } = require('./pack/sources.cjs');

const ROOT = path.resolve(__dirname, '../..');
const KINDS = ['host.node', 'thread.node'];
/* What everybody runs at installation, and nobody should have to. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const writeJson = (file, value) =>
  fs.writeFileSync(file, JSON.stringify(value, null, 2) + '\n');

function readBuild(directory) {
  const build = path.resolve(directory);
  const project =
    readJson(path.join(build, 'meson-info/intro-projectinfo.json'));
  const parts = readJson(path.join(build, 'src/node/third-party.json'));
  for (const part of parts) {
    part.directory = path.join(ROOT, part.directory);
  }
  return { directory: build, version: project.version, parts };
}

function readLoaderManifest(version) {
  const manifest = readJson(path.join(__dirname, 'package.json'));
  if (manifest.version !== version) {
    throw new Error(`src/node/package.json says ${manifest.version}, ` +
      `meson.build ${version}`);
  }
  const scripts = Object.keys(manifest.scripts || {});
  const bad = scripts.find((name) => INSTALL_SCRIPTS.includes(name));
  if (bad) throw new Error(`src/node/package.json has a script "${bad}"`);
  delete manifest.scripts;
  delete manifest.devDependencies;
  return manifest;
}

/* What the manifests of all packages have in common with the loader's. */
function commonOf(loader) {
  const common = {};
  for (const key of ['version', 'license', 'author', 'homepage', 'repository',
    'bugs', 'engines']) {
    if (loader[key] !== undefined) common[key] = loader[key];
  }
  return common;
}

function copyPlain(from, to) {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.copyFileSync(from, to);
  fs.chmodSync(to, 0o644);
}

function copyTree(from, to) {
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) copyTree(source, target);
    else copyPlain(source, target);
  }
}

function stageLoader(stage, loader, platforms) {
  const manifest = { ...loader, optionalDependencies: {} };
  for (const platform of platforms) {
    manifest.optionalDependencies[`gcnotify-${platform}`] = loader.version;
  }
  writeJson(path.join(stage, 'package.json'), manifest);
  copyPlain(path.join(__dirname, 'README.md'), path.join(stage, 'README.md'));
  copyTree(path.join(__dirname, 'lib'), path.join(stage, 'lib'));
}

/* Debug information is of use where it was built only. */
function strip(file) {
  const flags = process.platform === 'darwin' ? ['-x'] : ['--strip-unneeded'];
  execFileSync(process.env.STRIP || 'strip', [...flags, file]);
}

function stagePlatform(stage, { platform, from, own }, common, parts) {
  const { os: system, cpu, libc } = PLATFORMS[platform];
  const name = `gcnotify-${platform}`;
  const description =
    `The binaries of gcnotify for ${system} on ${cpu}` +
    (libc ? ` with ${libc}` : '');
  writeJson(path.join(stage, 'package.json'), {
    name, ...common, description,
    os: [system], cpu: [cpu], ...(libc ? { libc: [libc] } : {}),
    files: [...KINDS, 'THIRD-PARTY.txt'],
    preferUnplugged: true,
  });
  for (const kind of KINDS) {
    checkBinary(path.join(from, kind), platform);
    copyPlain(path.join(from, kind), path.join(stage, kind));
    if (own) strip(path.join(stage, kind));
  }
  fs.writeFileSync(path.join(stage, 'README.md'), `# ${name}\n\n` +
    `${description}. Install gcnotify, which chooses it.\n`);
  fs.writeFileSync(path.join(stage, 'THIRD-PARTY.txt'), notices(parts));
}

function stageSource(stage, build, common) {
  copySources({ root: ROOT, build: build.directory, parts: build.parts,
    to: stage });
  for (const name of ['exports.map', 'exports.txt']) {
    copyPlain(path.join(__dirname, name), path.join(stage, name));
  }
  copyPlain(path.join(__dirname, 'binding.gyp'),
    path.join(stage, 'binding.gyp'));
  fs.writeFileSync(path.join(stage, 'THIRD-PARTY.txt'), notices(build.parts));
  const description =
    'The addon of gcnotify as source: node-gyp compiles it on installation';
  writeJson(path.join(stage, 'package.json'), {
    name: 'gcnotify-source', ...common, description,
    os: [process.platform],
    files: ['binding.gyp', 'exports.map', 'exports.txt', 'sources.json', 'src',
      'include', 'third_party', 'THIRD-PARTY.txt'],
  });
  fs.writeFileSync(path.join(stage, 'README.md'), '# gcnotify-source\n\n' +
    `${description}. Only for systems that gcnotify has no package for: see ` +
    'its README.\n');
}

/* npm with nothing of the user's, and without a network. */
function npmEnvironment(home) {
  return { ...process.env, HOME: home, npm_config_cache: path.join(home, 'npm'),
    npm_config_userconfig: path.join(home, 'npmrc'), npm_config_offline: 'true',
    npm_config_update_notifier: 'false', npm_config_loglevel: 'error' };
}

function pack(stage, out, home) {
  copyPlain(path.join(ROOT, 'LICENSE'), path.join(stage, 'LICENSE'));
  const said = execFileSync('npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', out],
    { cwd: stage, env: npmEnvironment(home), encoding: 'utf8' });
  const file = path.join(out, JSON.parse(said)[0].filename);
  const sum = crypto.createHash('sha256').update(fs.readFileSync(file));
  console.log(`${sum.digest('hex')}  ${path.basename(file)}`);
}

function readOptions() {
  const { values } = parseArgs({ options: {
    build: { type: 'string' },
    out: { type: 'string' },
    binary: { type: 'string', multiple: true, default: [] },
    source: { type: 'boolean', default: false },
  } });
  if (!values.build || !values.out) {
    throw new Error('usage: pack.cjs --build DIR --out DIR ' +
      '[--binary PLATFORM=DIR]... [--source]');
  }
  return values;
}

/* [{platform, from, own}]: where the binaries of each platform are. */
function binariesOf(build, given) {
  const own = path.join(build.directory, 'src/node');
  const binaries = [{ platform: platformOf(path.join(own, 'host.node')),
    from: own, own: true }];
  for (const words of given) {
    const [platform, from] = words.split('=');
    if (!(platform in PLATFORMS) || !from) {
      throw new Error(`--binary ${words}: PLATFORM=DIR, with PLATFORM one of ` +
        Object.keys(PLATFORMS).join(', '));
    }
    if (binaries.some((other) => other.platform === platform)) {
      throw new Error(`--binary ${words}: there is one already`);
    }
    binaries.push({ platform, from: path.resolve(from), own: false });
  }
  return binaries;
}

function main() {
  const options = readOptions();
  const build = readBuild(options.build);
  const loader = readLoaderManifest(build.version);
  const binaries = binariesOf(build, options.binary);
  const out = path.resolve(options.out);
  fs.mkdirSync(out, { recursive: true });
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'gcnotify-pack-'));
  const make = (name, fill) => {
    const stage = path.join(home, name);
    fs.mkdirSync(stage);
    fill(stage);
    pack(stage, out, home);
  };
  try {
    const common = commonOf(loader);
    for (const binary of binaries) {
      make(binary.platform, (stage) =>
        stagePlatform(stage, binary, common, build.parts));
    }
    make('loader', (stage) => stageLoader(stage, loader,
      binaries.map((binary) => binary.platform).sort()));
    if (options.source) {
      make('source', (stage) => stageSource(stage, build, common));
    }
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  console.error(`pack: ${error.message}`);
  process.exitCode = 1;
}
