/* SPDX-License-Identifier: MIT */
/*
 * The package as CommonJS programs get it; "program.cjs WHAT JSON".
 */
'use strict';

require('./tasks.cjs').run(require('gcnotify'), __filename);
