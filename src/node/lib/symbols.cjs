/* SPDX-License-Identifier: MIT */
/*
 * Symbol.asyncDispose, or where the runtime has none (Node before 18.18) what
 * Babel and esbuild take in its place.
 */
'use strict';

const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

module.exports = { ASYNC_DISPOSE };
