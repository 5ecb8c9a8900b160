// Two numbers multiplied by one or two rows of cells, every cell at every step in one picture (space.js paints it).

function render({ model, el }) {
  const { root, tell, title } = openWidget(el, model, "spacetime");
  const save = saver(model);
  const machines = model.get("machines").map((data) => ({ ...data, machine: machineOf(data.network, model) }));
  const digits = model.get("digits");
  const sheets = machines.map((data) => {
    const canvas = make("canvas", { role: "img", tabindex: 0 });
    const note = make("small");
    const figure = make("figure", {}, make("figcaption", {}, make("strong", {}, data.name), note), make("div", { class: "ngpu-scroll ngpu-space" }, canvas));
    return { ...data, canvas, note, figure, space: null };
  });
  const asker = askBar(machines[0].network, machines[0].machine, digits, (word) => {
    const d = (word.length - 1) / 2;
    const [a, b] = [word.slice(0, d), word.slice(d + 1)].map((part) => String(fromBits(part.map((s) => s - 1))));
    model.set("operands", [a, b]);
    save();
  });
  const most = () => Math.max(1, ...sheets.map(({ space }) => space?.T ?? 1)) - 1;
  const set = (name, value) => { model.set(name, value); save(); };
  const step = slider("Step", { min: 0, max: 1, step: 1, value: 0, say: (v) => `${v} of ${most()}` }, (v) => set("step", v));
  const cell = slider("Cell", { min: -1, max: 1, step: 1, value: -1, say: (v) => (v < 0 ? "none" : String(v)) }, (v) => set("cell", v));
  const zoom = slider("Zoom", { min: 1, max: 5, step: 0.5, value: 1, say: (v) => `${v}×` }, (v) => { magnified = v; draw(); });
  const readout = make("div", { class: "ngpu-readout" });
  const swatch = (name, text) => make("span", { class: "ngpu-legend" }, make("b", { style: `background:${css(SPACE[name][1])}` }), text);
  root.append(asker.root, bar(step.root, cell.root, zoom.root), make("div", { class: "ngpu-panels" }, ...sheets.map((s) => s.figure)), readout,
    bar(swatch("first", "digit of the first number"), swatch("second", "digit of the second"), swatch("carry", "carry"), ...(machines.some(({ readers }) => readers.some(({ kind }) => kind === COLUMN)) ? [swatch("column", "what its column has come to so far")] : []), swatch("work", "no reader is sure"), swatch("settled", "settled digit of the product"), swatch("wrong", "wrong at the end"), make("span", { class: "ngpu-legend" }, "bright: 1, dark: 0")));
  let magnified = 1, timer = 0;

  async function compute() {
    const [x, y] = model.get("operands").map(BigInt);
    asker.fields.forEach((field, k) => { field.value = model.get("operands")[k]; });
    clearTimeout(timer);
    try {
      let total = 0;
      const done = [];
      for (const sheet of sheets) {
        const { network, layout, readers } = sheet;
        const word = arithmeticWord(network, x, y, digits, sheet.machine);
        const d = (word.length - 1) / 2;
        const blanks = layout === "after" ? d : 0; // the product stands behind the second number
        const tape = [...word, ...Array(blanks).fill(0)];
        const steps = stepsOf(network, tape.length);
        const values = (steps + 1) * sheet.maps * tape.length;
        if (values > 3e6) throw new Error(`${d} bits make ${(values / 1e6).toFixed(0)} million numbers; this picture takes 3 million. Type less.`);
        const found = await sheet.machine.ask("tape", { word: tape, steps, states: true }, asker.progress);
        if (!found) return;
        const answer = blanks ? [d + 1, 3 * d + 1] : [0, tape.length];
        const places = { first: [0, d], second: [d + 1, 2 * d + 1], answer, middle: d, shift: -answer[0] };
        const right = rightAnswer(network.task, word);
        done.push({ space: readSpace(found, right, readers, places), d, from: answer[0] });
        total += found.ms;
      }
      asker.progress();
      sheets.forEach((sheet, k) => Object.assign(sheet, done[k], { image: spaceImage(done[k].space) }));
      step.input.max = most();
      cell.input.max = Math.max(...sheets.map(({ space }) => space.L)) - 1;
      const wrong = sheets.map(({ space }) => space.kind.subarray(-space.L).filter((k) => k === 4).length);
      root.dataset.wrong = String(wrong);
      asker.say(`Computed in this page in ${duration(total)}, by the ${sheets.length > 1 ? "networks themselves" : "network itself"}. ${x} × ${y} = ${x * y}; wrong digits: ${sheets.map((s, k) => `${s.name} ${wrong[k]}`).join(", ")}.`);
      if (model.get("step") > most() || model.get("step") < 0) model.set("step", most());
      draw();
    } catch (error) { asker.progress(); asker.say(error.message, true); }
  }
  function draw() {
    const total = root.clientWidth || 700;
    const side = total > 520 ? sheets.length : 1;
    const width = (total - 18 * (side - 1)) / side - 4;
    const [t, l] = [model.get("step"), model.get("cell")];
    step.set(t);
    cell.set(l);
    const tall = most() + 1;
    for (const sheet of sheets) {
      const { space, image, canvas, note } = sheet;
      if (!space) continue;
      note.textContent = ` · ${space.L} cells, ${space.T - 1} steps downwards`;
      const w = (width / space.L) * magnified;
      const h = Math.max(1.5, Math.min(w, 420 / tall)) * magnified ** 0.5;
      sheet.cell = [w, h];
      const context = sized(canvas, w * space.L, h * space.T);
      context.imageSmoothingEnabled = false;
      context.drawImage(image, 0, 0, w * space.L, h * space.T);
      context.fillStyle = "rgba(255,255,255,0.9)";
      const here = Math.min(t, space.T - 1);
      context.fillRect(0, here * h - 1, w * space.L, 1);
      context.fillRect(0, (here + 1) * h, w * space.L, 1);
      if (l >= 0 && l < space.L) {
        context.fillRect(l * w - 1, 0, 1, h * space.T);
        context.fillRect((l + 1) * w, 0, 1, h * space.T);
      }
      canvas.setAttribute("aria-label", `${sheet.name}: ${space.L} cells by ${space.T - 1} steps. ${settled(sheet, here)}. Arrow keys move the step and the cell.`);
    }
    const words = l >= 0 ? sheets.filter((s) => s.space).map((s) => `${s.name}, cell ${l}: ${story(s.space, l)}`).join(" ") : sheets.filter((s) => s.space).map((s) => `${s.name}, step ${Math.min(t, s.space.T - 1)}: ${settled(s, t)}.`).join(" ");
    readout.textContent = words;
    tell(() => words);
  }
  const settled = ({ space, d, from }, t) => `${space.settledFrom.slice(from, from + 2 * d).filter((when) => when <= t && when < space.T).length} of ${2 * d} digits settled`;
  /** What one cell goes through: its kinds in turn, with the steps at which they begin. */
  function story({ T, L, kind }, l) {
    if (l >= L) return "there is none.";
    const parts = [];
    for (let t = 0; t < T; t++) {
      const now = KINDS[kind[t * L + l]];
      if (parts.at(-1)?.now !== now) parts.push({ now, t });
    }
    const long = parts.length > 8 ? [...parts.slice(0, 7), { now: "and on", t: parts[7].t }] : parts;
    return `${long.map(({ now, t }) => `${now} from step ${t}`).join(", ")}.`;
  }
  for (const sheet of sheets) {
    const point = (event) => {
      const box = sheet.canvas.getBoundingClientRect();
      if (!sheet.space) return;
      model.set("cell", Math.max(0, Math.min(sheet.space.L - 1, Math.floor((event.clientX - box.left) / sheet.cell[0]))));
      set("step", Math.max(0, Math.min(sheet.space.T - 1, Math.floor((event.clientY - box.top) / sheet.cell[1]))));
    };
    sheet.canvas.addEventListener("pointerdown", point);
    sheet.canvas.addEventListener("pointermove", (event) => { if (event.buttons && event.pointerType === "mouse") point(event); });
    sheet.canvas.addEventListener("keydown", (event) => {
      const move = { ArrowDown: ["step", 1], ArrowUp: ["step", -1], ArrowRight: ["cell", 1], ArrowLeft: ["cell", -1] }[event.key];
      if (!move) return;
      const high = move[0] === "step" ? most() : Number(cell.input.max);
      set(move[0], Math.max(move[0] === "step" ? 0 : -1, Math.min(high, model.get(move[0]) + move[1])));
      event.preventDefault();
    });
  }
  root.setAttribute("aria-label", title);
  const stops = [listen(model, ["operands"], compute), listen(model, ["step", "cell"], draw)];
  compute();
  const observer = new ResizeObserver(draw);
  observer.observe(root);
  return () => { stops.forEach((stop) => stop()); observer.disconnect(); clearTimeout(timer); machines.forEach(({ machine }) => machine.close()); };
}
export default { render };
