/* SPDX-License-Identifier: MIT */
/*
 * The package as ES modules get it; "program.mjs WHAT JSON".
 */
import { fileURLToPath } from 'node:url';

import * as gcnotify from 'gcnotify';

import tasks from './tasks.cjs';

tasks.run(gcnotify, fileURLToPath(import.meta.url));
