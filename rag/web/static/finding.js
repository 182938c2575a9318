
// Finding a text in the open document, going to a place in it, and opening any document from the
// panel. The server searches: of a long document only a part is here.
const wanted = $('.sv-wanted'), count = $('.sv-count'), at = $('.sv-at');
function tell(message) { count.textContent = message; say(message); }
async function find(back) {
  const sought = wanted.value.trim();
  if (!shown || !sought) { tell(''); return; }
  // From where the reader is: past what was found last, or from the citation or place that is shown.
  const same = shown.sought === sought;
  const from = same && !back ? shown.s + 1 : shown.s;
  const r = await open({ doc: shown.doc, sha: shown.sha, text: sought, from: from, back: Boolean(back) }, null, 'found', 'find_in_source');
  if (!r) return;
  if (r.n === 0) { tell(words.find_none); return; }
  if (r.error) { tell(r.error); return; }
  shown.sought = sought;
  tell(fill(words.find_count, { i: number(r.at), n: number(r.n) + (r.n < 10000 ? '' : '+') }));
}
function go() {
  // "5,149" or "5,149–5,265", as places are written here.
  const given = at.value.split(/[-\u2013]/).map((part) => part.replace(/\D/g, ''));
  if (!shown || !given[0]) return;
  const start = Number(given[0]);
  if (start >= shown.length) { tell(fill(words.go_beyond, { n: number(shown.length) })); return; }
  const end = Math.min(Math.max(start + 1, Number(given[1] || 0)), shown.length, start + 20000);
  open({ doc: shown.doc, sha: shown.sha, s: start, e: end }, null, true);
}
wanted.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault(); find(event.shiftKey);
});
wanted.addEventListener('input', () => { count.textContent = ''; });
at.addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); go(); } });
$('.sv-find-next').onclick = () => find(false);
$('.sv-find-prev').onclick = () => find(true);
element.addEventListener('keydown', (event) => {
  const typing = event.target === wanted || event.target === at;
  if (event.key === 'Escape' && typing) {
    // From the field to the text; from there, the next Escape goes back to the chat.
    event.preventDefault(); event.stopImmediatePropagation();
    (document.getElementById('sv-hit') || body).focus({ preventScroll: true });
  } else if (event.key === 'F3' && shown) { event.preventDefault(); find(event.shiftKey); }
  else if (typing || event.target === pick || event.altKey || event.ctrlKey || event.metaKey || !shown) return;
  else if (event.key === 'f' || event.key === '/') { event.preventDefault(); wanted.focus(); wanted.select(); }
  else if (event.key === 'g') { event.preventDefault(); at.focus(); at.select(); }
}, true);
function translateFinding() {
  const name = (node, label) => { node.setAttribute('aria-label', label); node.title = label; };
  wanted.placeholder = words.find_short; name(wanted, words.find);
  at.placeholder = words.go_short; name(at, words.go);
  name($('.sv-find-prev'), words.find_previous); name($('.sv-find-next'), words.find_next);
}
// Each document of the panel can be read, whether it is asked or not.
function offerReading() {
  if (!words.read) return;
  document.querySelectorAll('#documents label').forEach((label) => {
    const box = label.querySelector('input[type=checkbox]'), title = label.querySelector('span');
    if (!box || !title) return;
    let button = label.querySelector('button.read');
    if (!button) {
      button = document.createElement('button');
      button.type = 'button'; button.className = 'act read';
      label.append(button);
    }
    const full = fill(words.read_document, { title: title.textContent });
    if (button.getAttribute('aria-label') === full && button.textContent === words.read) return;
    button.textContent = words.read; button.setAttribute('aria-label', full);
    box.setAttribute('aria-label', title.textContent);
  });
}
function read(button) {
  opener = null;
  // On a phone the panel lies over the source.
  if (narrow()) document.querySelector('#side.open .toggle-button')?.click();
  beginning(button.closest('label').querySelector('input').name);
}
