/* SPDX-License-Identifier: MIT */
/*
 * What a build was made of, as a tree that node-gyp can compile: exactly the
 * files that the compiler read, and the lists of sources for binding.gyp. The
 * answers come from Meson and Ninja, so that no second list is kept.
 */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/* Target in Meson -> target in binding.gyp; null: one for each layer. */
const TARGETS = {
  mbedtls_bundled: 'mbedtls',
  mbedtls_aes: 'mbedtls',
  mbedtls_aesni: 'mbedtls',
  llhttp_bundled: 'llhttp',
  wslay_bundled: 'wslay',
  jansson_bundled: 'jansson',
  uv_bundled: 'libuv',
  'gcn-node-layers': null,
  'gcn-node-common': 'common',
  host: 'host',
  thread: 'thread',
};

const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));

function targetsOf(build) {
  const all = readJson(path.join(build, 'meson-info/intro-targets.json'));
  return all.filter((target) => target.name in TARGETS);
}

const sourcesOf = (target) =>
  target.target_sources.flatMap((group) => group.sources || []);

/* Every file that the compiler read for one of the targets. */
function filesRead(build, targets) {
  const places = targets.map((target) =>
    path.relative(build, target.filename[0]) + '.p/');
  const output = execFileSync('ninja', ['-C', build, '-t', 'deps'],
    { encoding: 'utf8', maxBuffer: 1 << 28 });
  const found = new Set();
  let ours = false;
  for (const line of output.split('\n')) {
    if (line.startsWith('    ')) {
      if (ours) found.add(path.resolve(build, line.trim()));
    } else if (line.includes(': #deps')) {
      ours = places.some((place) => line.startsWith(place));
    }
  }
  return [...found];
}

/* A function that says where a file goes; undefined: it is the system's. */
function layout(root, build, parts) {
  const places = parts.flatMap((part) => {
    const inside = path.relative(root, part.directory);
    const to = `third_party/${part.name}`;
    return [[part.directory, to], [path.join(build, inside), to]];
  });
  places.push([path.join(root, 'src'), 'src']);
  places.push([path.join(root, 'include'), 'include']);
  return (file) => {
    const place = places.find(([from]) => file.startsWith(from + path.sep));
    if (!place) return undefined;
    return path.posix.join(place[1],
      path.relative(place[0], file).split(path.sep).join('/'));
  };
}

function copy(from, to) {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.copyFileSync(from, to);
}

/* Puts the tree into a directory and returns its files, sorted. */
function copySources({ root, build, parts, to }) {
  const targets = targetsOf(build);
  const missing = Object.keys(TARGETS)
    .filter((name) => !targets.some((target) => target.name === name));
  if (missing.length > 0) throw new Error(`not built: ${missing.join(', ')}`);
  const placeOf = layout(root, build, parts);
  const lists = {};
  for (const target of targets) {
    for (const file of sourcesOf(target).map(placeOf).sort()) {
      const list = TARGETS[target.name] || file.split('/')[1];
      lists[list] = [...lists[list] || [], file];
    }
  }
  const placed = new Map();
  for (const file of filesRead(build, targets)) {
    if (placeOf(file)) placed.set(placeOf(file), file);
  }
  for (const list of Object.values(lists)) {
    const lost = list.filter((file) => !placed.has(file));
    if (lost.length > 0) throw new Error(`not compiled yet: ${lost[0]}`);
  }
  for (const [place, file] of placed) copy(file, path.join(to, place));
  fs.writeFileSync(path.join(to, 'sources.json'),
    JSON.stringify(lists, null, 1) + '\n');
  return [...placed.keys()].sort();
}

module.exports = { copySources };
