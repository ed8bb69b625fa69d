"use strict";
// A network's forward pass, in plain JavaScript: arrays of single precision, sums in double, channels last.

/* Of an activation's options: a function of one number. Softmax, which is of a row, stands in `activate`. */
const ACTIVATIONS = {
  linear: (f) => (x) => f.slope * x,
  sigmoid: (f) => (x) => 0.5 * (Math.tanh(0.5 * f.mu * x) + 1),
  centred_sigmoid: (f) => (x) => Math.tanh(0.5 * f.mu * x),
  tanh: (f) => (x) => f.k * Math.tanh(f.alpha * x),
  relu: () => (x) => (x > 0 ? x : 0),
  leaky_relu: (f) => (x) => (x > 0 ? x : f.alpha * x),
  softplus: () => (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  swish: (f) => (x) => x * 0.5 * (Math.tanh(0.5 * f.beta * x) + 1),
  gelu: (f) => (f.form === "tanh"
    ? (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))
    : (x) => 0.5 * x * erfc(-x * Math.SQRT1_2)),
  softmax: () => null,
  heaviside: () => (x) => (x > 0 ? 1 : 0),
};

/* 1 - erf(x), to a relative 1.2e-7 (a Chebyshev fit). */
function erfc(x) {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const terms = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
    1.00002368, -1.26551223];
  const tail = t * Math.exp(-x * x + terms.reduce((sum, c) => sum * t + c, 0));
  return x < 0 ? 2 - tail : tail;
}

const size = (shape) => shape.reduce((n, m) => n * m, 1);
const pair = (v) => (Array.isArray(v) ? v : [v, v]);

/* y with f applied in place; of softmax over rows of n numbers. */
function activate(y, f, n) {
  const one = ACTIVATIONS[f.type](f);
  if (one) {
    for (let i = 0; i < y.length; i++) y[i] = one(y[i]);
    return y;
  }
  for (let at = 0; at < y.length; at += n) {
    let most = -Infinity, sum = 0;
    for (let i = at; i < at + n; i++) most = Math.max(most, y[i]);
    for (let i = at; i < at + n; i++) sum += (y[i] = Math.exp(y[i] - most));
    for (let i = at; i < at + n; i++) y[i] /= sum;
  }
  return y;
}

/* Sums of the inputs, each times its row of w, plus b: (n) -> (m). */
function sums(x, from, n, w, b, m, y, to) {
  const total = new Float64Array(m);
  for (let i = 0; i < n; i++) {
    const v = x[from + i];
    if (v !== 0) for (let j = 0, at = i * m; j < m; j++, at++) total[j] += v * w[at];
  }
  for (let j = 0; j < m; j++) y[to + j] = total[j] + (b ? b[j] : 0);
}

/* Zeros before the first window, in one direction; windows of a transposed convolution stand on its output. */
function before(padding, larger, smaller, kernel, stride) {
  return padding === "same" ? Math.floor(Math.max((smaller - 1) * stride + kernel - larger, 0) / 2) : padding;
}

/* Where the windows of a step stand: kernel, stride and border, down and across. */
function windows(s, larger, smaller) {
  const k = pair(s.options.kernel ?? s.options.size), t = pair(s.options.stride);
  const p = s.options.padding === "same" ? ["same", "same"] : pair(s.options.padding);
  return [k, t, [0, 1].map((i) => before(p[i], larger[i], smaller[i], k[i], t[i]))];
}

/* f(example, row, column, y, x, place in the window) for every number of a window that lies within. */
function walk(count, larger, smaller, [k, t, p], f) {
  for (let b = 0; b < count; b++) for (let i = 0; i < smaller[0]; i++) for (let j = 0; j < smaller[1]; j++) {
    for (let u = 0; u < k[0]; u++) for (let v = 0; v < k[1]; v++) {
      const y = i * t[0] + u - p[0], x = j * t[1] + v - p[1];
      if (y >= 0 && y < larger[0] && x >= 0 && x < larger[1]) f(b, i, j, y, x, u * k[1] + v);
    }
  }
}

function conv2d(x, s, told) {
  const [h, w, c] = s.input, [rows, columns, m] = s.output, total = new Float64Array(told.count * rows * columns * m);
  const kernel = s.arrays.w;
  walk(told.count, s.input, s.output, windows(s, s.input, s.output), (b, i, j, y, u, place) => {
    const to = ((b * rows + i) * columns + j) * m;
    for (let q = 0, from = ((b * h + y) * w + u) * c; q < c; q++, from++) {
      const v = x[from];
      if (v !== 0) for (let o = 0, at = (place * c + q) * m; o < m; o++, at++) total[to + o] += v * kernel[at];
    }
  });
  return convolved(total, s, m);
}

function conv2d_transpose(x, s, told) {
  const [h, w, c] = s.input, [rows, columns, m] = s.output, total = new Float64Array(told.count * rows * columns * m);
  const kernel = s.turned ??= turned(s.arrays.w, m, c);
  walk(told.count, s.output, s.input, windows(s, s.output, s.input), (b, i, j, y, u, place) => {
    const to = ((b * rows + y) * columns + u) * m;
    for (let q = 0, from = ((b * h + i) * w + j) * c; q < c; q++, from++) {
      const v = x[from];
      if (v !== 0) for (let o = 0, at = (place * c + q) * m; o < m; o++, at++) total[to + o] += v * kernel[at];
    }
  });
  return convolved(total, s, m);
}

/* (places, m, c) -> (places, c, m), so that the numbers of one sum lie side by side. */
function turned(w, m, c) {
  const out = new Float32Array(w.length);
  for (let at = 0; at < w.length; at += m * c) {
    for (let o = 0; o < m; o++) for (let q = 0; q < c; q++) out[at + q * m + o] = w[at + o * c + q];
  }
  return out;
}

function convolved(total, s, m) {
  const y = Float32Array.from(total);
  if (s.arrays.b) for (let i = 0; i < y.length; i++) y[i] += s.arrays.b[i % m];
  return activate(y, s.options.activation, m);
}

function dense(x, s, told) {
  const n = size(s.input), m = s.output[0], y = new Float32Array(told.count * m);
  for (let b = 0; b < told.count; b++) sums(x, b * n, n, s.arrays.w, s.arrays.b, m, y, b * m);
  return activate(y, s.options.activation, m);
}

function maxout(x, s, told) {
  const n = size(s.input), { pieces, units } = s.options, a = new Float32Array(pieces * units);
  const y = new Float32Array(told.count * units);
  for (let b = 0; b < told.count; b++) {
    sums(x, b * n, n, s.arrays.w, s.arrays.b, pieces * units, a, 0);
    for (let j = 0; j < units; j++) {
      y[b * units + j] = Math.max(...Array.from({ length: pieces }, (_, p) => a[p * units + j]));
    }
  }
  return y;
}

/* By the running statistics; gamma and beta are those of the class where a class is told. */
function batch_norm(x, s, told) {
  const c = s.input[s.input.length - 1], n = size(s.input), a = s.arrays, y = new Float32Array(x.length);
  const steep = Float64Array.from(a.running_var, (v) => 1 / Math.sqrt(v + s.options.epsilon));
  for (let i = 0; i < x.length; i++) {
    const k = i % c, at = (s.type === "conditional_batch_norm" ? told.labels[Math.floor(i / n)] * c : 0) + k;
    y[i] = (x[i] - a.running_mean[k]) * steep[k] * a.gamma[at] + a.beta[at];
  }
  return y;
}

/* layer_norm, too, which is of one group. */
function group_norm(x, s, told) {
  const c = s.input[s.input.length - 1], n = size(s.input), groups = s.options.groups ?? 1, each = c / groups;
  const y = new Float32Array(x.length);
  for (let b = 0; b < told.count; b++) for (let g = 0; g < groups; g++) {
    const at = [];
    for (let p = 0; p < n; p += c) for (let k = g * each; k < (g + 1) * each; k++) at.push(b * n + p + k);
    const mean = at.reduce((sum, i) => sum + x[i], 0) / at.length;
    const spread = Math.sqrt(at.reduce((sum, i) => sum + (x[i] - mean) ** 2, 0) / at.length + s.options.epsilon);
    for (const i of at) y[i] = ((x[i] - mean) / spread) * s.arrays.gamma[i % c] + s.arrays.beta[i % c];
  }
  return y;
}

function pool(x, s, told) {
  const [h, w, c] = s.input, [rows, columns] = s.output, most = s.type === "max_pool", over = windows(s, s.input, s.output);
  const y = new Float64Array(told.count * rows * columns * c).fill(most ? -Infinity : 0), area = size(over[0]);
  walk(told.count, s.input, s.output, over, (b, i, j, v, u) => {
    for (let q = 0; q < c; q++) {
      const to = ((b * rows + i) * columns + j) * c + q, one = x[((b * h + v) * w + u) * c + q];
      y[to] = most ? Math.max(y[to], one) : y[to] + one / area;
    }
  });
  return Float32Array.from(y);
}

/* For one direction: from which numbers, and with which weights, each number of the output is made. */
function parts(s, n, factor) {
  const mode = s.options.mode, down = s.type === "downsample", [small, large] = down ? [n / factor, n] : [n, n * factor];
  const made = Array.from({ length: down ? small : large }, () => []);
  for (let i = 0; i < large; i++) {
    const at = Math.min(Math.max((i + 0.5) / factor - 0.5, 0), small - 1), low = Math.floor(at);
    const into = mode === "bilinear" ? [[low, 1 - (at - low)], [low + 1, at - low]] : [[Math.floor(i / factor), 1]];
    for (const [j, weight] of into) if (weight > 0) (down ? made[j].push([i, weight / factor]) : made[i].push([j, weight]));
  }
  return made;
}

function resample(x, s, told) {
  const [h, w, c] = s.input, [rows, columns] = s.output, [p, q] = pair(s.options.factor);
  const down = parts(s, h, p), across = parts(s, w, q), y = new Float32Array(told.count * rows * columns * c);
  for (let b = 0; b < told.count; b++) for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    for (let k = 0; k < c; k++) {
      let sum = 0;
      for (const [u, f] of down[i]) for (const [v, g] of across[j]) sum += f * g * x[((b * h + u) * w + v) * c + k];
      y[((b * rows + i) * columns + j) * c + k] = sum;
    }
  }
  return y;
}

function zero_pad(x, s, told) {
  const [h, w, c] = s.input, [rows, columns] = s.output, [p, q] = pair(s.options.padding);
  const y = new Float32Array(told.count * rows * columns * c);
  for (let b = 0; b < told.count; b++) for (let i = 0; i < h; i++) {
    const from = (b * h + i) * w * c;
    y.set(x.subarray(from, from + w * c), ((b * rows + i + p) * columns + q) * c);
  }
  return y;
}

/* x with more features behind the features of each pixel: more(example, which). */
function beside(x, s, told, more) {
  const n = s.input[s.input.length - 1], m = s.output[s.output.length - 1], pixels = size(s.input) / n;
  const y = new Float32Array(told.count * pixels * m);
  for (let at = 0; at < told.count * pixels; at++) {
    y.set(x.subarray(at * n, (at + 1) * n), at * m);
    for (let k = n; k < m; k++) y[at * m + k] = more(Math.floor(at / pixels), k - n);
  }
  return y;
}

/* told.noise: name -> numbers of one example, which all of a batch share, or of each; drawn anew where there are none. */
function noise(x, s, told) {
  const { how, scale, distribution } = s.options, n = how === "concatenate" ? size(s.output) - size(s.input) : size(s.input);
  const given = told.noise?.[`noise_${s.name}`];
  const draw = given ? (i) => given[i % given.length] : () => (distribution === "gaussian" ? gaussian() : 2 * Math.random() - 1);
  if (how === "concatenate") return beside(x, s, told, (b, k) => scale * draw(b * n + k));
  return Float32Array.from(x, (v, i) => (how === "add" ? v + scale * draw(i) : v * (1 + scale * draw(i))));
}

function gaussian() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function embedding(x, s, told) {
  const e = s.arrays.e, n = s.input[s.input.length - 1], m = s.shapes.e[1];
  if (s.options.how === "concatenate") return beside(x, s, told, (b, k) => e[told.labels[b] * m + k]);
  return Float32Array.from(x, (v, i) => v * e[told.labels[Math.floor(i / size(s.input))] * n + (i % n)]);
}

function projection(x, s, told) {
  const n = size(s.input), { w, b, v } = s.arrays;
  return Float32Array.from({ length: told.count }, (_, i) => {
    let sum = b[0];
    for (let k = 0; k < n; k++) sum += x[i * n + k] * (w[k] + v[told.labels[i] * n + k]);
    return sum;
  });
}

function constant(x, s, told) {
  const y = new Float32Array(told.count * size(s.output));
  for (let b = 0; b < told.count; b++) y.set(s.arrays.b, b * size(s.output));
  return y;
}

function residual(x, s, told) {
  const y = through(s.rows.layers, x, told), short = through(s.rows.shortcut, x, told);
  return y.map((v, i) => v + short[i]);
}

const same = (x) => x;
/* (x of all examples, step, told) -> y. What is not here is refused where the page is made. */
const LAYERS = {
  dense, maxout, conv2d, conv2d_transpose, batch_norm, group_norm, zero_pad, noise, embedding, projection, constant, residual,
  conditional_batch_norm: batch_norm,
  layer_norm: group_norm,
  max_pool: pool,
  average_pool: pool,
  upsample: resample,
  downsample: resample,
  dropout: same,
  flatten: same,
  reshape: same,
  activation: (x, s) => activate(x.slice(), s.options.function, s.output[s.output.length - 1]),
  condition: (x, s, told) => beside(x, s, told, (b, k) => Number(told.labels[b] === k)),
};

function through(steps, x, told) {
  return steps.reduce((y, s) => LAYERS[s.type](y, s, told), x);
}

/* A document of steps and its numbers, base64 of little-endian float32, as a function (x, labels, noise) -> y. */
function network(made, base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer), all = new Float32Array(bytes.length / 4);
  for (let i = 0; i < all.length; i++) all[i] = view.getFloat32(4 * i, true);
  let at = 0;
  const fill = (steps) => steps.forEach((s) => {
    s.arrays = Object.fromEntries(Object.entries(s.shapes).map(([name, shape]) => [name, all.subarray(at, (at += size(shape)))]));
    Object.values(s.rows ?? {}).forEach(fill);
  });
  fill(made.steps);
  return (x, labels, noise) => {
    const count = x.length / size(made.input);
    return through(made.steps, x, { count, labels: labels ?? new Array(count).fill(0), noise });
  };
}
