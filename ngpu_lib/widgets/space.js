// Space-time: every cell at every step as one picture, coloured by what linear readers find in it.

/** Colours on the picture's own dark ground: [of a 0, of a 1]. */
const SPACE = {
  ground: [11, 16, 32],
  first: [[20, 54, 84], [86, 180, 233]],
  second: [[78, 52, 8], [240, 170, 20]],
  settled: [[10, 66, 50], [96, 236, 176]],
  wrong: [[213, 94, 0], [255, 120, 60]],
  carry: [[90, 50, 100], [226, 140, 200]],
  work: [[26, 22, 54], [196, 176, 240]],
  column: [[104, 44, 96], [250, 208, 236]],
};
const KINDS = ["at work", "first number", "second number", "settled", "wrong", "carry", "its column so far"];
const COLUMN = 6;

/**
 * What is in each cell at each step: {T, L, kind, level, settledFrom}. kind: an index of KINDS; level: its brightness, 0..1,
 * which is the digit where there is one.
 *
 * `found`: states (T, C, W, L) and what would be read (T, L); `parts`: where the first number, the second and the answer
 * stand, as [from, to) each. `readers`: {name, move, until, weights, kind?}: weights of a cell's maps and a constant; a
 * reader speaks of the digit that started `move` * step cells away, until news from `middle` is `until` steps old. One of
 * kind COLUMN reads what a column has come to, where a product of two digits has just arrived in it.
 */
function readSpace({ states, read, shape }, right, readers, { first, second, answer, middle, shift = 0 }) {
  const [T, C, W, L] = shape;
  const kind = new Uint8Array(T * L);
  const level = new Float32Array(T * L);
  const at = (t, c, l) => states[(t * C + c) * W * L + l];
  const settledFrom = Array.from({ length: L }, (_, l) => {
    if (l < answer[0] || l >= answer[1]) return T;
    let t = T;
    while (t > 0 && read[(t - 1) * L + l] === right[l + shift]) t--;
    return t;
  });
  const column = readers.find((reader) => reader.kind === COLUMN);
  const read_ = (weights, t, l) => {
    let sum = weights[C];
    for (let c = 0; c < C; c++) if (weights[c]) sum += weights[c] * at(t, c, l);
    return sum;
  };
  const met = (t, l) => l < 2 * middle && (t + l + middle) % 2 === 0 && t >= middle + 2 + l - 2 * Math.min(l, middle - 1);
  const passed = new Int32Array(L); // when the last walking digit that may always be read came by
  for (let t = 0; t < T; t++) {
    for (let l = 0; l < L; l++) {
      const here = t * L + l;
      const inwards = l < middle ? 1 : -1; // of several digits that a cell knows, the one on its way to the middle is shown
      let known = null;
      for (const { move, until, weights, kind: special } of readers) {
        if (special === COLUMN || (until !== null && t - Math.abs(l - middle) > until)) continue;
        const source = l - move * t;
        const from = special ? 0 : source >= first[0] && source < first[1] ? 1 : source >= second[0] && source < second[1] ? 2 : 0;
        if (!special && !from) continue;
        const sum = read_(weights, t, l);
        if (special) {
          if (sum > 0.5) { kind[here] = special; level[here] = 1; }
        } else if (until !== null || Math.abs(sum) > 0.5) {
          const rank = move === inwards ? 2 : move === 0 ? 1 : 0;
          if (until === null && move) passed[l] = t;
          if (!known || rank > known.rank) known = { rank, from, one: sum > 0 };
        }
      }
      if (kind[here]) continue;
      if (known) {
        kind[here] = known.from;
        level[here] = known.one ? 1 : 0;
      } else if (t >= settledFrom[l]) {
        kind[here] = 3;
        level[here] = right[l + shift] === 2 ? 1 : 0;
      } else if (t === T - 1 && l >= answer[0] && l < answer[1]) {
        kind[here] = 4;
        level[here] = 1;
      } else if (column && met(t, l)) {
        kind[here] = COLUMN;
        level[here] = read_(column.weights, t, l) > 0 ? 1 : 0;
      } else {
        let change = 0;
        for (let c = 0; c < C; c++) change += Math.abs(at(t, c, l) - (t ? at(t - 1, c, l) : 0));
        level[here] = change / C;
      }
    }
  }
  // A copy that stands to the end hides the product: behind the last digit that came by, the settled digit is drawn.
  if (readers.some(({ until, move }) => until === null && move)) {
    for (let l = answer[0]; l < answer[1]; l++) {
      for (let t = Math.max(passed[l] + 1, settledFrom[l]); t < T; t++) {
        kind[t * L + l] = 3;
        level[t * L + l] = right[l + shift] === 2 ? 1 : 0;
      }
    }
  }
  // Where nothing is read, brightness says how much a cell changes, from the quietest tenth to the busiest.
  const busy = Array.from(level.filter((_, k) => kind[k] === 0)).sort((x, y) => x - y);
  const [low, high] = [0.1, 0.9].map((share) => busy[Math.floor(share * (busy.length - 1))] ?? 0);
  for (let k = 0; k < level.length; k++) if (kind[k] === 0) level[k] = Math.min(1, Math.max(0, (level[k] - low) / (high - low || 1))) * (column ? 0.3 : 1);
  return { T, L, kind, level, settledFrom };
}

const SPACE_NAMES = ["work", "first", "second", "settled", "wrong", "carry", "column"];
/** The picture as an image of one pixel a cell and step. */
function spaceImage({ T, L, kind, level }) {
  const image = document.createElement("canvas");
  [image.width, image.height] = [L, T];
  const pixels = new ImageData(L, T);
  for (let k = 0; k < T * L; k++) {
    const [dark, bright] = SPACE[SPACE_NAMES[kind[k]]];
    for (let c = 0; c < 3; c++) pixels.data[4 * k + c] = dark[c] + (bright[c] - dark[c]) * level[k];
    pixels.data[4 * k + 3] = 255;
  }
  image.getContext("2d").putImageData(pixels, 0, 0);
  return image;
}
