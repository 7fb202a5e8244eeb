/* SPDX-License-Identifier: MIT */
/*
 * Shows what /events says.  The browser reconnects by itself and tells the
 * server the last id it has; ids end in numbers without holes, so the page can
 * tell by itself whether it has missed anything.
 *
 * Texts of events are written by strangers: they become text, never markup.
 */
'use strict';

const ROWS_MAX = 200;
const counts = { events: 0, gaps: 0, missed: 0 };
let last = null; // { run, number } of the newest id

function show(id, text) {
  document.getElementById(id).textContent = text;
}

function addCell(row, text) {
  row.insertCell().textContent = text;
}

function addRow(kind, id, what, content) {
  const log = document.getElementById('log');
  const row = log.insertRow(0);
  row.className = kind;
  row.dataset.id = id;
  addCell(row, new Date().toLocaleTimeString());
  addCell(row, what);
  addCell(row, content);
  if (log.rows.length > ROWS_MAX) log.deleteRow(-1);
}

function count(name, more) {
  counts[name] += more;
  show(name, String(counts[name]));
}

function parseId(id) {
  const [run, number] = id.split('-');
  return { run, number: Number(number) };
}

/* A hole in the numbers would be a fault of the server's. */
function note(id) {
  const now = parseId(id);
  if (last !== null && last.run === now.run)
    count('missed', now.number - last.number - 1);
  last = now;
}

function onNotify(event) {
  const { topic, body } = JSON.parse(event.data);
  note(event.lastEventId);
  count('events', 1);
  addRow('notify', event.lastEventId, topic, JSON.stringify(body));
}

/* The service repeats nothing: who needs to know what happened meanwhile asks
 * it for the present state of these topics. */
function onGap(event) {
  const gap = JSON.parse(event.data);
  const seconds = ((gap.to - gap.from) / 1000).toFixed(1);
  note(event.lastEventId);
  count('gaps', 1);
  addRow('gap', event.lastEventId, `gap (${gap.certainty})`,
    `events may be missing for ${seconds} s after: ${gap.cause}`);
}

/* So here: the server no longer has what this page has missed. */
function onReset(event) {
  last = parseId(event.lastEventId);
  addRow('reset', event.lastEventId, 'reset', JSON.parse(event.data).reason);
}

function onState(event) {
  const { state, reason, failure } = JSON.parse(event.data);
  show('state', state);
  show('reason', failure || reason || '');
}

function listen() {
  const source = new EventSource('events');
  source.onopen = () => show('link', 'connected');
  source.onerror = () => {
    const refused = source.readyState === EventSource.CLOSED;
    show('link', refused ? 'refused' : 'reconnecting');
  };
  source.addEventListener('notify', onNotify);
  source.addEventListener('gap', onGap);
  source.addEventListener('reset', onReset);
  source.addEventListener('state', onState);
}

listen();
