// The course's networks in plain JavaScript: what torch computes, in the page, on what arrays.js reads and multiplies.
// No imports, no build step. Runs in a page, in a worker and in Node.

function networks() {
  const { crc32, readSafetensors, workspace } = arrays();

  // Tape machines.

  const up = (n, to) => Math.ceil(n / to) * to;
  const clip = (x, low, high) => (x < low ? low : x > high ? high : x);

  /** What both Neural GPUs share: a tape of W rows x L cells x C maps, zeros around it, and what is read off it. */
  class TapeMachine {
    constructor(tensors, width) {
      const need = (name) => {
        if (!tensors[name]) throw new Error(`The weights do not fit this network: ${name} is missing.`);
        return tensors[name];
      };
      Object.assign(this, { need, W: width });
      [this.V, this.C] = need("read.weight").shape;
      this.N = up(this.C, 8); // maps in memory
      this.kernels = []; // Float32Array each, (3 N, columns)
    }
    /** Kernels of several gates side by side: rows (dl, map), columns (gate, map); `dw` is the tape row looked at. */
    kernel(names, dw) {
      const { C, N } = this;
      const columns = names.length * N;
      const out = new Float32Array(3 * N * columns);
      names.forEach((name, g) => {
        const { data, shape } = this.need(`${name}.weight`);
        const taps = shape.length === 4 ? 9 : 3;
        const first = taps === 9 ? 3 * (dw + 1) : 0;
        for (let o = 0; o < C; o++)
          for (let i = 0; i < C; i++)
            for (let d = 0; d < 3; d++) out[(d * N + i) * columns + g * N + o] = data[(o * C + i) * taps + first + d];
      });
      this.kernels.push(out);
      return this.kernels.length - 1;
    }
    bias(names) {
      const out = new Float32Array(names.length * this.N);
      names.forEach((name, g) => out.set(this.need(`${name}.bias`).data, g * this.N));
      return out;
    }
    /** Write a word on the tape: the state before the first step. */
    start(word, plain = false) {
      const { C, N, W } = this;
      word.forEach((symbol) => {
        if (!(Number.isInteger(symbol) && symbol >= 0 && symbol < this.V)) throw new Error(`Symbol ${symbol} is unknown; this network knows 0 to ${this.V - 1}.`);
      });
      const L = (this.L = word.length);
      const rows = (this.rows = up(L, 4));
      const tape = (this.tape = (rows + 2) * N); // of one tape row, zeros before and behind
      const weights = this.kernels.reduce((sum, k) => sum + k.length, 0);
      const space = workspace(weights + W * (3 * tape + 3 * rows * N) + 64, plain);
      Object.assign(this, space);
      let at = 0;
      this.kernelAt = this.kernels.map((k) => { const here = at; space.floats.set(k, here); at += k.length; return here; });
      const take = (n) => { const here = at; at += n; return here; };
      [this.s, this.next, this.masked] = [take(W * tape), take(W * tape), take(W * tape)];
      [this.gates, this.candidates] = [take(W * rows * 2 * N), take(W * rows * N)];
      for (let l = 0; l < L; l++) for (let c = 0; c < C; c++) space.floats[this.s + (l + 1) * N + c] = this.first(word[l], c);
      this.t = 0;
    }
    /** out = bias + convolution of the tape at `from`; `kernels` are one (W = 1) or three, by row looked at. */
    convolve(from, kernels, bias, out) {
      const { N, W, rows, tape, floats } = this;
      const columns = bias.length;
      for (let w = 0; w < W; w++) {
        const here = out + w * rows * columns;
        for (let r = 0; r < rows; r++) floats.set(bias, here + r * columns);
        kernels.forEach((kernel, k) => {
          const row = w + k - (kernels.length - 1) / 2;
          if (row >= 0 && row < W) this.product(from + row * tape, N, this.kernelAt[kernel], here, rows, 3 * N, columns);
        });
      }
    }
    /** The state now, (C, W, L), in a new array or put into `out` at `at`. */
    state(out = new Float32Array(this.C * this.W * this.L), at = 0) {
      const { C, N, W, L, tape, floats } = this;
      for (let w = 0; w < W; w++)
        for (let l = 0; l < L; l++)
          for (let c = 0, from = this.s + w * tape + (l + 1) * N; c < C; c++) out[at + (c * W + w) * L + l] = floats[from + c];
      return out;
    }
    /** The symbols that would be read off the tape now. */
    read() {
      const { C, N, V, L, floats } = this;
      const [weight, bias] = [this.need("read.weight").data, this.need("read.bias").data];
      return Array.from({ length: L }, (_, l) => {
        let [best, most] = [0, -Infinity];
        for (let v = 0; v < V; v++) {
          let sum = bias[v];
          for (let c = 0, from = this.s + (l + 1) * N; c < C; c++) sum += weight[v * C + c] * floats[from + c];
          if (sum > most) [best, most] = [v, sum];
        }
        return best;
      });
    }
    /** Multiplications of a whole run over a word of L cells: how long it will take goes with them. */
    cost(L, steps) { return this.kernels.reduce((sum, k) => sum + k.length, 0) * this.W * L * steps; }
  }

  /** The Neural GPU of 2017, with diagonal gates. */
  class DiagonalNeuralGPU extends TapeMachine {
    constructor(tensors) {
      super(tensors, 1);
      this.gateNames = ["reset", "update"];
      this.gateKernel = [this.kernel(this.gateNames, 0)];
      this.gateBias = this.bias(this.gateNames);
      this.candidateKernel = [this.kernel(["candidate"], 0)];
      this.candidateBias = this.bias(["candidate"]);
    }
    first(symbol, c) {
      const { data } = this.need("write.weight");
      return clip(data[c * this.V + symbol] + this.need("write.bias").data[c], -1, 1);
    }
    step() {
      const { C, N, L, floats: m, s, next, masked, gates, candidates } = this;
      this.convolve(s, this.gateKernel, this.gateBias, gates);
      for (let l = 0; l < L; l++)
        for (let c = 0, g = gates + l * 2 * N, p = (l + 1) * N; c < C; c++) m[masked + p + c] = m[s + p + c] * clip(m[g + c] / 2 + 0.5, 0, 1);
      this.convolve(masked, this.candidateKernel, this.candidateBias, candidates);
      const third = Math.floor(C / 3);
      for (let l = 0; l < L; l++) {
        const [u, k, p] = [gates + l * 2 * N + N, candidates + l * N, (l + 1) * N];
        for (let c = 0; c < C; c++) {
          const update = clip(m[u + c] / 2 + 0.5, 0, 1);
          const kept = m[s + p + c + (c < third ? N : c < 2 * third ? -N : 0)];
          m[next + p + c] = update * kept + (1 - update) * clip(m[k + c], -1, 1);
        }
      }
      [this.s, this.next] = [next, s];
      this.t += 1;
    }
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));

  /** The Neural GPU of 2015: W rows, convolutional GRUs one after the other, sets of weights in turn. */
  class NeuralGPU extends TapeMachine {
    constructor(tensors, { width }) {
      super(tensors, width);
      const count = (prefix) => { let n = 0; while (tensors[`${prefix}${n}.update.weight`] || tensors[`${prefix}${n}.0.update.weight`]) n++; return n; };
      const looked = width === 1 ? [0] : [-1, 0, 1];
      this.sets = Array.from({ length: count("sets.") }, (_, k) => Array.from({ length: count(`sets.${k}.`) }, (_, n) => {
        const [gates, candidate] = [["reset", "update"], ["candidate"]].map((list) => list.map((name) => `sets.${k}.${n}.${name}`));
        return {
          gateKernel: looked.map((dw) => this.kernel(gates, dw)), gateBias: this.bias(gates),
          candidateKernel: looked.map((dw) => this.kernel(candidate, dw)), candidateBias: this.bias(candidate),
        };
      }));
      if (!this.sets.length) throw new Error("The weights do not fit this network: it has no unit.");
    }
    first(symbol, c) { return Math.tanh(this.need("write.weight").data[symbol * this.C + c]); }
    step() {
      for (const unit of this.sets[this.t % this.sets.length]) this.unit(unit);
      this.t += 1;
    }
    unit({ gateKernel, gateBias, candidateKernel, candidateBias }) {
      const { C, N, W, L, rows, tape, floats: m, s, next, masked, gates, candidates } = this;
      const gate = (x) => clip(1.2 * sigmoid(x) - 0.1, 0, 1);
      const cells = (visit) => { for (let w = 0; w < W; w++) for (let l = 0; l < L; l++) visit(w * tape + (l + 1) * N, w * rows + l); };
      this.convolve(s, gateKernel, gateBias, gates);
      cells((p, r) => { for (let c = 0; c < C; c++) m[masked + p + c] = m[s + p + c] * gate(m[gates + r * 2 * N + c]); });
      this.convolve(masked, candidateKernel, candidateBias, candidates);
      cells((p, r) => {
        for (let c = 0; c < C; c++) {
          const update = gate(m[gates + r * 2 * N + N + c]);
          m[next + p + c] = update * m[s + p + c] + (1 - update) * Math.tanh(m[candidates + r * N + c]);
        }
      });
      [this.s, this.next] = [next, s];
    }
  }

  // Networks without a tape.

  /** y = W x + b, with torch's (out, in) weights. */
  function linear({ data, shape: [out, size] }, bias, x) {
    const y = new Float32Array(out);
    for (let o = 0; o < out; o++) {
      let sum = bias.data[o];
      for (let i = 0, at = o * size; i < size; i++) sum += data[at + i] * x[i];
      y[o] = sum;
    }
    return y;
  }
  function softmax(x) {
    const most = Math.max(...x);
    const powers = Array.from(x, (v) => Math.exp(v - most));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((v) => v / total);
  }

  /** An image classifier as a list of layers, as `about.layers` names them; forward gives probabilities. */
  class ImageNetwork {
    constructor(tensors, { layers }) { Object.assign(this, { tensors, layers }); }
    forward(image) {
      let [x, side, channels] = [Float32Array.from(image), Math.round(Math.sqrt(image.length)), 1];
      const part = (k, name) => {
        const tensor = this.tensors[`layers.${k}.${name}`];
        if (!tensor) throw new Error(`The weights do not fit this network: layers.${k}.${name} is missing.`);
        return tensor;
      };
      this.layers.forEach((kind, k) => {
        if (kind === "Linear") x = linear(part(k, "weight"), part(k, "bias"), x);
        else if (kind === "ReLU") x = x.map((v) => (v > 0 ? v : 0));
        else if (kind === "Conv2d") { x = convolution(part(k, "weight"), part(k, "bias"), x, side); channels = part(k, "weight").shape[0]; }
        else if (kind === "MaxPool2d") { x = pool(x, channels, side); side = Math.floor(side / 2); }
        else if (kind === "BatchNorm2d") {
          const [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((n) => part(k, n).data);
          const area = side * side;
          x = x.map((v, at) => { const c = Math.floor(at / area); return ((v - mean[c]) / Math.sqrt(variance[c] + 1e-5)) * scale[c] + shift[c]; });
        } else if (kind !== "Flatten" && kind !== "Dropout") throw new Error(`The layer ${kind} is unknown here.`);
      });
      return softmax(x);
    }
  }
  /** A 3 x 3 convolution, zeros around the image; axes (channel, row, column). */
  function convolution({ data, shape: [out, channels] }, bias, x, side) {
    const area = side * side;
    const y = new Float32Array(out * area);
    for (let o = 0; o < out; o++) {
      const to = y.subarray(o * area, (o + 1) * area).fill(bias.data[o]);
      for (let c = 0; c < channels; c++) {
        for (let k = 0; k < 9; k++) {
          const weight = data[(o * channels + c) * 9 + k];
          const [dy, dx] = [Math.floor(k / 3) - 1, (k % 3) - 1];
          const [left, right] = [Math.max(0, -dx), side - Math.max(0, dx)];
          for (let row = Math.max(0, -dy); row < side - Math.max(0, dy); row++) {
            const from = c * area + (row + dy) * side + dx;
            for (let column = left; column < right; column++) to[row * side + column] += weight * x[from + column];
          }
        }
      }
    }
    return y;
  }
  function pool(x, channels, side) {
    const small = Math.floor(side / 2);
    const y = new Float32Array(channels * small * small);
    for (let c = 0, at = 0; c < channels; c++)
      for (let row = 0; row < small; row++)
        for (let column = 0; column < small; column++) {
          const from = c * side * side + 2 * row * side + 2 * column;
          y[at++] = Math.max(x[from], x[from + 1], x[from + side], x[from + side + 1]);
        }
    return y;
  }

  /** The Neural Turing Machine of lesson 06: one write head, one read head, a controller without a memory. */
  class NTM {
    constructor(tensors, { rows }) {
      const need = (name) => { if (!tensors[name]) throw new Error(`The weights do not fit this network: ${name} is missing.`); return tensors[name]; };
      this.layer = (name, x) => linear(need(`${name}.weight`), need(`${name}.bias`), x);
      this.H = need("controller.bias").data.length;
      this.M = need("answer.weight").shape[1] - this.H;
      this.I = need("controller.weight").shape[1] - this.M;
      this.N = rows;
    }
    /** Answers (numbers before the sigmoid), both heads' addresses and the memory at every step. */
    run(inputs, rows = this.N) {
      const { M } = this;
      const N = rows;
      const softplus = (x) => (x > 20 ? x : Math.log1p(Math.exp(x)));
      let memory = Array.from({ length: N }, () => new Float32Array(M).fill(1e-6));
      let addresses = [0, 1].map(() => Float32Array.from({ length: N }, (_, n) => Number(n === 0)));
      let read = new Float32Array(M);
      const P = M + 6; // key, beta, gate, three shifts, gamma
      const found = { answers: [], addresses: [], memory: [] };
      for (const input of inputs) {
        const hidden = this.layer("controller", [...input, ...read]).map(Math.tanh);
        const numbers = this.layer("heads", hidden).map((v) => clip(v, -20, 20));
        addresses = addresses.map((previous, head) => {
          const p = numbers.subarray(head * P, (head + 1) * P);
          const key = p.subarray(0, M).map(Math.tanh);
          const [beta, gate, gamma] = [softplus(p[M]), sigmoid(p[M + 1]), 1 + softplus(p[M + 5])];
          const moves = softmax(p.subarray(M + 2, M + 5));
          const size = (v) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
          const length = size(key);
          const scores = memory.map((row) => (beta * row.reduce((sum, v, m) => sum + v * key[m], 0)) / (length * size(row) + 1e-2));
          const content = softmax(scores);
          const mixed = content.map((v, n) => gate * v + (1 - gate) * previous[n]);
          const moved = mixed.map((v, n) => moves[0] * mixed[(n + 1) % N] + moves[1] * v + moves[2] * mixed[(n + N - 1) % N]);
          return Float32Array.from(softmax(moved.map((v) => gamma * Math.log(v + 1e-6))));
        });
        const erase = numbers.subarray(2 * P, 2 * P + M).map(sigmoid);
        const plus = numbers.subarray(2 * P + M).map(Math.tanh);
        const [write, look] = addresses;
        memory = memory.map((row, n) => row.map((v, m) => v * (1 - write[n] * erase[m]) + write[n] * plus[m]));
        read = new Float32Array(M);
        memory.forEach((row, n) => row.forEach((v, m) => { read[m] += look[n] * v; }));
        found.answers.push(this.layer("answer", [...hidden, ...read]));
        found.addresses.push(addresses);
        found.memory.push(memory);
      }
      return found;
    }
  }

  const KINDS = { DiagonalNeuralGPU, NeuralGPU, ImageNetwork, NTM };
  /** The network that a machine's description and its weights (bytes of safetensors) make. */
  function build({ kind, about = {}, crc32: checksum = null }, bytes) {
    if (!KINDS[kind]) throw new Error(`The network ${kind} is unknown here.`);
    return new KINDS[kind](readSafetensors(bytes, checksum).tensors, about);
  }
  return { build, crc32, readSafetensors, workspace };
}
