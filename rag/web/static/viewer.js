// The page's only script. Text reaches the page through textContent and createTextNode,
// never as markup; one listener on the document serves all buttons, also those to come.
const $ = (selector) => element.querySelector(selector);
const body = $('.sv-body'), live = $('.sv-live'), pick = $('.sv-select');
const CONTROL = /([\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])/;
let words = {}, opener = null, shown = null, asked = 0, lastSeen = '';

// What the server answers; too many requests, or a server that is gone, are an answer as well.
async function served(name, request) {
  try { return (await server[name](request)) || { error: words.error_busy }; } catch { return { error: words.error_busy }; }
}
function text(string) {
  // Controls that can't be seen, or that turn others round, get a box with their name.
  const parts = document.createDocumentFragment();
  string.split(CONTROL).forEach((part, i) => {
    if (i % 2 === 0) { if (part) parts.append(document.createTextNode(part)); return; }
    const box = document.createElement('span');
    box.className = 'ctl';
    box.dataset.c = box.title = 'U+' + part.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    box.append(document.createTextNode(part));
    parts.append(box);
  });
  return parts;
}
function more(label, at) {
  const button = document.createElement('button');
  button.type = 'button'; button.className = 'sv-b sv-more'; button.textContent = label;
  button.onclick = () => open({ doc: shown.doc, sha: shown.sha, s: at, e: at }, null, true);
  return button;
}
const narrow = () => window.matchMedia('(max-width: 860px)').matches;
function say(message) { live.textContent = ''; setTimeout(() => { live.textContent = message; }, 30); }
function fill(template, values) { return template.replace(/\{(\w+)\}/g, (_, key) => values[key]); }
const number = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, words.thousands || ',');

// focus: true moves it to the text; 'found' leaves it in the field, and what is not found leaves all as it is.
async function open(request, button, focus, call) {
  const turn = ++asked;
  const r = await served(call || 'get_source', request);
  if (turn !== asked) return null;
  if (focus === 'found' && (r.error || r.n === 0)) return r;
  opener = button || opener;
  document.querySelectorAll('button.cite[aria-current]').forEach((b) => b.removeAttribute('aria-current'));
  if (button) button.setAttribute('aria-current', 'true');
  $('.sv-head').hidden = false; $('.sv-foot').hidden = false;
  const note = $('.sv-note');
  if (r.error) {
    $('.sv-title').textContent = button ? button.querySelector('.t').textContent : '';
    $('.sv-place').textContent = ''; note.hidden = false; note.textContent = r.error;
    body.replaceChildren(); shown = null; say(r.error);
    $('.sv-tools').hidden = true;
    if (focus) body.focus({ preventScroll: true });
    return r;
  }
  shown = { doc: r.doc, sha: request.sha, s: r.start, length: r.length, sought: null };
  $('.sv-tools').hidden = false;
  // A citation can be copied; other places are not one.
  $('.sv-copy').hidden = !button;
  if (focus !== 'found') count.textContent = at.value = '';
  const title = $('.sv-title'); title.replaceChildren(text(r.title)); title.title = r.doc;
  const spot = r.page ? fill(words.page, { n: number(r.page) }) : fill(words.line, { n: number(r.line) });
  $('.sv-place').textContent = r.start === r.end
    ? spot
    : spot + ' · ' + fill(words.characters, { start: number(r.start), end: number(r.end) }) + ' ' + fill(words.of_document, { n: number(r.length) });
  note.hidden = !r.note; note.textContent = r.note || '';
  const parts = [];
  if (r.first > 0) parts.push(more(words.earlier, Math.max(0, r.first)));
  parts.push(text(r.pre));
  const mark = document.createElement('mark');
  mark.id = 'sv-hit'; mark.tabIndex = -1;
  mark.append(text(r.hit[0]));
  if (r.hit[1]) { const inner = document.createElement('strong'); inner.className = 'sv-short'; inner.append(text(r.hit[1])); mark.append(inner); }
  mark.append(text(r.hit[2]));
  parts.push(mark, text(r.post));
  if (r.last < r.length) parts.push(more(words.later, r.last));
  body.replaceChildren(...parts);
  pick.value = r.doc;
  if (narrow() && !focus) return r;
  if (narrow() && focus !== 'found') element.scrollIntoView({ block: 'start', behavior: 'instant' });
  settle();
  if (focus === true) (r.start === r.end ? body : mark).focus({ preventScroll: true });
  return r;
}
function beginning(doc) { return open({ doc, s: 0, e: 0 }, null, true); }
function settle() {
  const mark = document.getElementById('sv-hit');
  if (!mark) return;
  // Within the pane only: scrollIntoView would move the page as well.
  const room = body.clientHeight - mark.offsetHeight;
  body.scrollTop += mark.getBoundingClientRect().top - body.getBoundingClientRect().top - Math.max(24, room / 2.5);
}
function cited(button, focus) {
  const d = button.dataset;
  return open({ doc: d.doc, sha: d.sha, s: +d.s, e: +d.e, hs: d.hs ? +d.hs : null, he: d.he ? +d.he : null }, button, focus);
}
// The chat is drawn anew after each answer; the same citation is found again by what it says.
function current() {
  if (!opener || opener.isConnected) return opener;
  const d = opener.dataset, same = chips().filter((b) => b.dataset.turn === d.turn && b.dataset.doc === d.doc && b.dataset.s === d.s);
  opener = same[0] || null;
  return opener;
}
function chips() { return [...document.querySelectorAll('#chat button.cite')]; }
function step(by) {
  const all = chips();
  if (!all.length) return;
  const at = all.indexOf(current()), next = all[at < 0 ? all.length - 1 : (at + by + all.length) % all.length];
  const folded = next.closest('details'); if (folded) folded.open = true;
  cited(next, true);
}
async function copy(string, button) {
  let done = false;
  try { await navigator.clipboard.writeText(string); done = true; } catch {
    // Without https the clipboard is closed to scripts, but not to a selection.
    const area = document.createElement('textarea');
    area.value = string; area.className = 'sr'; document.body.append(area); area.select();
    try { done = document.execCommand('copy'); } catch { done = false; }
    area.remove(); button.focus();
  }
  flash(button, done ? words.copied : words.copy_failed);
}
function flash(button, message) {
  const before = button.dataset.label || button.textContent;
  button.dataset.label = before; button.textContent = message; say(message);
  setTimeout(() => { button.textContent = before; }, 1800);
}
function quoteOf(button) {
  const quote = button.closest('.ans, li').querySelector('.quote');
  return '“' + quote.textContent + '”\n' + button.dataset.cite;
}
function ask(question) {
  const box = document.querySelector('#question textarea');
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, question);
  box.dispatchEvent(new Event('input', { bubbles: true }));
  setTimeout(() => document.querySelector('#send').click(), 0);
}
async function save(kind, button) {
  const file = await served('export_conversation', { kind });
  if (file.error) { flash(button, file.error); return; }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([file.text], { type: file.mime }));
  link.download = file.name; link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
async function judge(button) {
  const r = await served('give_feedback', { turn: +button.dataset.turn, kind: button.dataset.kind });
  if (r.error) { flash(button, r.error); return; }
  const group = button.closest('.fbs');
  group.querySelectorAll('button').forEach((b) => b.setAttribute('aria-pressed', String(b === button)));
  flash(button, words.feedback_thanks);
}
document.addEventListener('click', (event) => {
  const b = event.target.closest?.('button');
  if (!b) return;
  const does = (act) => { event.preventDefault(); event.stopPropagation(); act(); };
  if (b.matches('#chat .cite')) does(() => cited(b, true));
  else if (b.matches('#chat .example')) does(() => ask(b.textContent));
  else if (b.matches('#chat .copy')) does(() => copy(quoteOf(b), b));
  else if (b.matches('#chat .link')) does(() => copy(location.origin + location.pathname + '?q=' + encodeURIComponent(b.dataset.q), b));
  else if (b.matches('#chat .fb')) does(() => judge(b));
  else if (b.matches('#documents .read')) does(() => read(b));
  else if (b.dataset.save) does(() => save(b.dataset.save, b));
}, true);
element.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') { event.preventDefault(); back(); }
  else if (event.target.matches('select, input') || event.altKey || event.ctrlKey || event.metaKey) return;
  else if (event.key === 'n') step(1);
  else if (event.key === 'p') step(-1);
});
function back() {
  // On a phone the chat lies above the source.
  if (narrow()) window.scrollTo(0, 0);
  const b = current(); if (b) { b.scrollIntoView({ block: 'nearest' }); b.focus(); } else document.querySelector('#question textarea').focus();
}
$('.sv-prev').onclick = () => step(-1);
$('.sv-next').onclick = () => step(1);
$('.sv-back').onclick = back;
$('.sv-copy').onclick = (event) => {
  const mark = document.getElementById('sv-hit');
  if (mark && current()) copy('“' + mark.textContent + '”\n' + opener.dataset.cite, event.currentTarget);
};
pick.onchange = () => { if (pick.value) { opener = null; open({ doc: pick.value, s: 0, e: 0 }, null, false); } };
async function translate() {
  const r = await served('viewer_words', {});
  if (r.error) return;
  words = r.words;
  document.documentElement.lang = r.language;
  $('.sv-label').textContent = words.source;
  $('.sv-pick-label').textContent = words.open_document;
  const name = (selector, short, full) => { $(selector).textContent = short; $(selector).setAttribute('aria-label', full); };
  name('.sv-prev', '‹ ' + words.previous_short, words.previous); name('.sv-next', words.next_short + ' ›', words.next);
  name('.sv-copy', words.copy_short, words.copy); name('.sv-back', words.back_short, words.back);
  translateFinding(); offerReading();
  const empty = $('.sv-empty'); if (empty) empty.textContent = words.source_empty;
  const first = document.createElement('option'); first.value = ''; first.textContent = words.open_document + ' …';
  pick.replaceChildren(first, ...r.documents.map((d) => {
    const option = document.createElement('option'); option.value = d.doc; option.textContent = d.title; return option;
  }));
  pick.value = shown ? shown.doc : '';
}
// Opening the side panel or turning a phone breaks the lines anew.
let width = 0;
new ResizeObserver(() => { if (body.clientWidth !== width) { width = body.clientWidth; settle(); } }).observe(body);
window.addEventListener('insources-refresh', translate);
setTimeout(translate, 0);
// A new answer comes to the top, and its first source opens beside it; the focus stays.
let waiting = false;
function look() {
  waiting = false;
  const side = document.querySelector('#side');
  if (side) {
    // Outside of what Gradio lets a style sheet reach.
    const around = side.closest('.sidebar-parent');
    if (around && window.matchMedia('(prefers-reduced-motion: reduce)').matches) around.style.transition = 'none';
    const isOpen = side.classList.contains('open'), toggle = side.querySelector('.toggle-button');
    side.querySelector('.sidebar-content').inert = !isOpen;
    toggle.setAttribute('aria-expanded', String(isOpen));
    if (words.options && toggle.getAttribute('aria-label') !== words.options) toggle.setAttribute('aria-label', words.options);
  }
  offerReading();
  // Gradio calls each message "a component of type html".
  document.querySelectorAll('#chat [data-testid][aria-label]').forEach((m) => m.removeAttribute('aria-label'));
  const turns = document.querySelectorAll('#chat .turn-q'), last = turns[turns.length - 1];
  const key = last ? last.dataset.turn : '';
  if (key === lastSeen) return;
  lastSeen = key;
  if (!last) return;
  if (narrow()) window.scrollTo(0, 0);
  const pane = last.closest('.bubble-wrap');
  pane.scrollTop += last.getBoundingClientRect().top - pane.getBoundingClientRect().top - 8;
  const answers = document.querySelectorAll('#chat .ans'), answer = answers[answers.length - 1];
  const chip = answer && answer.matches('.found') ? answer.querySelector('.cite') : null;
  if (chip && !narrow()) cited(chip, false);
}
new MutationObserver(() => { if (!waiting) { waiting = true; requestAnimationFrame(look); } })
  .observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['class'] });
setTimeout(look, 0);
