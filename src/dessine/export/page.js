// The page around the network: what is pressed, moved and painted.
const byId = (id) => document.getElementById(id);
const told = JSON.parse(byId("net").textContent);
const run = network(told.network, byId("weights").textContent);
const [HEIGHT, WIDTH, CHANNELS] = told.network.output;
const make = (tag, more) => Object.assign(document.createElement(tag), more);
const press = (button, on) => button.setAttribute("aria-pressed", String(on));

/* A number of the data's scale as a level of grey, 0 to 255. */
const level = (v, [low, high]) => Math.round(255 * Math.min(Math.max((v - low) / (high - low), 0), 1));

/* Paint one image of the network onto a canvas, pixel by pixel. */
function paint(canvas, x, span, [h, w, c]) {
  Object.assign(canvas, { width: w, height: h });
  const pixels = new ImageData(w, h);
  for (let i = 0; i < h * w; i++) {
    for (let k = 0; k < 3; k++) pixels.data[4 * i + k] = level(x[i * c + (c === 3 ? k : 0)], span);
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/* ---- A generator ---- */
const latent = told.about.latent ?? {};
const code = latent.code ?? { categorical: [], continuous: 0 };
const own = latent.size - code.categorical.reduce((n, k) => n + k, 0) - code.continuous;

/* A latent as training has drawn them. */
function drawLatent() {
  const z = new Float32Array(latent.size);
  for (let i = 0; i < own; i++) z[i] = latent.distribution === "gaussian" ? gaussian() : latent.limit * (2 * Math.random() - 1);
  let at = own;
  for (const k of code.categorical) {
    z[at + Math.floor(Math.random() * k)] = 1;
    at += k;
  }
  for (; at < latent.size; at++) z[at] = 2 * Math.random() - 1;
  return z;
}

/* Noise of the network's own: held still, so that what is moved is all that changes. */
function drawNoise() {
  const one = { gaussian, uniform: () => 2 * Math.random() - 1 };
  return Object.fromEntries(Object.entries(told.noises).map(([name, n]) => [name, Float32Array.from({ length: n.size }, one[n.distribution])]));
}

/* Images or points of some latents. kinds: which class each is asked for, if the network is told any. */
function draw(latents, kinds, noise = held) {
  const x = new Float32Array(latents.length * latent.size);
  latents.forEach((z, i) => x.set(z, i * latent.size));
  const y = run(x, kinds, noise), n = y.length / latents.length;
  return latents.map((_, i) => y.subarray(i * n, (i + 1) * n));
}

const held = told.kind === "pad" ? {} : drawNoise();
let middle, sliders = [], kind = 0, walking = null;

/* The latent that the sliders and the buttons ask for. */
function asked() {
  const z = middle.slice();
  for (const { input, vector } of sliders) vector.forEach((v, i) => { z[i] += v * latent.sigma * Number(input.value); });
  if (latent.distribution === "uniform") for (let i = 0; i < own; i++) z[i] = Math.min(Math.max(z[i], -latent.limit), latent.limit);
  for (let i = latent.size - code.continuous; i < latent.size; i++) z[i] = Math.min(Math.max(z[i], -1), 1);
  return withKind(z);
}

/* With the kind that is pressed, where a code names kinds. */
function withKind(z) {
  if (code.categorical.length) for (let i = 0; i < code.categorical[0]; i++) z[own + i] = Number(i === kind);
  return z;
}

function show() {
  const [y] = draw([asked()], [kind]);
  if (told.kind === "images") paint(byId("big"), y, told.about.output_range, told.network.output);
  else plot(y);
}

/* Others beside it, each a button. */
function others() {
  if (told.kind !== "images") return cloud();
  const more = byId("more"), some = Array.from({ length: 12 }, () => withKind(drawLatent()));
  more.replaceChildren(...draw(some, some.map(() => kind)).map((y, i) => {
    const canvas = make("canvas"), button = make("button");
    button.setAttribute("aria-label", `go on from image ${i + 1}`);
    paint(canvas, y, told.about.output_range, told.network.output);
    button.append(canvas);
    button.addEventListener("click", () => from(some[i]));
    return button;
  }));
}

/* Go on from a latent; whoever chooses one wants to stay there. */
function from(z) {
  if (walking) wander();
  middle = z;
  toZero();
}

function toZero() {
  sliders.forEach(({ input }) => { input.value = 0; });
  show();
}

/* From latent to latent, on a great circle for gaussian ones, whose lengths hardly differ, until it is pressed again. */
function wander() {
  press(byId("walk"), !walking);
  if (walking) {
    cancelAnimationFrame(walking);
    walking = null;
    return;
  }
  let start = asked(), goal = drawLatent(), began = null;
  sliders.forEach(({ input }) => { input.value = 0; });
  const step = (now) => {
    began ??= now;
    const t = Math.min((now - began) / 2500, 1);
    middle = between(start, withKind(goal), t);
    show();
    if (t === 1) [start, goal, began] = [middle, drawLatent(), now];
    walking = requestAnimationFrame(step);
  };
  walking = requestAnimationFrame(step);
}

function between(a, b, t) {
  const dot = (u, v) => u.reduce((sum, w, i) => sum + (i < own ? w * v[i] : 0), 0);
  const angle = Math.acos(Math.min(Math.max(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)), -1), 1)), wide = Math.sin(angle);
  const round = latent.distribution === "gaussian" && own > 2 && wide > 1e-3;
  const [p, q] = round ? [Math.sin((1 - t) * angle) / wide, Math.sin(t * angle) / wide] : [1 - t, t];
  return a.map((v, i) => (i < own ? p * v + q * b[i] : (1 - t) * v + t * b[i]));
}

/* ---- Points ---- */
let points = [], frame = [-1, 1, -1, 1];

/* Many points, and the frame that they need. */
function cloud() {
  const some = Array.from({ length: 800 }, () => withKind(drawLatent()));
  points = some.flatMap((z) => draw([z], [kind], Object.keys(told.noises).length ? drawNoise() : held));
  const [xs, ys] = [0, 1].map((k) => points.map((p) => p[k] ?? 0).sort((a, b) => a - b));
  const ends = (v) => [v[Math.floor(v.length * 0.01)], v[Math.ceil(v.length * 0.99) - 1]];
  const [a, b] = ends(xs), [c, d] = ends(ys), half = 0.65 * Math.max(b - a, d - c, 1e-3);
  frame = [(a + b) / 2 - half, (a + b) / 2 + half, (c + d) / 2 - half, (c + d) / 2 + half];
}

/* The points, and the marked one; numbers of a line as columns of how many there are. */
function plot(y) {
  const canvas = byId("big"), side = 600;
  Object.assign(canvas, { width: side, height: side });
  const g = canvas.getContext("2d"), style = getComputedStyle(document.body), colour = (name) => style.getPropertyValue(name);
  const [left, right, low, high] = frame, x = (v) => (side * (v - left)) / (right - left);
  const up = (v) => side - (side * (v - low)) / (high - low);
  g.fillStyle = colour("--c0");
  if (y.length === 1) {
    const bins = new Array(60).fill(0);
    points.forEach(([v]) => { bins[Math.min(Math.max(Math.floor((60 * (v - left)) / (right - left)), 0), 59)]++; });
    bins.forEach((n, i) => g.fillRect(i * 10, side - (0.9 * side * n) / Math.max(...bins), 9, side));
  } else {
    g.globalAlpha = 0.55;
    for (const [a, b] of points) g.fillRect(x(a) - 2.5, up(b) - 2.5, 5, 5);
    g.globalAlpha = 1;
  }
  g.fillStyle = colour("--c1");
  g.beginPath();
  g.arc(x(y[0]), y.length === 1 ? side - 14 : up(y[1]), 11, 0, 2 * Math.PI);
  g.fill();
}

/* ---- A classifier ---- */
function pad() {
  const { input } = told.network, [low, high] = told.about.input_range, dark = told.about.paper <= 0.5;
  const canvas = byId("pad"), side = 280, g = canvas.getContext("2d", { willReadFrequently: true });
  const [paper, ink] = dark ? ["#000", "#fff"] : ["#fff", "#000"];
  let last = null;
  Object.assign(canvas, { width: side, height: side });
  const clear = () => {
    Object.assign(g, { fillStyle: paper, strokeStyle: ink, lineWidth: side / 13, lineCap: "round", lineJoin: "round" });
    g.fillRect(0, 0, side, side);
    byId("said").textContent = "Draw something.";
    byId("bars").replaceChildren();
    paint(byId("shown"), new Float32Array(input[0] * input[1]).fill(dark ? low : high), [low, high], input);
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * side) / box.width, ((event.clientY - box.top) * side) / box.height];
  };
  const to = (event) => {
    const here = at(event);
    g.beginPath();
    g.moveTo(...(last ?? here));
    g.lineTo(...here);
    g.stroke();
    last = here;
    look();
  };
  const look = () => {
    const shown = centred(g.getImageData(0, 0, side, side), dark, input);
    if (shown) answer(shown.map((v) => low + (high - low) * (dark ? v : 1 - v)));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    to(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (last) to(event); });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
  byId("clear").addEventListener("click", clear);
  clear();
}

/* The ink, 0 to 1, as MNIST's digits stand: 5 / 7 of the picture, their centre of mass in its middle. Null if there is none. */
function centred({ data, width }, dark, [h, w]) {
  const there = (i) => (dark ? data[4 * i] : 255 - data[4 * i]) / 255;
  let [left, right, top, bottom, mass, cx, cy] = [width, -1, width, -1, 0, 0, 0];
  for (let i = 0; i < width * width; i++) if (there(i) > 0.1) {
    const x = i % width, y = Math.floor(i / width), m = there(i);
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    [mass, cx, cy] = [mass + m, cx + m * x, cy + m * y];
  }
  if (right < 0) return null;
  const scale = Math.max(right - left + 1, bottom - top + 1) / ((5 / 7) * Math.min(h, w)), out = new Float32Array(h * w);
  const n = 4; // looks per pixel, down and across
  for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) for (let u = 0; u < n; u++) for (let v = 0; v < n; v++) {
    const x = Math.round(cx / mass + (j + (v + 0.5) / n - w / 2) * scale), y = Math.round(cy / mass + (i + (u + 0.5) / n - h / 2) * scale);
    if (x >= 0 && x < width && y >= 0 && y < width) out[i * w + j] += there(y * width + x) / (n * n);
  }
  return out;
}

/* What the network says of an image: a probability for each class where it learnt them so, else its answers, cut to 0 and 1. */
function answer(x) {
  paint(byId("shown"), x, told.about.input_range, told.network.input);
  const names = told.about.classes, shares = probabilities(run(x), names.length), best = shares.indexOf(Math.max(...shares));
  byId("said").textContent = names[best];
  byId("bars").replaceChildren(...names.flatMap((name, i) => {
    const bar = make("i");
    bar.style.width = `${100 * shares[i]}%`;
    const cell = make("span");
    cell.append(bar);
    return [make("span", { textContent: name }), cell, make("span", { textContent: `${(100 * shares[i]).toFixed(0)} %`, className: "n" })];
  }));
}

function probabilities(y, count) {
  const { squash, span: [low, high] } = told.about;
  const cut = (v) => Math.min(Math.max((v - low) / (high - low), 0), 1);
  const sigmoid = (v) => 1 / (1 + Math.exp(-v));
  if (squash === "softmax") return [...activate(Float64Array.from(y), { type: "softmax" }, count)];
  const each = [...y].map(squash === "sigmoid" ? sigmoid : cut);
  return each.length === 1 ? [1 - each[0], each[0]] : each;
}

if (told.kind === "pad") {
  pad();
} else {
  const names = told.classes.length ? told.classes : code.categorical.length ? Array.from({ length: code.categorical[0] }, (_, i) => String(i)) : [];
  const keys = byId("classes");
  keys.hidden = !names.length;
  keys.append(...names.map((name, i) => {
    const button = make("button", { textContent: name });
    press(button, i === 0);
    button.addEventListener("click", () => {
      kind = i;
      [...keys.children].forEach((other) => press(other, other === button));
      others();
      show();
    });
    return button;
  }));
  sliders = told.about.axes.map(({ name, vector }) => {
    const input = make("input", { type: "range", min: -3, max: 3, step: 0.05, value: 0 });
    input.addEventListener("input", show);
    const label = make("label", { textContent: name });
    label.append(input);
    byId("slides").append(label);
    return { input, vector };
  });
  byId("new").addEventListener("click", () => {
    others();
    from(drawLatent());
  });
  byId("walk").addEventListener("click", wander);
  byId("middle").addEventListener("click", toZero);
  others();
  from(drawLatent());
}
