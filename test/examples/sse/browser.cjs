/* SPDX-License-Identifier: MIT */
/*
 * A headless Chromium by remote control: one line of JSON in, one out.
 *
 *   node browser.cjs CHROMIUM USER-DATA-FOLDER
 *
 * It knows the page's elements and no expectation about them; those are in
 * test_sse_browser.py.
 */
'use strict';

const readline = require('node:readline');
const { chromium } = require('playwright-core');

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update',
  '--disable-sync',
];

const [executablePath, folder] = process.argv.slice(2);
const tabs = new Map();
const complaints = [];

function listen(page) {
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const isBad = message.type() === 'error' || message.type() === 'warning';
    if (isBad) complaints.push(message.text());
  });
}

async function open(context, { tab, url }) {
  const page = await context.newPage();
  listen(page);
  tabs.set(tab, page);
  const answer = await page.goto(url);
  return answer.status();
}

/* Runs in the page. */
function describe() {
  const text = (id) => document.getElementById(id).textContent;
  const rows = [...document.getElementById('log').rows].map((row) => ({
    kind: row.className,
    id: row.dataset.id,
    what: row.cells[1].textContent,
    content: row.cells[2].textContent,
  }));
  return {
    link: text('link'),
    state: text('state'),
    events: Number(text('events')),
    gaps: Number(text('gaps')),
    missed: Number(text('missed')),
    images: document.images.length,
    rows,
  };
}

async function answer(context, command) {
  switch (command.op) {
  case 'open': return open(context, command);
  case 'look': return tabs.get(command.tab).evaluate(describe);
  case 'shoot':
    await tabs.get(command.tab).screenshot({ path: command.path });
    return true;
  case 'complaints': return complaints;
  default: throw new Error(`what is ${command.op}?`);
  }
}

async function main() {
  const context = await chromium.launchPersistentContext(folder, {
    executablePath, headless: true, args: FLAGS,
  });
  console.log(JSON.stringify({ value: context.browser()?.version() ?? '' }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      const value = await answer(context, JSON.parse(line));
      console.log(JSON.stringify({ value }));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error) }));
    }
  }
  await context.close();
}

main().catch((error) => {
  console.log(JSON.stringify({ error: String(error) }));
  process.exitCode = 1;
});
