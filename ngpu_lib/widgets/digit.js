// Draw on 28 x 28 pixels; Python's classifiers answer while the pen moves.

const SIDE = 28, CELL = 9;

function render({ model, el }) {
  const { root, tell } = openWidget(el, model, "digit");
  const save = () => model.save_changes(); // Jupyter itself holds back what comes too fast
  let image = bytes(model.get("pixels"));
  let cursor = null;
  let erasing = false;

  const canvas = make("canvas", { tabindex: 0, role: "application", "aria-label": "Drawing sheet, 28 by 28. Arrows move the pen, Space inks, Delete erases.", style: "border:1px solid var(--line);touch-action:none;cursor:crosshair;background:#fff" });
  const erase = button("Erase", () => { erasing = !erasing; erase.setAttribute("aria-pressed", erasing); }, { "aria-pressed": "false" });
  const clear = button("Clear", () => { image.fill(0); changed(); });
  const move = (text, label, dy, dx) => button(text, () => { image = shifted(image, dy, dx); changed(); }, { "aria-label": `Move the digit ${label}` });
  const arrows = [move("←", "left", 0, -1), move("→", "right", 0, 1), move("↑", "up", -1, 0), move("↓", "down", 1, 0)];
  const examples = model.get("examples").map((example, k) => {
    const thumb = make("canvas", { width: SIDE, height: SIDE, style: "width:40px;height:40px;background:#fff", "aria-hidden": "true" });
    paint(thumb.getContext("2d"), bytes(example.pixels), 1);
    return make("button", {
      type: "button", "aria-label": `Example ${k + 1}`, style: "padding:2px", onclick: () => {
        image = bytes(example.pixels);
        model.set("answers", example.answers); // computed beforehand: works without a kernel
        changed();
      },
    }, thumb);
  });
  const charts = make("div"); // beside the sheet, one under the other; under it on a phone
  const left = make("div", {}, canvas, bar(clear, erase, ...arrows));
  root.append(make("div", { class: "ngpu-columns" }, left, charts));
  if (examples.length) root.append(bar(make("span", {}, "Examples"), ...examples));
  const networks_ = model.get("networks") ?? [];
  const kernel = networks_.length ? inPage() : kernelLine(model, root, [canvas, erase, clear, ...arrows]);
  canvas.setAttribute("data-ready", "yes");

  const names = model.get("names");
  const plots = names.map((name, n) => {
    const rows = Array.from({ length: 10 }, (_, digit) => {
      const rect = svg("rect", { class: "ngpu-soft", x: 22 + digit * 24, width: 18, y: 110, height: 0, fill: OKABE[0] });
      const value = svg("text", { x: 31 + digit * 24, y: 0, "text-anchor": "middle", style: "font-size:10px" });
      return { rect, value, label: svg("text", { x: 31 + digit * 24, y: 124, "text-anchor": "middle" }, String(digit)) };
    });
    const best = make("strong");
    const picture = svg("svg", { width: 266, height: 144, viewBox: "0 0 266 144", role: "img" },
      svg("line", { class: "ngpu-axis", x1: 18, x2: 264, y1: 110.5, y2: 110.5 }),
      svg("line", { class: "ngpu-grid", x1: 18, x2: 264, y1: 10.5, y2: 10.5 }),
      svg("text", { x: 14, y: 14, "text-anchor": "end", style: "font-size:10px" }, "1"),
      svg("text", { x: 14, y: 114, "text-anchor": "end", style: "font-size:10px" }, "0"),
      svg("text", { x: 142, y: 140, "text-anchor": "middle", style: "font-size:11px" }, "digit (height: probability)"),
      ...rows.flatMap(({ rect, value, label }) => [rect, value, label]));
    charts.append(make("figure", {}, make("figcaption", {}, `${name}: `, best), picture));
    return { name, rows, best, picture, colour: OKABE[n] };
  });

  function paint(context, pixels, cell) {
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const v = 255 - pixels[y * SIDE + x];
        context.fillStyle = `rgb(${v},${v},${v})`;
        context.fillRect(x * cell, y * cell, cell, cell);
      }
    }
  }
  function shifted(pixels, dy, dx) {
    const out = new Uint8Array(SIDE * SIDE);
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const [sy, sx] = [y - dy, x - dx];
        if (sy >= 0 && sy < SIDE && sx >= 0 && sx < SIDE) out[y * SIDE + x] = pixels[sy * SIDE + sx];
      }
    }
    return out;
  }
  /** A soft round pen, as wide as MNIST's strokes. */
  function ink(x, y, amount) {
    for (let row = Math.floor(y - 2); row <= y + 2; row++) {
      for (let column = Math.floor(x - 2); column <= x + 2; column++) {
        if (row < 0 || row >= SIDE || column < 0 || column >= SIDE) continue;
        const far = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const dark = Math.round(255 * Math.max(0, Math.min(1, 1.9 - far)));
        const at = row * SIDE + column;
        if (amount > 0) image[at] = Math.max(image[at], dark);
        else if (dark) image[at] = 0;
      }
    }
  }
  function draw() {
    const context = sized(canvas, SIDE * CELL, SIDE * CELL);
    paint(context, image, CELL);
    if (cursor) {
      context.strokeStyle = "#D55E00";
      context.lineWidth = 2;
      context.strokeRect(cursor.x * CELL + 1, cursor.y * CELL + 1, CELL - 2, CELL - 2);
    }
  }
  function changed() {
    draw();
    model.set("pixels", base64(image));
    save();
    kernel.compute?.();
  }
  /** The networks answer here; Python's answers, where they come, are compared with theirs. */
  function inPage() {
    const machines = networks_.map((network) => machineOf(network, model));
    const line = make("p", { class: "ngpu-readout ngpu-told", role: "status" });
    root.append(line);
    let own = null;
    let timer = 0;
    let words = "";
    const say = (text, wrong = false) => { line.textContent = text; line.classList.toggle("ngpu-error", wrong); };
    async function compute() {
      const pixels = model.get("pixels");
      clearTimeout(timer);
      try {
        const ink = Float32Array.from(image, (v) => v / 255);
        const found = await Promise.all(machines.map((machine) => machine.ask("image", { image: ink })));
        if (found.some((one) => !one)) return;
        own = { pixels, answers: found.map(({ answer }) => answer) };
        words = `Computed in this page in ${duration(found.reduce((sum, { ms }) => sum + ms, 0))}, by the networks themselves.`;
        say(words);
        answers();
        timer = setTimeout(() => say(`${words} No kernel is there to check it.`), 2500);
      } catch (error) { say(`${error.message} Only the examples answer.`, true); }
    }
    function compared() {
      const { pixels, answers: theirs } = model.get("told");
      if (!own || pixels !== own.pixels) return;
      clearTimeout(timer);
      const far = Math.max(...theirs.flatMap((row, n) => row.map((p, digit) => Math.abs(p - own.answers[n][digit]))));
      const agrees = far < 0.02;
      say(`${words} ${agrees ? "Python agrees" : "Python does not agree"}: probabilities differ by at most ${short(far)}.`, !agrees);
    }
    say("Draw, and this page runs the networks itself.");
    const stop = listen(model, ["told"], compared);
    return { compute, answers: () => (own?.pixels === model.get("pixels") ? own.answers : null), stop: () => { stop(); clearTimeout(timer); machines.forEach((m) => m.close()); } };
  }
  function answers() {
    const all = kernel.answers?.() ?? model.get("answers");
    plots.forEach(({ name, rows, best, picture, colour }, n) => {
      const answer = all[n];
      if (!answer) return;
      const top = answer.indexOf(Math.max(...answer));
      rows.forEach(({ rect, value }, digit) => {
        const height = 100 * answer[digit];
        rect.setAttribute("y", 110 - height);
        rect.setAttribute("height", height);
        rect.setAttribute("fill", colour);
        rect.setAttribute("opacity", digit === top ? 1 : 0.55);
        value.setAttribute("y", 106 - height);
        value.textContent = answer[digit] >= 0.01 ? Math.round(answer[digit] * 100) : "";
      });
      best.textContent = `${top} (${Math.round(answer[top] * 100)} %)`;
      picture.setAttribute("aria-label", `${name} says ${top} with probability ${answer[top].toFixed(2)}`);
    });
    tell(() => plots.map((p) => p.picture.getAttribute("aria-label")).join(". "));
  }

  let last = null;
  const position = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  const stroke = (event) => {
    const [x, y] = position(event);
    const [fromX, fromY] = last || [x, y];
    const parts = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) * 2));
    for (let k = 1; k <= parts; k++) ink(fromX + ((x - fromX) * k) / parts, fromY + ((y - fromY) * k) / parts, erasing ? -1 : 1);
    last = [x, y];
    changed();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (canvas.hasAttribute("disabled")) return;
    canvas.setPointerCapture(event.pointerId);
    cursor = null;
    stroke(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (last) stroke(event); });
  const lift = () => { last = null; };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("keydown", (event) => {
    if (canvas.hasAttribute("disabled")) return;
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (move) {
      cursor = cursor || { x: 14, y: 14 };
      cursor = { y: Math.max(0, Math.min(SIDE - 1, cursor.y + move[0])), x: Math.max(0, Math.min(SIDE - 1, cursor.x + move[1])) };
      draw();
    } else if ([" ", "Delete", "Backspace"].includes(event.key)) {
      cursor = cursor || { x: 14, y: 14 };
      ink(cursor.x + 0.5, cursor.y + 0.5, event.key === " " ? 1 : -1);
      changed();
    } else return;
    event.preventDefault();
  });
  const stops = [
    listen(model, ["pixels"], () => { image = bytes(model.get("pixels")); draw(); }),
    listen(model, ["answers"], answers),
  ];
  draw();
  answers();
  return () => { stops.forEach((stop) => stop()); kernel.stop(); };
}
export default { render };
