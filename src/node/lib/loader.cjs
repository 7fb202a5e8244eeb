/* SPDX-License-Identifier: MIT */
/*
 * Finds the compiled half of the package and requires it.
 *
 * There are two builds of it.  host.node lives on Node's own loop; on runtimes
 * without a libuv loop it would end the process, which nobody can catch, so the
 * choice falls here, before anything is loaded.  thread.node brings a loop of
 * its own.  Who finds neither is told what is missing and why.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { optionalDependencies, version } = require('../package.json');
const { configError } = require('./errors.cjs');

const PLATFORMS = [
  'linux-x64-gnu', 'linux-x64-musl', 'linux-arm64-gnu', 'linux-arm64-musl',
  'darwin-x64', 'darwin-arm64', 'win32-x64',
];

const loaded = new Map();

function hasLoop() {
  return process.versions.bun === undefined &&
    typeof globalThis.Deno === 'undefined';
}

/* 'host' or 'thread' for the option `loop`. */
function kindOf(loop) {
  if (loop === 'thread') return 'thread';
  if (hasLoop()) return 'host';
  if (loop !== 'host') return 'thread';
  throw configError('option `loop`: \'host\' needs a libuv loop, which this ' +
    'runtime does not have; leave it out, or say \'thread\'');
}

function glibcVersion() {
  if (!process.report || typeof process.report.getReport !== 'function') {
    return undefined;
  }
  const { excludeNetwork } = process.report;
  process.report.excludeNetwork = true; /* else it may look up names */
  const report = process.report.getReport();
  process.report.excludeNetwork = excludeNetwork;
  const { header } = typeof report === 'string' ? JSON.parse(report) : report;
  return header && header.glibcVersionRuntime;
}

function hasMuslLoader() {
  try {
    return fs.readdirSync('/lib').some((name) => name.startsWith('ld-musl-'));
  } catch {
    return false;
  }
}

function libcName() {
  if (process.platform !== 'linux') return '';
  /* A report takes its time; most systems answer by their files. */
  return hasMuslLoader() && !glibcVersion() ? 'musl' : 'gnu';
}

function platformKey() {
  const libc = libcName();
  const key = `${process.platform}-${process.arch}`;
  return libc ? `${key}-${libc}` : key;
}

/* Platform packages that are there, wherever Node would look for them. */
function installedKeys() {
  const places = require.resolve.paths('gcnotify-platform') || [];
  return PLATFORMS.filter((key) => places.some((place) =>
    fs.existsSync(path.join(place, `gcnotify-${key}`, 'package.json'))));
}

function libcOf(key) {
  return key.split('-')[2];
}

/* Those that this version was published for; a checkout does not say. */
function publishedKeys() {
  if (optionalDependencies === undefined) return PLATFORMS;
  return PLATFORMS.filter(
    (key) => Object.hasOwn(optionalDependencies, `gcnotify-${key}`));
}

/* Why the package for `key` is missing, given those that are there. */
function explain(key, installed, published = publishedKeys()) {
  const name = `gcnotify-${key}`;
  if (!published.includes(key)) {
    return `there is no package for this platform (${key}). Build the addon ` +
      'from source: see "Other platforms" in the README of gcnotify.';
  }
  const base = key.split('-').slice(0, 2).join('-');
  const other = installed.find((one) => one.startsWith(`${base}-`));
  if (other !== undefined) {
    return `${name} is missing, but gcnotify-${other} is installed: this ` +
      `system's C library is ${libcOf(key)}, and the packages were ` +
      `installed for ${libcOf(other)} (a wrong libc; usually node_modules ` +
      'was copied from another system or image). Install where it runs.';
  }
  if (installed.length > 0) {
    return `${name} is missing, but gcnotify-${installed[0]} is installed: ` +
      'node_modules or the lock file come from another operating system or ' +
      'processor. Remove node_modules, and package-lock.json if it names ' +
      'only that package, and install again here.';
  }
  return `${name} is missing, and so are the packages of all other ` +
    'platforms: optional dependencies were left out (--omit=optional, ' +
    '--no-optional or "omit" in .npmrc), or a lock file from another ' +
    'operating system has none for this one. Install again with ' +
    '--include=optional.';
}

/* What node-gyp has built of the package gcnotify-source. */
function sourceFolder() {
  try {
    const manifest = require.resolve('gcnotify-source/package.json');
    return path.join(path.dirname(manifest), 'build', 'Release');
  } catch (error) {
    throw configError('gcnotify cannot find its addon: ' +
      'GCN_BUILD_FROM_SOURCE=1 asks for one that was built from source, but ' +
      'the package gcnotify-source is not installed. Run "npm install ' +
      `gcnotify-source@${version}", then "npm rebuild gcnotify-source".`,
    error);
  }
}

function isFromSource() {
  return process.env.GCN_BUILD_FROM_SOURCE === '1';
}

function folderOf(key) {
  const development = process.env.GCN_NODE_BINDING_DIR;
  if (development) return path.resolve(development);
  if (isFromSource()) return sourceFolder();
  try {
    return path.dirname(require.resolve(`gcnotify-${key}/package.json`));
  } catch (error) {
    const why = explain(key, installedKeys());
    throw configError(`gcnotify cannot find its addon: ${why}`, error);
  }
}

/* Why the folder that was chosen has no addon in it. */
function explainFolder() {
  if (process.env.GCN_NODE_BINDING_DIR) {
    return 'the environment variable GCN_NODE_BINDING_DIR names the folder';
  }
  if (isFromSource()) {
    return 'GCN_BUILD_FROM_SOURCE=1 asks for it: run "npm rebuild ' +
      'gcnotify-source"';
  }
  return 'the package is damaged, install it again';
}

function requireFrom(folder, kind) {
  const file = path.join(folder, `${kind}.node`);
  if (!fs.existsSync(file)) {
    throw configError(`gcnotify cannot find its addon: there is no ${file}; ` +
      explainFolder());
  }
  try {
    return require(file);
  } catch (error) {
    const said = String(error.message).split('\n')[0];
    throw configError(`gcnotify cannot load its addon ${file}: ${said}. It ` +
      'was built for another system, C library or processor, or is damaged; ' +
      'install again where it runs.', error);
  }
}

function checkVersion(binding, folder) {
  if (binding.version === version) return;
  throw configError(`gcnotify is ${version}, but its addon in ${folder} is ` +
    `${binding.version}: both must have one version. Remove node_modules ` +
    'and install again.');
}

/* The binding for the option `loop` ('auto', 'host' or 'thread'). */
function load(loop = 'auto') {
  const kind = kindOf(loop);
  if (loaded.has(kind)) return loaded.get(kind);
  const folder = folderOf(platformKey());
  const binding = requireFrom(folder, kind);
  checkVersion(binding, folder);
  loaded.set(kind, binding);
  return binding;
}

module.exports = { PLATFORMS, explain, kindOf, load, platformKey };
