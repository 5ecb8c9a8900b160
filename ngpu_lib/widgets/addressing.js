// The head of a Neural Turing Machine on a small memory: content, interpolation, shift, sharpening.

function address(memory, key, previous, beta, gate, shift, gamma) {
  const N = memory.length;
  const dot = (a, b) => a.reduce((sum, v, k) => sum + v * b[k], 0);
  const size = (a) => Math.sqrt(dot(a, a));
  const score = memory.map((row) => (beta * dot(row, key)) / (size(row) * size(key) + 1e-16));
  const most = Math.max(...score);
  const normal = (w) => { const total = w.reduce((a, b) => a + b, 0) + 1e-16; return w.map((v) => v / total); };
  const content = normal(score.map((s) => Math.exp(s - most)));
  const gated = content.map((v, i) => gate * v + (1 - gate) * previous[i]);
  const [back, stay, on] = [Math.max(-shift, 0), 1 - Math.abs(shift), Math.max(shift, 0)];
  const shifted = gated.map((v, i) => back * gated[(i + 1) % N] + stay * v + on * gated[(i - 1 + N) % N]);
  const top = Math.max(...shifted);
  const sharp = normal(shifted.map((v) => (v / top) ** gamma));
  return { content, interpolation: gated, shift: shifted, sharpening: sharp };
}

function render({ model, el }) {
  const { root, tell } = openWidget(el, model, "addressing");
  const save = saver(model);
  const memory = model.get("memory");
  const [N, M] = [memory.length, memory[0].length];
  const set = (name, value) => { model.set(name, value); save(); };
  const two = (v) => v.toFixed(2).replace("-", "−");
  const controls = {
    beta: slider("Key strength β", { min: 0, max: 50, step: 0.5, value: 0, say: (v) => v.toFixed(1) }, (v) => set("beta", v)),
    gate: slider("Gate g", { min: 0, max: 1, step: 0.01, value: 0, say: two }, (v) => set("gate", v)),
    shift: slider("Shift s", { min: -1, max: 1, step: 0.05, value: 0, say: two }, (v) => set("shift", v)),
    gamma: slider("Sharpening γ", { min: 1, max: 20, step: 0.1, value: 1, say: (v) => v.toFixed(1) }, (v) => set("gamma", v)),
  };
  const keyRow = select("Key like row", [["", "own"], ...memory.map((_, i) => [i, String(i)])], (v) => { if (v !== "") set("key", [...memory[v]]); });
  const again = button("Use as previous", () => set("previous", weights().sharpening));
  const home = button("Previous on row 0", () => set("previous", memory.map((_, i) => (i ? 0 : 1))));
  const CELL = 26, TOP = 62, LEFT = 46, BAR = 92, STEP = BAR + 24;
  const first = LEFT + M * CELL + 40;
  const WIDTH = first + 5 * STEP, HEIGHT = TOP + N * CELL + 46;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, style: `width:100%;min-width:620px;max-width:${WIDTH}px;height:auto`, role: "group", "aria-label": "Key, memory and the four steps of addressing" });
  const readout = make("p", { class: "ngpu-readout" });
  root.append(bar(...Object.values(controls).map((c) => c.root)), bar(keyRow.root, again, home), make("div", { class: "ngpu-scroll" }, picture), readout);

  // What stays: the memory, the frames, the names. What moves: bars, key cells, the vector read.
  const cell = (x, y) => svg("rect", { x, y, width: CELL - 2, height: CELL - 2, rx: 3 });
  memory.forEach((row, i) => {
    picture.append(svg("text", { x: LEFT - 8, y: TOP + i * CELL + 17, "text-anchor": "end" }, String(i)));
    row.forEach((v, m) => {
      const box = cell(LEFT + m * CELL, TOP + i * CELL);
      box.setAttribute("fill", css(diverging(0.8 * v)));
      box.append(svg("title", {}, `memory row ${i}, place ${m}: ${two(v)}`));
      picture.append(box);
    });
  });
  picture.append(svg("text", { x: 0, y: 31 }, "key"), svg("text", { x: 0, y: TOP - 8 }, "row"), svg("text", { x: 0, y: TOP + N * CELL + 27 }, "read"));
  picture.append(svg("text", { x: LEFT, y: TOP - 8, style: "font-weight:600" }, "memory"));
  const keyCells = Array.from({ length: M }, (_, m) => {
    const box = cell(LEFT + m * CELL, 14);
    fill(box, { tabindex: 0, role: "slider", "aria-label": `Key, place ${m}`, "aria-valuemin": -1, "aria-valuemax": 1, style: "cursor:pointer;touch-action:none" });
    const change = (v) => set("key", model.get("key").map((old, k) => (k === m ? Math.max(-1, Math.min(1, Math.round(v * 20) / 20)) : old)));
    box.addEventListener("keydown", (event) => {
      const now = model.get("key")[m];
      const to = { ArrowUp: now + 0.1, ArrowRight: now + 0.1, ArrowDown: now - 0.1, ArrowLeft: now - 0.1, " ": -now, Home: -1, End: 1 }[event.key];
      if (to === undefined) return;
      change(to);
      event.preventDefault();
    });
    let from = null;
    box.addEventListener("pointerdown", (event) => { box.setPointerCapture(event.pointerId); from = { y: event.clientY, v: model.get("key")[m], moved: false }; });
    box.addEventListener("pointermove", (event) => {
      if (!from || Math.abs(event.clientY - from.y) < 3) return;
      from.moved = true;
      change(from.v + (from.y - event.clientY) / 40);
    });
    box.addEventListener("pointerup", () => { if (from && !from.moved) change(-from.v || 1); from = null; });
    picture.append(box);
    return box;
  });
  picture.append(svg("text", { x: LEFT + M * CELL + 8, y: 31, opacity: 0.75, style: "font-size:11px" }, "drag up or down; click turns the sign"));
  const readCells = Array.from({ length: M }, (_, m) => {
    const box = cell(LEFT + m * CELL, TOP + N * CELL + 10);
    picture.append(box);
    return box;
  });
  const stages = [["previous", "previous"], ["content", "1 content"], ["interpolation", "2 interpolation"], ["shift", "3 shift"], ["sharpening", "4 sharpening"]];
  const bars = stages.map(([name, label], k) => {
    const x = first + k * STEP;
    const colour = name === "previous" ? "#888888" : OKABE[[0, 2, 4, 3][k - 1]];
    picture.append(svg("text", { x, y: TOP - 8, style: "font-weight:600" }, label));
    const group = svg("g", { role: "img" });
    const rows = memory.map((_, i) => {
      const y = TOP + i * CELL;
      const box = svg("rect", { x, y: y + 3, width: 0, height: CELL - 8, fill: colour });
      const text = svg("text", { x, y: y + 17, style: "font-size:10px" });
      group.append(svg("rect", { x, y: y + 3, width: BAR, height: CELL - 8, fill: "currentColor", opacity: 0.06 }), box, text);
      return { box, text };
    });
    picture.append(group, svg("line", { class: "ngpu-axis", x1: x, x2: x, y1: TOP, y2: TOP + N * CELL }));
    for (const v of [0, 1]) picture.append(svg("text", { x: x + v * BAR, y: TOP + N * CELL + 14, "text-anchor": "middle", style: "font-size:10px" }, String(v)));
    return { name, x, rows, group };
  });
  picture.append(svg("text", { x: first + 2.5 * STEP - 12, y: TOP + N * CELL + 34, "text-anchor": "middle", style: "font-size:11px" }, "weight on each row of the memory (every column sums to 1)"));

  const weights = () => address(memory, ...["key", "previous", "beta", "gate", "shift", "gamma"].map((name) => model.get(name)));
  function draw() {
    const w = weights();
    const key = model.get("key");
    for (const [name, control] of Object.entries(controls)) control.set(model.get(name));
    keyRow.input.value = memory.findIndex((row) => row.every((v, m) => v === key[m]));
    if (keyRow.input.selectedIndex < 0) keyRow.input.value = "";
    keyCells.forEach((box, m) => {
      box.setAttribute("fill", css(diverging(0.8 * key[m])));
      box.setAttribute("stroke", "currentColor");
      box.setAttribute("aria-valuenow", key[m]);
    });
    for (const { name, x, rows, group } of bars) {
      const row = name === "previous" ? model.get("previous") : w[name];
      rows.forEach(({ box, text }, i) => {
        box.setAttribute("width", BAR * row[i]);
        text.textContent = row[i] >= 0.005 ? two(row[i]) : "";
        const inside = row[i] > 0.65;
        text.setAttribute("x", x + BAR * row[i] + (inside ? -4 : 4));
        text.setAttribute("text-anchor", inside ? "end" : "start");
        text.setAttribute("style", `font-size:10px;fill:${inside ? "#fff" : "currentColor"}`);
      });
      const top = row.indexOf(Math.max(...row));
      group.setAttribute("aria-label", `${name}: most on row ${top}, ${two(row[top])}`);
    }
    const read = readCells.map((box, m) => {
      const v = memory.reduce((sum, row, i) => sum + w.sharpening[i] * row[m], 0);
      box.setAttribute("fill", css(diverging(0.8 * v)));
      box.replaceChildren(svg("title", {}, `read, place ${m}: ${two(v)}`));
      return v;
    });
    const top = w.sharpening.indexOf(Math.max(...w.sharpening));
    const words = `The head rests on row ${top} with weight ${two(w.sharpening[top])} and reads (${read.map((v) => v.toFixed(1).replace("-", "−")).join(", ")}).`;
    readout.textContent = words;
    root.dataset.weights = w.sharpening.map((v) => v.toFixed(6)).join(" ");
    tell(() => words);
  }
  const stop = listen(model, ["key", "previous", "beta", "gate", "shift", "gamma"], draw);
  draw();
  return stop;
}
export default { render };
