/* SPDX-License-Identifier: MIT */
/*
 * The notices that binary packages owe to what is linked into them. Their
 * texts come from the very sources that the build was made of, so that they
 * can be neither forgotten nor outdated.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const LICENCE_FILES = ['LICENSE', 'LICENSE-MIT', 'COPYING', 'LICENSE-extra'];

const TERMS = {
  mbedtls: 'Mbed TLS, used under the Apache License, Version 2.0',
  llhttp: 'llhttp, MIT License',
  wslay: 'wslay, MIT License',
  jansson: 'jansson, MIT License',
  libuv: 'libuv, MIT License and others (thread.node only)',
};

/* Of a choice of two licences the one that is used. */
function textOf(file) {
  const text = fs.readFileSync(file, 'utf8');
  const other = text.search(/^ *GNU GENERAL PUBLIC LICENSE$/m);
  return (other < 0 ? text : text.slice(0, other)).trimEnd() + '\n';
}

function noticeOf(part) {
  const files = LICENCE_FILES.map((name) => path.join(part.directory, name))
    .filter((file) => fs.existsSync(file));
  if (files.length === 0) {
    throw new Error(`no licence of ${part.name} in ${part.directory}`);
  }
  const title = `${TERMS[part.name]} (version ${part.version})`;
  const rule = '='.repeat(72);
  return [rule, title, rule, '', ...files.map(textOf)].join('\n');
}

/** @param {{name: string, version: string, directory: string}[]} parts */
function notices(parts) {
  const head = 'The binaries in this package contain the following software ' +
    'of others,\nunder the terms that are reproduced here.\n';
  return [head, ...parts.map(noticeOf)].join('\n');
}

module.exports = { notices };
