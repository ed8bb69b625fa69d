// The pages of `dessine watch`: they ask for what has changed and put it in its place. What a run says comes as HTML in which
// all text is escaped; nothing is put together here but numbers and names, as text.
'use strict';

const EVERY = 1000; // milliseconds between two questions
const page = document.getElementById('watch');
const banner = document.getElementById('banner');

const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
const awake = () => (document.hidden
  ? new Promise((done) => { document.addEventListener('visibilitychange', done, { once: true }); })
  : Promise.resolve());

function tell(text) {
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
}

// Ask `address()` again and again. take(answer) is called where the answer is a new one.
async function follow(address, take) {
  let tag = null;
  let silent = 0;
  for (;;) {
    await awake();
    try {
      const asked = address();
      const answer = await fetch(asked, { cache: 'no-cache' });
      const own = `${asked} ${answer.headers.get('etag')}`;
      silent = 0;
      if (answer.ok) tell('');
      if (answer.status === 403) tell('This page needs the address that dessine watch has printed, with its token.');
      else if (!answer.ok) tell('This cannot be shown just now; the terminal of dessine watch tells why.');
      else if (own !== tag) take(await answer.json());
      tag = own;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // a mistake of this page; TypeError is what fetch says of a network
      silent += 1;
      if (silent > 1) tell('No answer: dessine watch has ended. What you see is the last it told; this page goes on when it is back.');
    }
    await wait(EVERY * Math.min(1 + silent, 5));
  }
}

// Replace what is in `slot`; what a reader has opened stays open, and where he has scrolled to is kept.
function put(slot, html) {
  if (slot.told === html) return;
  slot.told = html;
  const opened = new Set([...slot.querySelectorAll('details[open] > summary')].map((one) => one.textContent.replace(/\d/g, '')));
  const scrolled = [...slot.querySelectorAll('pre, .scroll')].map((one) => [one.scrollTop, one.scrollLeft]);
  slot.innerHTML = html;
  for (const details of slot.querySelectorAll('details')) {
    const summary = details.querySelector('summary');
    if (summary && opened.has(summary.textContent.replace(/\d/g, ''))) details.open = true;
  }
  slot.querySelectorAll('pre, .scroll').forEach((one, i) => {
    if (scrolled[i]) [one.scrollTop, one.scrollLeft] = scrolled[i];
  });
}

const said = (step) => `step ${step.toLocaleString('en')}`;

// The pictures of one run under a slider that follows the newest until somebody moves it, and again at its end.
class Samples {
  constructor(box, moved) {
    [this.box, this.files, this.moved] = [box, '', moved];
    this.image = box.querySelector('img');
    this.slider = box.querySelector('input');
    this.output = box.querySelector('output');
    this.newest = box.querySelector('.newest');
    this.play = box.querySelector('.play');
    [this.steps, this.tags, this.shown, this.timer] = [[], [], '', 0];
    this.slider.addEventListener('input', () => { this.show(); this.moved(this); });
    this.newest.addEventListener('click', () => { this.go(this.steps.length - 1); this.moved(this); this.slider.focus(); });
    this.play.addEventListener('click', () => (this.timer ? this.stop() : this.start()));
  }

  get at() { return Number(this.slider.value); }

  take(files, steps, tags) {
    this.files = files;
    const following = !this.timer && this.at >= this.steps.length - 1;
    const step = this.steps[this.at];
    [this.steps, this.tags] = [steps, tags];
    this.box.hidden = steps.length === 0;
    if (!steps.length) return;
    this.slider.max = steps.length - 1;
    this.slider.disabled = this.play.disabled = steps.length < 2;
    this.go(following ? steps.length - 1 : this.near(step));
  }

  // The run has gone, and its pictures with it.
  leave() {
    this.stop();
    this.slider.disabled = this.play.disabled = true;
    this.newest.hidden = true;
  }

  near(step) {
    let best = 0;
    this.steps.forEach((one, i) => { if (Math.abs(one - step) < Math.abs(this.steps[best] - step)) best = i; });
    return best;
  }

  go(at) { this.slider.value = at; this.show(); }

  show() {
    const step = this.steps[this.at];
    const source = `${this.files}step_${String(step).padStart(7, '0')}.png?v=${this.tags[this.at]}`;
    this.newest.hidden = this.at >= this.steps.length - 1;
    this.output.textContent = said(step);
    this.slider.setAttribute('aria-valuetext', said(step));
    if (source === this.shown) return;
    this.shown = source;
    const next = new Image(); // no flicker: shown when it is here
    next.src = source;
    next.decode().then(() => {
      if (this.shown !== source) return;
      this.image.src = source;
      this.image.parentElement.classList.toggle('wide', next.naturalWidth > this.box.dataset.wide * next.naturalHeight);
      this.image.alt = `Samples at ${said(step)}`;
      this.box.dataset.step = step;
    }).catch(() => { if (this.shown === source) this.shown = ''; }); // it has just been removed: the next answer says so
  }

  start() {
    if (this.at >= this.steps.length - 1) this.go(0);
    this.play.textContent = 'Stop';
    this.timer = setInterval(() => {
      if (this.at >= this.steps.length - 1) { this.stop(); return; }
      this.go(this.at + 1);
      this.moved(this);
    }, Math.max(80, Math.min(400, 8000 / this.steps.length)));
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = 'Play';
  }
}

function showRuns() {
  const both = document.getElementById('both');
  const views = [...page.querySelectorAll('.run')].map((box) => {
    const samples = new Samples(box.querySelector('.samples'), (moved) => {
      if (!both || !both.checked) return;
      for (const other of views) {
        if (other !== moved && other.steps.length) other.go(other.near(moved.steps[moved.at]));
      }
    });
    follow(() => box.dataset.from, (told) => {
      const note = box.querySelector('.note');
      note.hidden = !told.gone;
      note.textContent = told.gone || '';
      box.classList.toggle('gone', Boolean(told.gone));
      if (told.gone) { samples.leave(); return; }
      for (const slot of box.querySelectorAll('[data-piece]')) put(slot, told.pieces[slot.dataset.piece] || '');
      samples.take(told.files, told.steps, told.tags);
      box.dataset.status = told.status;
      if (page.dataset.page === 'run') document.title = `${told.status === 'running' ? '● ' : ''}${told.title}`;
      seeTimes();
    });
    return samples;
  });
}

function showList() {
  const list = document.getElementById('list');
  const [words, status, more] = ['words', 'status', 'more'].map((id) => document.getElementById(id));
  const beside = document.getElementById('beside');
  const cards = new Map();
  const picked = new Set();
  let [order, stamp, most] = [[], '', Number(list.dataset.most)];

  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    let fitting = 0;
    for (const name of order) {
      const card = cards.get(name);
      const fits = (!status.value || card.dataset.status === status.value) && wanted.every((word) => card.text.includes(word));
      fitting += fits;
      card.hidden = !fits || shown >= most;
      shown += !card.hidden;
    }
    document.getElementById('none').hidden = order.length > 0;
    document.getElementById('nothing').hidden = order.length === 0 || fitting > 0;
    document.getElementById('count').textContent = order.length
      ? `${fitting.toLocaleString('en')}${fitting < order.length ? ` of ${order.length.toLocaleString('en')}` : ''}` : '';
    more.hidden = fitting <= shown;
    more.textContent = `Show more (${(fitting - shown).toLocaleString('en')})`;
  };
  const pick = () => {
    for (const name of picked) if (!cards.has(name)) picked.delete(name);
    const [a, b] = [...picked].slice(-2);
    beside.hidden = picked.size === 0;
    beside.classList.toggle('ready', picked.size > 1);
    beside.textContent = picked.size > 1 ? 'Open the two side by side' : 'Pick one more to see two side by side';
    if (picked.size > 1) beside.href = `/beside?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`;
    else beside.removeAttribute('href');
    for (const box of list.querySelectorAll('.pick input')) box.checked = [a, b].includes(box.value);
  };
  list.addEventListener('change', (event) => {
    if (!event.target.matches('.pick input')) return;
    if (event.target.checked) picked.add(event.target.value);
    else picked.delete(event.target.value);
    while (picked.size > 2) picked.delete(picked.values().next().value);
    pick();
  });
  for (const one of [words, status]) one.addEventListener('input', show);
  more.addEventListener('click', () => { most += Number(list.dataset.most); show(); });

  follow(() => `${page.dataset.from}${page.dataset.from.includes('?') ? '&' : '?'}since=${stamp}`, (told) => {
    const note = document.getElementById('gone');
    note.hidden = !told.gone;
    note.textContent = told.gone || '';
    if (told.gone) return;
    stamp = told.stamp;
    for (const [name, state, html] of told.cards) {
      let card = cards.get(name);
      if (!card) {
        card = document.createElement('article');
        cards.set(name, card);
      }
      card.className = `card ${state}`;
      card.dataset.status = state;
      put(card, html);
      card.text = `${card.textContent} ${name}`.toLowerCase();
    }
    if (told.names) {
      order = told.names;
      const there = new Set(order);
      for (const [name, card] of cards) if (!there.has(name)) { card.remove(); cards.delete(name); }
      order.forEach((name, i) => {
        const card = cards.get(name);
        if (list.children[i] !== card) list.insertBefore(card, list.children[i] || null);
      });
    }
    if (told.found !== undefined) put(document.getElementById('found'), told.found);
    if (told.head !== undefined) put(document.getElementById('head'), told.head);
    list.style.gridTemplateColumns = told.columns ? `repeat(${told.columns}, minmax(9rem, 17rem))` : '';
    pick();
    show();
    seeTimes();
  });
}

function seeTimes() {
  for (const one of document.querySelectorAll('time[data-at]')) {
    const ago = Date.now() / 1000 - Number(one.dataset.at);
    const [unit, length] = [['day', 86400], ['hour', 3600], ['minute', 60]].find(([, seconds]) => ago >= seconds) || ['', 1];
    const n = Math.floor(ago / length);
    const text = unit ? `${n} ${unit}${n === 1 ? '' : 's'} ago` : 'just now';
    if (one.textContent !== text) one.textContent = text;
    one.title = new Date(Number(one.dataset.at) * 1000).toLocaleString();
  }
}
setInterval(seeTimes, 30000);

// A pointer over a curve: the values there.
const tip = document.createElement('div');
tip.className = 'tip';
tip.hidden = true;
document.body.append(tip);
document.addEventListener('pointermove', (event) => {
  const svg = event.target instanceof Element && event.target.closest('.curves figure > svg');
  tip.hidden = true;
  if (!svg) return;
  const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const back = (numbers, at) => {
    const [low, high, start, end] = numbers.split(' ').map(Number);
    return low + ((at - start) / (end - start)) * (high - low);
  };
  const lines = [...svg.querySelectorAll('polyline')].map((line) => {
    const points = [...line.points];
    const near = points.reduce((best, one) => (Math.abs(one.x - place.x) < Math.abs(best.x - place.x) ? one : best));
    return [line.dataset.name, near];
  });
  if (!lines.length) return;
  const number = (v) => (v !== 0 && (Math.abs(v) < 1e-4 || Math.abs(v) >= 1e6) ? v.toExponential(2) : String(Number(v.toPrecision(3))));
  const step = Math.round(back(svg.dataset.x, lines[0][1].x));
  tip.textContent = [said(step), ...lines.map(([name, near]) => `${name} ${number(back(svg.dataset.y, near.y))}`)].join('\n');
  tip.hidden = false;
  tip.style.left = `${Math.max(0, Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8)}px`;
});

if (page.dataset.page === 'list') showList();
else showRuns();
