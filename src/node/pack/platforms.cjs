/* SPDX-License-Identifier: MIT */
/*
 * The platforms that packages can be made for, and the look into a binary that
 * keeps it from being packed under another platform's name.
 */
'use strict';

const fs = require('node:fs');

const PLATFORMS = {
  'linux-x64-gnu': { os: 'linux', cpu: 'x64', libc: 'glibc' },
  'linux-x64-musl': { os: 'linux', cpu: 'x64', libc: 'musl' },
  'linux-arm64-gnu': { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  'linux-arm64-musl': { os: 'linux', cpu: 'arm64', libc: 'musl' },
  'darwin-x64': { os: 'darwin', cpu: 'x64' },
  'darwin-arm64': { os: 'darwin', cpu: 'arm64' },
  'win32-x64': { os: 'win32', cpu: 'x64' },
};

const ELF_CPUS = { 62: 'x64', 183: 'arm64' };
const MACH_O_CPUS = { 0x01000007: 'x64', 0x0100000c: 'arm64' };
const PE_CPUS = { 0x8664: 'x64', 0xaa64: 'arm64' };

function libcOf(bytes) {
  if (bytes.includes('libc.so.6\0')) return 'glibc';
  const isMusl = bytes.includes('libc.musl-') || bytes.includes('libc.so\0');
  return isMusl ? 'musl' : 'no libc';
}

/* What a .node file was made for: like the values of PLATFORMS. */
function targetOf(file) {
  const bytes = fs.readFileSync(file);
  if (bytes.length < 64) throw new Error(`${file} is no shared object`);
  if (bytes.readUInt32BE(0) === 0x7f454c46) {
    const cpu = ELF_CPUS[bytes.readUInt16LE(18)];
    return { os: 'linux', cpu, libc: libcOf(bytes) };
  }
  if (bytes.readUInt32LE(0) === 0xfeedfacf) {
    return { os: 'darwin', cpu: MACH_O_CPUS[bytes.readUInt32LE(4)] };
  }
  const pe = bytes.readUInt16BE(0) === 0x4d5a ? bytes.readUInt32LE(60) : 0;
  if (pe !== 0) {
    return { os: 'win32', cpu: PE_CPUS[bytes.readUInt16LE(pe + 4)] };
  }
  throw new Error(`${file} is no shared object of a known platform`);
}

const spoken = (target) => [target.os, target.cpu, target.libc].join(' ');

/* The name of the platform that a binary was made for. */
function platformOf(file) {
  const target = spoken(targetOf(file));
  const found = Object.keys(PLATFORMS)
    .find((name) => spoken(PLATFORMS[name]) === target);
  if (!found) throw new Error(`${file} is for ${target}, which has no package`);
  return found;
}

function checkBinary(file, platform) {
  const actual = platformOf(file);
  if (actual === platform) return;
  throw new Error(`${file} is for ${actual}, not for ${platform}`);
}

module.exports = { PLATFORMS, platformOf, checkBinary };
