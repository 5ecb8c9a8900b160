// What the networks stand on: weights read from safetensors, and a matrix product. No imports, no build step.
// The product is a few WebAssembly SIMD instructions put together below; where those are missing, the same loop in JavaScript.

function arrays() {
  // Reading weights.

  const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  /** The checksum that Python's zlib.crc32 gives. */
  function crc32(bytes) {
    let c = 0xffffffff;
    for (const byte of bytes) c = CRC[(c ^ byte) & 255] ^ (c >>> 8);
    return (c ^ 0xffffffff) >>> 0;
  }

  function half(h) {
    const [e, f] = [(h >> 10) & 31, h & 1023];
    const size = e === 0 ? f * 2 ** -24 : e === 31 ? (f ? NaN : Infinity) : (1 + f / 1024) * 2 ** (e - 15);
    return h & 0x8000 ? -size : size;
  }
  const READERS = {
    F32: (buffer) => new Float32Array(buffer),
    F16: (buffer) => Float32Array.from(new Uint16Array(buffer), half),
    I8: (buffer) => Float32Array.from(new Int8Array(buffer)),
  };
  const WIDTH = { F32: 4, F16: 2, I8: 1 };

  /** {tensors: {name: {shape, data}}, metadata}; throws a sentence about what is wrong with the file. */
  function readSafetensors(bytes, checksum = null) {
    const wrong = (what) => new Error(`The weights are damaged: ${what}.`);
    if (checksum !== null && crc32(bytes) !== checksum) throw wrong("their checksum is another");
    if (bytes.length < 8) throw wrong("the file is too short");
    const size = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
    if (size > bytes.length - 8) throw wrong("the file ends too early");
    let header;
    try {
      header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
    } catch { throw wrong("their list of contents cannot be read"); }
    const { __metadata__: metadata = {}, ...entries } = header;
    const tensors = {};
    for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(entries)) {
      const count = shape.reduce((a, b) => a * b, 1);
      if (!READERS[dtype]) throw wrong(`${name} is of type ${dtype}`);
      if (to - from !== count * WIDTH[dtype] || 8 + size + to > bytes.length) throw wrong(`${name} is not all there`);
      const data = READERS[dtype](bytes.slice(8 + size + from, 8 + size + to).buffer);
      if (!data.every(Number.isFinite)) throw wrong(`${name} holds what is no number`);
      tensors[name] = { shape, data };
    }
    for (const name of Object.keys(tensors)) { // rows rounded to bytes carry the size of a step beside them
      const scale = tensors[`${name}.scale`];
      if (!scale) continue;
      const { data, shape } = tensors[name];
      const row = data.length / shape[0];
      for (let k = 0; k < data.length; k++) data[k] *= scale.data[Math.floor(k / row)];
    }
    return { tensors, metadata };
  }

  // The matrix product: out[r, o] += sum over k of x[r * stride + k] * w[k, o]; rows 4 at a time, columns 8.

  const leb = (n) => { const out = []; do { out.push((n & 127) | (n > 127 ? 128 : 0)); n >>>= 7; } while (n); return out; };
  /** The product as a WebAssembly module: parameters x, stride, w, out (bytes), rows, K, columns (counts). */
  function assemble() {
    const [X, STRIDE, W, OUT, ROWS, K, COLUMNS, PW, X0, I, O, LINE, P, ACC] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16];
    const [W0, W1, XV] = [ACC + 8, ACC + 9, ACC + 10];
    const get = (n) => [0x20, n], set = (n) => [0x21, n], number = (n) => [0x41, ...leb(n)]; // n < 64
    const add = (a, b) => [...a, ...b, 0x6a];
    const advance = (local, by) => [...add(get(local), by), ...set(local)];
    const load = (op, at, offset) => [...get(at), 0xfd, op, 2, offset];
    const [LOAD, SPLAT] = [0x00, 0x09];
    const store = (at, offset, value) => [...get(at), ...get(value), 0xfd, 0x0b, 2, offset];
    const fma = (acc, x, w) => [...get(acc), ...get(x), ...get(w), 0xfd, 0xe6, 1, 0xfd, 0xe4, 1, ...set(acc)];
    const shl2 = (n) => [...get(n), ...number(2), 0x74];
    const four = [0, 1, 2, 3];
    const edge = (move) => [...add(get(OUT), shl2(O)), ...set(P), ...four.flatMap((r) => [...move(r), ...advance(P, get(LINE))])];
    const inner = [0, 4, 8, 12].flatMap((k) => [
      ...load(LOAD, PW, 0), ...set(W0), ...load(LOAD, PW, 16), ...set(W1), ...advance(PW, get(LINE)),
      ...four.flatMap((r) => [...load(SPLAT, X0 + r, k), ...set(XV), ...fma(ACC + 2 * r, XV, W0), ...fma(ACC + 2 * r + 1, XV, W1)]),
    ]);
    const body = [
      ...shl2(COLUMNS), ...set(LINE),
      0x03, 0x40, ...number(0), ...set(O),
      0x03, 0x40,
      ...edge((r) => [...load(LOAD, P, 0), ...set(ACC + 2 * r), ...load(LOAD, P, 16), ...set(ACC + 2 * r + 1)]),
      ...get(X), ...set(X0), ...[1, 2, 3].flatMap((r) => [...add(get(X0 + r - 1), get(STRIDE)), ...set(X0 + r)]),
      ...add(get(W), shl2(O)), ...set(PW), ...get(K), ...set(I),
      0x03, 0x40, ...inner, ...four.flatMap((r) => advance(X0 + r, number(16))),
      ...get(I), ...number(4), 0x6b, 0x22, I, 0x0d, 0, 0x0b,
      ...edge((r) => [...store(P, 0, ACC + 2 * r), ...store(P, 16, ACC + 2 * r + 1)]),
      ...add(get(O), number(8)), 0x22, O, ...get(COLUMNS), 0x49, 0x0d, 0, 0x0b,
      ...advance(X, shl2(STRIDE)), ...advance(OUT, shl2(LINE)),
      ...get(ROWS), ...number(4), 0x6b, 0x22, ROWS, ...number(0), 0x4a, 0x0d, 0, 0x0b, 0x0b,
    ];
    const section = (id, content) => [id, ...leb(content.length), ...content];
    const code = [2, 9, 0x7f, 11, 0x7b, ...body];
    return new Uint8Array([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
      ...section(1, [1, 0x60, 7, ...Array(7).fill(0x7f), 0]),
      ...section(2, [1, 1, 0x6d, 1, 0x6d, 2, 0, 1]),
      ...section(3, [1, 0]),
      ...section(7, [1, 1, 0x67, 0, 0]),
      ...section(10, [1, ...leb(code.length), ...code]),
    ]);
  }
  let compiled;
  /** Room for floats, and the product over it. `plain` leaves WebAssembly out. */
  function workspace(floats, plain = false) {
    const pages = Math.ceil((floats * 4) / 65536) + 1;
    if (!plain) {
      try {
        compiled ??= new WebAssembly.Module(assemble());
        const memory = new WebAssembly.Memory({ initial: pages });
        const { g } = new WebAssembly.Instance(compiled, { m: { m: memory } }).exports;
        const product = (x, stride, w, out, rows, K, columns) => g(4 * x, 4 * stride, 4 * w, 4 * out, rows, K, columns);
        return { floats: new Float32Array(memory.buffer), product, simd: true };
      } catch { /* an old browser, or a page that forbids it */ }
    }
    const m = new Float32Array(pages * 16384);
    const product = (x, stride, w, out, rows, K, columns) => {
      for (let r = 0; r < rows; r++) {
        for (let k = 0; k < K; k++) {
          const v = m[x + r * stride + k];
          if (v === 0) continue;
          const [from, to] = [w + k * columns, out + r * columns];
          for (let o = 0; o < columns; o++) m[to + o] += v * m[from + o];
        }
      }
    };
    return { floats: m, product, simd: false };
  }

  return { crc32, readSafetensors, workspace };
}
