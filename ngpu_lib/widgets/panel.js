// One picture of the activation viewer: the whole state lies in the page as bytes, a step is one small image.

const LEVELS = 126, NAN = 253;
const LABELS = 42, LINE = 15, GAP = 1, BETWEEN = 16, EDGE = 8; // pixels: map numbers, a line of text, gaps
const TALLEST = 480;
const MOST_VALUES = 3_000_000; // of one viewer
const SMALL = "11px system-ui, 'DejaVu Sans', sans-serif";

/** One of the one or two pictures. */
class Panel {
  constructor(data) {
    Object.assign(this, data);
    [this.T, this.C, this.W, this.L] = data.shape;
    this.codes = bytes(data.data);
    this.largest = Math.max(...this.scale) || 1;
    this.image = document.createElement("canvas"); // one pixel a cell
    this.canvas = make("canvas", { tabindex: 0, role: "img" });
    const bad = this.bad
      ? ` · ${this.bad} ${this.bad === 1 ? "value is" : "values are"} NaN or infinite (green)` : "";
    this.size = `${this.C} ${this.C > 1 ? "maps" : "map"} × ${this.W > 1 ? `${this.W} rows × ` : ""}${this.L} positions`;
    this.size += bad;
    this.details = make("small");
    this.caption = make("figcaption", {}, make("strong", {}, this.name), this.details);
    this.scroll = make("div", { class: "ngpu-scroll" }, this.canvas);
    this.root = make("figure", {}, this.caption, this.scroll);
  }

  /** Per map, the colour of each code, as the four bytes an ImageData holds. */
  colourTables(own) {
    this.ownScale = own;
    this.tables = new Uint32Array(this.C * 256);
    const view = new DataView(this.tables.buffer);
    for (let c = 0; c < this.C; c++) {
      const relative = own ? 1 : this.scale[c] / this.largest;
      for (let code = 0; code < 256; code++) {
        const [r, g, b] = code >= NAN ? MARK : diverging(((code - LEVELS) / LEVELS) * relative);
        view.setUint32((c * 256 + code) * 4, ((r << 24) | (g << 16) | (b << 8) | 255) >>> 0);
      }
    }
  }

  /** The value at a place: exact for NaN and infinity, within scale / 252 otherwise. */
  value(t, c, w, l) {
    const code = this.codes[((t * this.C + c) * this.W + w) * this.L + l];
    if (code === NAN) return NaN;
    if (code > NAN) return code === NAN + 1 ? Infinity : -Infinity;
    return (this.scale[c] * (code - LEVELS)) / LEVELS;
  }

  /** Where everything goes, for the width there is. */
  place(width, maps, mode) {
    const axes = mode === "time" ? " · steps run downwards" : "";
    this.details.textContent = `${this.name ? " · " : ""}${this.size}${axes}`;
    this.maps = (maps.length ? maps : [...Array(this.C).keys()]).filter((c) => c < this.C);
    this.mode = mode;
    const rows = mode === "time" ? this.T : this.W;
    const { L } = this;
    const n = Math.max(1, this.maps.length);
    const head = (this.inputs.length ? LINE : 0) + 2;
    const foot = (this.outputs.length ? LINE : 0) + LINE + 2;
    const gap = rows > 1 ? 5 : n > 60 ? 0 : GAP;
    let best = null;
    for (let k = 1; k <= n; k++) {
      const across = Math.floor(((width - EDGE + BETWEEN) / k - BETWEEN - LABELS) / L);
      if (across < 2 && k > 1) break;
      const down = Math.ceil(n / k);
      const w = Math.max(2, Math.min(26, across));
      const h = Math.max(rows > 1 ? 2 : 5, Math.min(w, Math.floor((TALLEST / down - gap) / rows)));
      const fits = Math.min(1, TALLEST / (down * (rows * h + gap)));
      const quality = Math.min(w, 14) * Math.min(h, 14) * fits ** 2;
      if (!best || quality > best.quality) best = { quality, k, down, w, h };
    }
    const { k, down, w, h } = best;
    Object.assign(this, { rows, across: k, down, cell: [w, h], gap, head, foot });
    this.tileHeight = rows * h + gap;
    this.tileWidth = LABELS + L * w;
    this.width = k * this.tileWidth + (k - 1) * BETWEEN + EDGE;
    this.height = head + down * this.tileHeight + foot;
    this.image.width = L;
    this.image.height = n * rows;
    this.pixels = new ImageData(L, n * rows);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.filled = "";
    this.frame = "";
  }

  /** Everything that does not move: map numbers, positions, input symbols. Drawn once per layout. */
  drawFrame(ink) {
    const context = this.context;
    context.clearRect(0, 0, this.width, this.height);
    context.fillStyle = ink;
    context.font = SMALL;
    context.textBaseline = "middle";
    const every = Math.max(1, Math.ceil(12 / this.tileHeight));
    this.maps.forEach((c, k) => {
      if ((k % this.down) % every) return;
      const [x, y] = this.corner(k);
      context.textAlign = "right";
      context.fillText(k % this.down ? String(c) : `map ${c}`, x - 4, y + Math.min(this.tileHeight, 14) / 2);
    });
    for (let column = 0; column * this.down < this.maps.length; column++) {
      const x = column * (this.tileWidth + BETWEEN) + LABELS;
      const bottom = this.head + this.inColumn(column) * this.tileHeight + (this.outputs.length ? LINE : 0) + LINE / 2 + 3;
      this.symbols(this.inputs, x, this.head - LINE / 2 - 1, "in");
      context.fillStyle = ink;
      context.font = SMALL;
      const stride = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((s) => s * this.cell[0] >= 26) || 2000;
      context.textAlign = "center";
      for (let l = 0; l < this.L; l += stride) context.fillText(String(l), x + (l + 0.5) * this.cell[0], bottom);
      context.textAlign = "right";
      context.fillText("pos", x - 7, bottom);
    }
  }
  inColumn(column) {
    return Math.min(this.down, this.maps.length - column * this.down);
  }
  corner(k) {
    const column = Math.floor(k / this.down);
    return [column * (this.tileWidth + BETWEEN) + LABELS, this.head + (k % this.down) * this.tileHeight];
  }
  symbols(list, x, y, label, marks = []) {
    if (!list.length) return;
    const context = this.context;
    const w = this.cell[0];
    const longest = Math.max(...list.map((s) => s.length));
    const size = Math.min(13, (w * 1.55) / longest);
    if (size < 7) return; // too small to read
    context.textAlign = "right";
    context.font = SMALL;
    context.fillStyle = this.ink;
    context.fillText(label, x - 4, y);
    context.textAlign = "center";
    context.font = `${size}px ui-monospace, 'DejaVu Sans Mono', monospace`;
    list.forEach((symbol, l) => {
      const wrong = marks.length && marks[l] !== symbol;
      context.fillStyle = wrong ? "#D55E00" : this.ink;
      context.fillText(symbol, x + (l + 0.5) * w, y);
      if (wrong) context.fillRect(x + l * w, Math.round(y + size / 2 - 1), w, 1.5);
    });
  }
  outputAt(step) {
    return this.outputs.length > 1 ? this.outputs[step] : this.outputs[0] || [];
  }

  /** While time plays, the steps to come are faint. */
  draw(step, row, ink, playing = false) {
    this.ink = ink;
    this.context = sized(this.canvas, this.width, this.height);
    const frame = `${ink} ${this.canvas.width}`;
    if (frame !== this.frame) {
      this.frame = frame;
      this.drawFrame(ink);
      this.lastOut = "";
    }
    const { L, W, C, T, rows, maps, codes, words, tables } = this;
    const key = this.mode === "time" ? `time ${row}` : `step ${step}`;
    if (key !== this.filled) {
      this.filled = key;
      let p = 0;
      for (const c of maps) {
        for (let r = 0; r < rows; r++) {
          const [t, w] = this.mode === "time" ? [r, Math.min(row, W - 1)] : [step, r];
          let from = ((t * C + c) * W + w) * L;
          for (let l = 0; l < L; l++) words[p++] = tables[c * 256 + codes[from++]];
        }
      }
      this.image.getContext("2d").putImageData(this.pixels, 0, 0);
    }
    const context = this.context;
    context.imageSmoothingEnabled = false;
    const [w, h] = this.cell;
    const past = this.mode === "time" && playing ? step + 1 : rows;
    maps.forEach((c, k) => {
      const [x, y] = this.corner(k);
      const part = (from, to) => context.drawImage(this.image, 0, k * rows + from, L, to - from, x, y + from * h, L * w, (to - from) * h);
      if (past < rows) {
        context.clearRect(x, y, L * w, rows * h);
        context.globalAlpha = 0.12;
        part(past, rows);
        context.globalAlpha = 1;
      }
      part(0, past);
    });
    if (this.mode === "time") {
      context.fillStyle = "#000"; // the present step: a line above and one below, inside the tile
      maps.forEach((c, k) => {
        const [x, y] = this.corner(k);
        context.fillRect(x, Math.max(y, y + step * h - 1), L * w, 1);
        context.fillRect(x, Math.min(y + rows * h - 1, y + (step + 1) * h), L * w, 1);
      });
    }
    const out = this.outputAt(step);
    const outKey = out.join();
    if (outKey !== this.lastOut || this.mode === "time") {
      this.lastOut = outKey;
      for (let column = 0; column * this.down < maps.length; column++) {
        const x = column * (this.tileWidth + BETWEEN) + LABELS;
        const y = this.head + this.inColumn(column) * this.tileHeight + 1;
        if (!out.length) break;
        context.clearRect(x - LABELS, y, this.tileWidth + EDGE, LINE + 1);
        this.symbols(out, x, y + LINE / 2, "out", this.targets);
      }
    }
  }

  /** The cell under a point of the canvas, or null. */
  at(x, y) {
    const column = Math.floor(x / (this.tileWidth + BETWEEN));
    const l = Math.floor((x - column * (this.tileWidth + BETWEEN) - LABELS) / this.cell[0]);
    const tile = Math.floor((y - this.head) / this.tileHeight);
    const r = Math.floor((y - this.head - tile * this.tileHeight) / this.cell[1]);
    const k = column * this.down + tile;
    if (l < 0 || l >= this.L || tile < 0 || tile >= this.down || r < 0 || r >= this.rows || k >= this.maps.length) return null;
    return { k, r, l };
  }
  outline({ k, r, l }) {
    const [x, y] = this.corner(k);
    const [w, h] = this.cell;
    this.context.lineWidth = 1;
    this.context.strokeStyle = "#fff";
    this.context.strokeRect(x + l * w + 1.5, y + r * h + 1.5, w - 3, h - 3);
    this.context.strokeStyle = "#000";
    this.context.strokeRect(x + l * w + 0.5, y + r * h + 0.5, w - 1, h - 1);
  }
}

/** What Python's panel() makes of a run, made here: the states of a tape machine, (T, C, W, L), a byte a value. */
function panelOf(task, word, { states, read, shape }, name = "") {
  const [T, C, W, L] = shape;
  const area = W * L;
  const scale = Array(C).fill(0);
  states.forEach((v, k) => { const c = Math.floor(k / area) % C; const size = Math.abs(v); if (size > scale[c]) scale[c] = size; });
  const codes = new Uint8Array(states.length);
  for (let k = 0; k < states.length; k++) {
    const c = Math.floor(k / area) % C;
    codes[k] = Math.round((states[k] / (scale[c] || 1)) * LEVELS) + LEVELS;
  }
  const text = (symbols) => Array.from(symbols, (s) => task.symbols[s]);
  const target = rightAnswer(task, word);
  return {
    data: base64(codes), shape, scale, bad: 0, name, inputs: text(word),
    outputs: Array.from({ length: T }, (_, t) => text(read.subarray(t * L, (t + 1) * L))),
    targets: target ? text(target) : [],
  };
}
