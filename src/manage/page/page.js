// What the page does beyond showing keys: changes, by JSON, and figures that move.

// Without the credentials that an address may have been opened with: those cannot be fetched.
const here = new URL(location.pathname, location.origin);
const example = document.body.dataset.example;
const dialogs = Object.fromEntries([...document.querySelectorAll('dialog')].map((it) => [it.id, it]));
const note = document.getElementById('note');
const list = () => document.getElementById('list');

// Between two looks at the figures, and the longest pause when they cannot be had.
const ROUND = 2000;
const LONGEST = 30000;

// How long an answer is waited for.
const PATIENCE = 10000;

/// Sends a change. Errors come as problem details, whatever the service's own form is.
async function send(path, body) {
  const headers = { 'content-type': 'application/json', accept: 'application/json, application/problem+json' };
  const request = { method: 'POST', headers, body: JSON.stringify(body), cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE) };
  const answer = await fetch(new URL(path, here), request);
  const json = await answer.json().catch((error) => {
    // The body may be late as well, and a key's text is in it.
    if (answer.ok) throw error;
    return {};
  });
  if (answer.ok) return json;
  if (answer.status === 401) throw { detail: 'You are signed out. Reload the page to sign in again.' };
  throw { detail: json.detail ?? `The service answered ${answer.status}.`, errors: json.errors };
}

// ---- The list, brought up to date -------------------------------------------------------------

let tag = null;
let pause = ROUND;
let timer = 0;
let looking = null;

/// Fetches the list anew. Of several calls at a time one looks.
function refresh() {
  looking ??= look().finally(() => { looking = null; });
  return looking;
}

/// Fetches the list as it is from now on: a look that is under way may have come before a change.
function refreshNow() {
  return refresh().then(refresh);
}

async function look() {
  clearTimeout(timer);
  const headers = tag ? { 'if-none-match': tag } : {};
  let status = 0;
  try {
    const answer = await fetch(new URL('api-keys/list' + location.search, here), { headers, cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE) });
    status = answer.status;
    if (answer.ok) {
      tag = answer.headers.get('etag');
      show(new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('list'));
    }
  } catch { /* Nobody answers: told below. */ }
  if (status === 401 || status === 403) return say('You are signed out. Reload the page to sign in again.', 'stale');
  const failed = status !== 200 && status !== 304;
  if (failed) say('The figures are not up to date: the service does not answer. Trying again…', 'stale');
  else if (note.dataset.about === 'stale') say('');
  pause = failed ? Math.min(pause * 2, LONGEST) : ROUND;
  if (!document.hidden) timer = setTimeout(refresh, pause);
}

/// Puts what differs in place of what was there: a cell, or the whole list if it has other keys.
function show(fresh) {
  const rows = (root) => [...root.querySelectorAll('[data-key]')];
  const keys = (root) => rows(root).map((row) => row.dataset.key).join();
  const has = (part) => list().querySelector(part).isEqualNode(fresh.querySelector(part));
  if (!fresh || fresh.isEqualNode(list())) return;
  if (keys(list()) !== keys(fresh) || rows(fresh).length === 0 || !has('thead') || !has('.pages')) {
    return keepingFocus(() => list().replaceWith(document.adoptNode(fresh)));
  }
  const now = rows(fresh);
  keepingFocus(() => rows(list()).forEach((row, index) => {
    row.className = now[index].className;
    Object.assign(row.dataset, now[index].dataset);
    [...row.cells].forEach((cell, column) => {
      const next = now[index].cells[column].cloneNode(true);
      // What was opened stays so, and is no change.
      const details = next.querySelector('details');
      if (details) details.open = cell.querySelector('details')?.open ?? false;
      if (!cell.isEqualNode(next)) cell.replaceWith(document.adoptNode(next));
    });
  }));
}

function keepingFocus(change) {
  const before = document.activeElement;
  const key = before?.closest?.('#list [data-key]')?.dataset.key;
  change();
  if (key && !before.isConnected) focusOn(key, before.dataset.action);
}

/// The key's button for this action, or its name where there is none any more.
function focusOn(key, action) {
  const row = key && list().querySelector(`[data-key="${CSS.escape(key)}"]`);
  const target = row ? row.querySelector(`[data-action="${action}"]`) ?? row.querySelector('th') : document.querySelector('[data-action="create"]');
  target.focus();
}

function say(text, about = '') {
  note.dataset.about = about;
  // The same words again would be read aloud again.
  if (note.textContent !== text) note.textContent = text;
}

document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : refresh()));

// ---- Dialogs ----------------------------------------------------------------------------------

function open(action, row) {
  const dialog = dialogs[action];
  // What it has asked for is on its way: it goes on about that.
  if (isWaiting(dialog)) return dialog.showModal();
  const form = dialog.querySelector('form');
  dialog.dataset.subject = row?.dataset.key ?? '';
  form.reset();
  clearProblems(form);
  if (row) name(dialog, row.dataset.name, row.dataset.hint + '…');
  if (action === 'revoke') {
    const used = row.querySelector('[data-label="Last used"]').textContent.trim();
    dialog.querySelector('[data-use]').textContent = used === 'never' ? 'It has never been used.' : `It was last used ${used}.`;
  }
  if (action === 'create') chooseLifetime();
  dialog.showModal();
}

function name(dialog, text, hint = '') {
  dialog.querySelector('[data-name]').textContent = text;
  const place = dialog.querySelector('[data-hint]');
  if (place) place.textContent = hint;
}

function clearProblems(form) {
  for (const problem of form.querySelectorAll('[data-problem]')) problem.hidden = true;
  for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
}

/// Tells each problem beside its field, and goes to the first of them.
function showProblems(form, { detail, errors = [] }) {
  const general = form.querySelector('[data-problem=""]');
  let first = null;
  for (const error of errors) {
    const place = error.name && form.querySelector(`[data-problem="${CSS.escape(error.name)}"]`);
    if (!place) continue;
    place.textContent = error.detail[0].toUpperCase() + error.detail.slice(1) + '.';
    place.hidden = false;
    const fields = place.parentElement.querySelectorAll('input, select');
    for (const field of fields) field.setAttribute('aria-invalid', 'true');
    first ??= fields[0];
  }
  if (first) return first.focus();
  general.textContent = detail;
  general.hidden = false;
}

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('button');
  if (!button) return;
  const { action, copy } = button.dataset;
  if (action) open(action, button.closest('[data-key]'));
  else if (copy) copyText(copy);
  else if ('close' in button.dataset && !isWaiting(button.closest('dialog'))) button.closest('dialog').close();
});

/// Whether an answer is on its way that the dialog has to be there for.
function isWaiting(dialog) {
  return dialog.querySelector('[aria-busy]') !== null;
}

/// Whether only its own button may close it: a slip must not lose what is shown only once.
const isHeld = (dialog) => dialog === dialogs.shown || isWaiting(dialog);

for (const dialog of Object.values(dialogs)) {
  dialog.addEventListener('cancel', (event) => { if (isHeld(dialog)) event.preventDefault(); });
}
// A browser lets a page say no once: of the next Esc it asks nobody, unless it is taken here.
document.addEventListener('keydown', (event) => {
  const isOpen = (dialog) => dialog.open && isHeld(dialog);
  if (event.key === 'Escape' && Object.values(dialogs).some(isOpen)) event.preventDefault();
});

function unanswered(error) {
  const came = error.name === 'TimeoutError' ? `No answer came within ${PATIENCE / 1000} seconds.` : 'No answer came.';
  return { detail: `${came} It may have been done all the same: look at the list before you try again.` };
}

/// Sends what the form says, once however often it is asked to, and goes on with the answer.
function onSubmit(dialog, change, done) {
  const form = dialog.querySelector('form');
  const button = form.querySelector('.buttons button:not([type])');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (isWaiting(dialog)) return;
    button.setAttribute('aria-busy', 'true');
    clearProblems(form);
    let answer;
    try {
      answer = await change(new FormData(form), dialog.dataset.subject);
    } catch (problem) {
      if (!dialog.open) dialog.showModal();
      return showProblems(form, 'detail' in problem ? problem : unanswered(problem));
    } finally {
      button.removeAttribute('aria-busy');
    }
    dialog.close();
    done(answer);
  });
}

onSubmit(dialogs.create, (form) => {
  const given = (field) => form.get(field) || undefined;
  return send('api/keys', {
    name: form.get('name').trim(),
    mode: form.get('mode'),
    scopes: form.getAll('scopes'),
    kind: given('kind'),
    plan: given('plan'),
    account: form.get('account').trim() || undefined,
    expires_at: expiry(form),
  });
}, showOnce);

onSubmit(dialogs.rotate, (form, key) =>
  send(`api/keys/${key}/rotate`, { overlap_seconds: Number(form.get('overlap_seconds')) }), showOnce);

onSubmit(dialogs.revoke, (form, key) =>
  send(`api/keys/${key}/revoke`, { reason: form.get('reason').trim() || undefined }), async (revoked) => {
  say(`Revoked ${revoked.name}.`);
  await refreshNow();
  focusOn(revoked.id);
});

function expiry(form) {
  const lifetime = form.get('lifetime');
  if (!lifetime) return undefined;
  // Left empty it is no time, and the service says what one looks like.
  if (lifetime === 'date') return form.get('day') && form.get('day') + 'T00:00:00Z';
  return new Date(Date.now() + lifetime * 86400000).toISOString();
}

function chooseLifetime() {
  const form = dialogs.create.querySelector('form');
  form.querySelector('[data-day]').hidden = form.elements.lifetime.value !== 'date';
}
dialogs.create.querySelector('[name="lifetime"]').addEventListener('change', chooseLifetime);

for (const action of ['create', 'rotate', 'revoke']) {
  dialogs[action].addEventListener('close', () => { if (!dialogs.shown.open) focusOn(dialogs[action].dataset.subject, action); });
}

// ---- A key's text, once -----------------------------------------------------------------------

const text = dialogs.shown.querySelector('[data-key-text]');
const command = dialogs.shown.querySelector('[data-command]');
const copied = dialogs.shown.querySelector('[data-copied]');

/// Keys that came while another one was shown.
const waiting = [];

function showOnce(issued) {
  if (dialogs.shown.open) waiting.push(issued);
  else showNow(issued);
  return refreshNow();
}

function showNow(issued) {
  dialogs.shown.dataset.subject = issued.id;
  name(dialogs.shown, issued.name);
  text.textContent = issued.key;
  command.textContent = example.split('{origin}').join(location.origin).split('{key}').join(issued.key);
  dialogs.shown.showModal();
}

function forget() {
  for (const place of [text, command, copied]) place.textContent = '';
}

async function copyText(what) {
  const place = what === 'key' ? text : command;
  copied.textContent = '';
  try {
    await navigator.clipboard.writeText(place.textContent);
  } catch {
    // Not allowed, or not over HTTPS: it is marked, for the keyboard to copy.
    getSelection().selectAllChildren(place);
    place.focus();
    copied.textContent = 'It is selected: press Ctrl+C or ⌘C to copy it.';
    return;
  }
  copied.textContent = what === 'key' ? 'The key was copied.' : 'The command was copied.';
}

dialogs.shown.addEventListener('close', () => {
  forget();
  const next = waiting.shift();
  if (next) showNow(next);
  else focusOn(dialogs.shown.dataset.subject, 'rotate');
});
addEventListener('pagehide', () => {
  forget();
  waiting.length = 0;
});

if (!document.hidden) timer = setTimeout(refresh, ROUND);
