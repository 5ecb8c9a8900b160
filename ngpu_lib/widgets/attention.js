// Where every symbol of a word looks: one head as a map, one query of all its heads as rows of shares.

function render({ model, el }) {
  const { root, tell } = openWidget(el, model, "attention");
  const save = saver(model);
  const [layers, heads, L] = model.get("shape");
  const symbols = model.get("symbols").map((s) => (s === "\n" ? "⏎" : s === " " ? "␣" : s));
  const codes = bytes(model.get("data"));
  const weight = (layer, head, q, k) => codes[((layer * heads + head) * L + q) * L + k] / 255;
  const set = (name, value, count) => { model.set(name, Math.max(0, Math.min(count - 1, value))); save(); };
  const numbers = (n, word) => Array.from({ length: n }, (_, i) => [i, `${word} ${i}`]);
  const layer = select("Layer", numbers(layers, "layer"), (v) => set("layer", Number(v), layers));
  const head = select("Head", numbers(heads, "head"), (v) => set("head", Number(v), heads));
  const query = slider("Query", { min: 0, max: L - 1, step: 1, value: 0, say: (v) => `${v}: ${symbols[v]}` }, (v) => set("query", v, L));

  const CELL = Math.max(9, Math.min(24, Math.floor(400 / L))), LEFT = 62, TOP = 34, FONT = Math.min(13, CELL);
  const MAP = L * CELL, STRIP = 18, GAP = 38;
  const WIDTH = LEFT + MAP + 8, HEIGHT = TOP + MAP + GAP + heads * STRIP + 24;
  const mono = `font:${FONT}px ui-monospace,'DejaVu Sans Mono',monospace`;
  const keys = svg("g"), asks = svg("g"), map = svg("g"), strips = svg("g"), marks = svg("g", { fill: "none", stroke: OKABE[3], "stroke-width": 2 });
  const x = (k) => LEFT + k * CELL;
  const ink = (share) => ({ fill: OKABE[0], "fill-opacity": share.toFixed(3) });
  symbols.forEach((symbol, k) => {
    keys.append(svg("text", { x: x(k) + CELL / 2, y: TOP - 6, "text-anchor": "middle", style: mono }, symbol));
    asks.append(svg("text", { x: LEFT - 6, y: TOP + (k + 0.75) * CELL, "text-anchor": "end", style: mono }, symbol));
  });
  const cells = Array.from({ length: L * L }, (_, i) => {
    const [q, k] = [Math.floor(i / L), i % L];
    const box = svg("rect", { x: x(k), y: TOP + q * CELL, width: CELL - 0.5, height: CELL - 0.5 });
    map.append(box);
    return box;
  });
  const rows = Array.from({ length: heads }, (_, r) => symbols.map((_, k) => {
    const box = svg("rect", { x: x(k), y: TOP + MAP + GAP + r * STRIP, width: CELL - 0.5, height: STRIP - 3 });
    strips.append(box);
    return box;
  }));
  for (let r = 0; r < heads; r++) strips.append(svg("text", { x: LEFT - 6, y: TOP + MAP + GAP + r * STRIP + 12, "text-anchor": "end", style: "font-size:11px" }, `head ${r}`));
  const area = svg("rect", { x: LEFT, y: TOP, width: MAP, height: MAP, fill: "transparent", style: "cursor:pointer" });
  const picture = svg("g", { tabindex: 0, role: "slider", class: "ngpu-query", "aria-label": "Query: which symbol looks", "aria-valuemin": 0, "aria-valuemax": L - 1 }, map, marks, area);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, style: "max-width:none" },
    svg("text", { x: LEFT, y: 12, style: "font-size:11px", opacity: 0.75 }, "key: what is looked at"),
    svg("text", { x: 0, y: 12, style: "font-size:11px", opacity: 0.75 }, "query ↓"),
    keys, asks, picture,
    svg("text", { x: LEFT, y: TOP + MAP + 24, style: "font-size:11px", opacity: 0.75 }, "all heads of the layer, this query"),
    strips);
  const hint = make("small", {}, "Up and down: another query. Left and right: another head. Page up and down: another layer.");
  const readout = make("p", { class: "ngpu-readout" });
  root.append(bar(layer.root, head.root, query.root), make("div", { class: "ngpu-scroll" }, drawing), readout, hint);

  const at = (event) => {
    const box = area.getBoundingClientRect();
    return Math.floor(((event.clientY - box.top) / box.height) * L);
  };
  area.addEventListener("pointerdown", (event) => { area.setPointerCapture(event.pointerId); set("query", at(event), L); });
  area.addEventListener("pointermove", (event) => { if (event.buttons) set("query", at(event), L); });
  picture.addEventListener("keydown", (event) => {
    const step = {
      ArrowUp: ["query", -1, L], ArrowDown: ["query", 1, L], Home: ["query", -L, L], End: ["query", L, L],
      ArrowLeft: ["head", -1, heads], ArrowRight: ["head", 1, heads],
      PageUp: ["layer", -1, layers], PageDown: ["layer", 1, layers],
    }[event.key];
    if (!step) return;
    set(step[0], model.get(step[0]) + step[1], step[2]);
    event.preventDefault();
  });

  let shown = "";
  function draw() {
    const [l, h, q] = ["layer", "head", "query"].map((name) => model.get(name));
    layer.input.value = l;
    head.input.value = h;
    query.set(q);
    if (shown !== `${l} ${h}`) {
      shown = `${l} ${h}`;
      cells.forEach((box, i) => fill(box, ink(weight(l, h, Math.floor(i / L), i % L))));
    }
    rows.forEach((row, r) => row.forEach((box, k) => fill(box, ink(weight(l, r, q, k)))));
    marks.replaceChildren(
      svg("rect", { x: LEFT, y: TOP + q * CELL, width: MAP, height: CELL }),
      svg("rect", { x: x(q), y: TOP + q * CELL, width: CELL, height: CELL, "stroke-width": 1 }));
    const share = symbols.map((_, k) => weight(l, h, q, k));
    const best = share.map((_, k) => k).sort((a, b) => share[b] - share[a]).slice(0, 3).filter((k) => share[k] >= 0.01);
    const most = best.map((k) => `${symbols[k]} at ${k} (${Math.round(100 * share[k])} %)`).join(", ");
    const words = `Layer ${l}, head ${h}: ${symbols[q]} at ${q} looks at ${most || "nothing"}.`;
    readout.textContent = words;
    fill(picture, { "aria-valuenow": q, "aria-valuetext": words });
    root.dataset.row = share.map((v) => v.toFixed(3)).join(" ");
    tell(() => words);
  }
  const stop = listen(model, ["layer", "head", "query"], draw);
  draw();
  return stop;
}
export default { render };
