// The activation viewer: controls, keys, pointer and clock around one or two panels (panel.js).

/** "0-2,7" from [0, 1, 2, 7]; "all" from []. */
function rangesText(numbers) {
  const runs = [];
  for (const n of [...new Set(numbers)].sort((a, b) => a - b)) {
    if (runs.length && runs.at(-1)[1] === n - 1) runs.at(-1)[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(",") || "all";
}
/** [0, 1, 2, 7] from "0-2,7"; null when it cannot be read. */
function readRanges(text, count) {
  if (text.trim() === "all" || text.trim() === "") return [];
  const numbers = new Set();
  for (const part of text.replace(/\s/g, "").split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) return null;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first || last >= count) return null;
    for (let n = first; n <= last; n++) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}

function render({ model, el }) {
  const { root, tell, title } = openWidget(el, model, "viewer");
  const save = saver(model, 120);
  const reduced = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
  let panels = [];
  let cursor = null; // {panel, k, r, l}: what the pointer or the keys point at
  let pinned = false;
  const clamp = (n, count) => Math.max(0, Math.min(count - 1, n));
  const T = () => panels[0].T;
  const step = () => Math.min(model.get("step"), T() - 1);
  const change = (name, value, soon = true) => {
    model.set(name, value);
    if (soon) save();
  };

  // Controls.
  const play = button("Play", () => change("playing", !model.get("playing")), { class: "ngpu-play" });
  const scrub = slider("Step", { min: 0, max: 1, step: 1, value: 0, say: (t) => `${t} of ${panels.length ? T() - 1 : 0}` }, (t) => change("step", t));
  scrub.root.classList.add("ngpu-grow");
  const speeds = [0.5, 1, 2, 4, 8, 16, 32, 60];
  const speed = select("Speed", speeds.map((s) => [s, `${s} steps/s`]), (v) => change("speed", Number(v)));
  const loop = checkbox("Loop", (on) => change("loop", on));
  const mode = select("Show", [["step", "all maps at one step"], ["time", "each map over time"]], (v) => change("mode", v));
  const maps = make("input", {
    type: "text", size: 12, "aria-label": "Maps, such as 0-5,17, or all",
    onchange: () => {
      const numbers = readRanges(maps.value, most("C"));
      if (numbers) change("maps", numbers);
      else { maps.value = rangesText(model.get("maps")); say(`Maps go from 0 to ${most("C") - 1}: write for instance 0-5,17 or all.`); }
    },
  });
  const all = button("All", () => change("maps", []), { "aria-label": "Show all maps" });
  const row = select("Tape row", [], (v) => change("row", Number(v)));
  const own = checkbox("Own colour scale per map", (on) => change("own_scale", on));
  const readout = make("div", { class: "ngpu-readout" });
  const figures = make("div", { class: "ngpu-panels" });
  const gradient = make("i", { style: `background: linear-gradient(to right, ${PUOR.map(css).join(",")})` });
  const [low, high] = [make("span"), make("span")];
  const badMark = make("span", { class: "ngpu-legend" }, make("b"), "NaN or ∞");
  const rounding = make("span");
  const legend = make("span", { class: "ngpu-legend", role: "note" }, low, gradient, high, badMark, rounding);
  const view = make("input", { type: "text", "aria-label": "The present view as text; change it and press Enter to go there", onchange: () => restore(view.value) });
  const copy = button("Copy view", async () => {
    view.select();
    try { await navigator.clipboard.writeText(view.value); say("View copied."); } catch { say("Press Ctrl+C to copy the view."); }
  });
  root.append(
    bar(play, scrub.root, speed.root, loop.root),
    bar(mode.root, make("label", {}, make("span", {}, "Maps"), maps), all, row.root, own.root),
    figures, readout, bar(legend),
    bar(make("label", { class: "ngpu-grow" }, make("span", {}, "View"), view), copy),
  );
  const asker = model.get("network")?.kind ? asking() : null;
  const most = (axis) => Math.max(...panels.map((p) => p[axis]));
  const say = (text) => { readout.textContent = text; };

  function build() {
    panels = model.get("panels").map((data) => new Panel(data));
    const largest = Math.max(...panels.map((p) => p.largest));
    for (const panel of panels) panel.largest = largest; // one legend for both
    cursor = null;
    figures.replaceChildren(...panels.map((p) => p.root));
    panels.forEach(attach);
    row.input.replaceChildren(...Array.from({ length: most("W") }, (_, w) => make("option", { value: w }, String(w))));
    scrub.input.max = T() - 1;
    const bad = panels.reduce((n, p) => n + p.bad, 0);
    badMark.style.display = bad ? "" : "none";
    relayout();
  }

  function relayout() {
    const ownScale = model.get("own_scale");
    const total = root.clientWidth || 700;
    const side = total > 520 ? panels.length : 1;
    const width = (total - 18 * (side - 1)) / side;
    for (const panel of panels) {
      if (panel.ownScale !== ownScale) panel.colourTables(ownScale);
      panel.place(width, model.get("maps"), model.get("mode"));
    }
    cursor = null;
    const { largest } = panels[0];
    low.textContent = ownScale ? "−max of map" : short(-largest);
    high.textContent = ownScale ? "max of map" : short(largest);
    rounding.textContent = `· 0 in the middle · values on hover to ±${short(largest / 2 / LEVELS)}`;
    describeCanvases();
    refresh();
  }

  function viewText() {
    const yes = (on) => (on ? "yes" : "no");
    return `step=${step()} maps=${rangesText(model.get("maps"))} mode=${model.get("mode")} row=${model.get("row")} ` +
      `speed=${model.get("speed")} loop=${yes(model.get("loop"))} own_scale=${yes(model.get("own_scale"))}`;
  }
  function restore(text) {
    const inRange = (n, low, high) => (Number.isFinite(n) && n >= low && n <= high ? n : null);
    const whole = (v, count) => (/^\d+$/.test(v) ? inRange(Number(v), 0, count - 1) : null);
    const flag = (v) => ({ yes: true, no: false })[v] ?? null;
    const readers = {
      step: (v) => whole(v, T()), row: (v) => whole(v, most("W")), maps: (v) => readRanges(v, most("C")),
      speed: (v) => inRange(Number(v), 0.1, 60), mode: (v) => (["step", "time"].includes(v) ? v : null), loop: flag, own_scale: flag,
    };
    const wanted = {};
    for (const part of text.trim().split(/\s+/)) {
      const [name, value = ""] = part.split("=");
      wanted[name] = Object.hasOwn(readers, name) ? readers[name](value) : null;
      if (wanted[name] === null) {
        view.value = viewText();
        return say(`Cannot read “${part}”. A view looks like: ${viewText()}`);
      }
    }
    for (const [name, value] of Object.entries(wanted)) model.set(name, value);
    save();
    say("View restored.");
  }

  /** Draw the present step; everything that changes with it. */
  function refresh() {
    const ink = getComputedStyle(root).color;
    const t = step();
    for (const panel of panels) panel.draw(t, model.get("row"), ink, model.get("playing"));
    scrub.set(t);
    view.value = viewText();
    if (cursor) { cursor.panel.outline(cursor); describe(); }
    if (!model.get("playing")) tell(summary);
  }
  function describeCanvases() {
    for (const p of panels) p.canvas.setAttribute("aria-label", `${p.name || title}: ${p.maps.length} of ${p.C} maps, ${p.L} positions, step ${step()} of ${p.T - 1}. Left and right step, Shift and arrows point at a cell, Enter shows that map alone.`);
  }
  function summary() {
    const t = step();
    const tapes = panels.map((p) => [p.name, p.inputs.length && `input ${p.inputs.join("")}`, p.outputs.length && `output ${p.outputAt(t).join("")}`].filter(Boolean).join(" ")).filter(Boolean);
    describeCanvases();
    return `Step ${t} of ${T() - 1}. ${tapes.join("; ")}${cursor ? `. ${readout.textContent}` : ""}`;
  }

  function describe() {
    const { panel, k, r, l } = cursor;
    const c = panel.maps[k];
    const [t, w] = panel.mode === "time" ? [r, Math.min(model.get("row"), panel.W - 1)] : [step(), r];
    const value = panel.value(t, c, w, l);
    const near = Number.isFinite(value) ? ` ± ${short(panel.scale[c] / 2 / LEVELS)}` : "";
    const symbols = [panel.inputs.length && `in ${panel.inputs[l]}`, panel.outputs.length && `out ${panel.outputAt(t)[l]}`].filter(Boolean).join(", ");
    say(`${panel.name ? `${panel.name}: ` : ""}step ${t}, map ${c}, ${panel.W > 1 ? `row ${w}, ` : ""}position ${l}${symbols ? ` (${symbols})` : ""}: ${short(value)}${near}`);
  }
  function point(panel, cell) {
    const had = cursor;
    cursor = cell ? { panel, ...cell } : null;
    if (had) had.panel.draw(step(), model.get("row"), getComputedStyle(root).color, model.get("playing"));
    if (cursor) { panel.outline(cursor); describe(); }
    else readout.textContent = "";
  }
  function alone(panel, cell) {
    const c = panel.maps[cell.k];
    change("maps", model.get("maps").length === 1 ? [] : [c]);
  }

  function attach(panel) {
    const { canvas } = panel;
    const cellOf = (event) => {
      const box = canvas.getBoundingClientRect();
      return panel.at(event.clientX - box.left, event.clientY - box.top);
    };
    let from = null; // a finger that scrubs sideways
    canvas.addEventListener("pointerdown", (event) => {
      const cell = cellOf(event);
      pinned = Boolean(cell) && !(pinned && cursor && cell.k === cursor.k && cell.l === cursor.l && cell.r === cursor.r);
      point(panel, cell);
      if (event.pointerType !== "mouse") from = { x: event.clientX, step: step() };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (from) {
        const moved = Math.round(((event.clientX - from.x) / Math.max(120, canvas.clientWidth)) * T());
        if (moved) change("step", clamp(from.step + moved, T()));
      } else if (!pinned) point(panel, cellOf(event));
    });
    const lift = () => { from = null; };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("pointerleave", () => { if (!pinned) point(panel, null); });
    canvas.addEventListener("dblclick", (event) => {
      const cell = cellOf(event);
      if (cell) { pinned = false; alone(panel, cell); }
    });
    canvas.addEventListener("keydown", (event) => {
      const here = cursor?.panel === panel ? cursor : { k: 0, r: 0, l: 0 };
      if (event.shiftKey && event.key.startsWith("Arrow")) {
        const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        const moves = cursor?.panel === panel ? 1 : 0; // the first press only shows the cursor
        const line = clamp(here.k * panel.rows + here.r + moves * down, panel.maps.length * panel.rows);
        pinned = true;
        point(panel, { k: Math.floor(line / panel.rows), r: line % panel.rows, l: clamp(here.l + moves * right, panel.L) });
        tell(summary);
      } else if (event.key === "Enter" && cursor) alone(panel, here);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  // Keys, anywhere in the viewer but in its text fields and menus.
  root.addEventListener("keydown", (event) => {
    const tag = event.target.tagName;
    const typing = tag === "SELECT" || (tag === "INPUT" && event.target.type === "text");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const pressable = tag === "BUTTON" || (tag === "INPUT" && event.target.type === "checkbox");
    const to = { ArrowLeft: step() - 1, ArrowRight: step() + 1, Home: 0, End: T() - 1, PageUp: step() - 5, PageDown: step() + 5 }[event.key];
    if (to !== undefined) change("step", clamp(to, T()));
    else if (event.key === " " && !pressable) change("playing", !model.get("playing"));
    else if (event.key === "Escape") { pinned = false; point(panels[0], null); if (model.get("maps").length) change("maps", []); }
    else return;
    event.preventDefault();
  });

  /** Whatever is typed is computed here by the network itself; Python, where there is a kernel, checks it. */
  function asking() {
    const network = model.get("network");
    const machine = machineOf(network, model);
    let timer = 0;
    let words = "";
    const line = askBar(network, machine, model.get("at_least"), compute);
    const word = model.get("word");
    if (word.length) line.show(word);
    line.say("Type, and this page runs the network itself.");
    root.insertBefore(line.root, root.children[1]);
    async function compute(word) {
      const steps = stepsOf(network, word.length);
      clearTimeout(timer);
      try {
        const [, C, W] = panels[0].shape;
        const values = (steps + 1) * C * W * word.length;
        if (values > MOST_VALUES) throw new Error(`Its states are ${(values / 1e6).toFixed(1)} million numbers; this viewer takes ${MOST_VALUES / 1e6} million. Type less.`);
        const found = await machine.ask("tape", { word, steps, states: true }, line.progress);
        if (!found) return;
        line.progress();
        line.show(word);
        words = toldOf(network, found.ms);
        line.say(words);
        root.dataset.computed = String(Number(root.dataset.computed || 0) + 1);
        model.set("playing", false);
        model.set("step", 0);
        model.set("panels", [panelOf(network.task, word, found, panels[0].name && network.name)]);
        model.set("word", word);
        change("step", steps);
        timer = setTimeout(() => line.say(`${words} No kernel is there to check it.`), 2500);
      } catch (error) {
        line.progress();
        line.say(`${error.message} The picture is still the recorded one.`, true);
      }
    }
    const stop = listen(model, ["checked"], () => {
      const checked = model.get("checked");
      if (String(checked.word) !== String(model.get("word")) || !words) return;
      clearTimeout(timer);
      line.say(checked.agrees ? `${words} Python agrees.` : `${words} Python does not agree: ${checked.difference}.`, !checked.agrees);
    });
    const stopWord = listen(model, ["word"], () => { if (model.get("word").length) line.show(model.get("word")); });
    return { stop: () => { stop(); stopWord(); clearTimeout(timer); machine.close(); } };
  }

  // Playing: a clock, so that speed is steps a second whatever the screen does.
  let timer = 0;
  let due = 0;
  function tick(now) {
    if (!model.get("playing")) return;
    timer = requestAnimationFrame(tick);
    if (now < due) return;
    due = Math.max(due + 1000 / model.get("speed"), now);
    const next = step() + 1;
    if (next < T()) change("step", next, false);
    else if (model.get("loop")) change("step", 0, false);
    else change("playing", false);
  }
  function playing() {
    const on = model.get("playing");
    play.textContent = on ? "Pause" : "Play";
    cancelAnimationFrame(timer);
    if (on) {
      if (step() === T() - 1) change("step", 0, false);
      due = performance.now() + (reduced ? 250 : 1000 / model.get("speed"));
      timer = requestAnimationFrame(tick);
    } else save();
    refresh();
  }
  function settings() {
    speed.input.value = speeds.includes(model.get("speed")) ? model.get("speed") : "";
    loop.input.checked = model.get("loop");
    mode.input.value = model.get("mode");
    own.input.checked = model.get("own_scale");
    row.input.value = model.get("row");
    row.root.style.display = most("W") > 1 && model.get("mode") === "time" ? "" : "none";
    maps.value = rangesText(model.get("maps"));
  }
  const stops = [
    listen(model, ["step", "row"], refresh),
    listen(model, ["maps", "mode", "own_scale"], relayout),
    listen(model, ["maps", "mode", "own_scale", "speed", "loop", "row"], () => { settings(); view.value = viewText(); }),
    listen(model, ["playing"], playing),
    listen(model, ["panels"], () => { build(); settings(); }),
  ];
  build();
  settings();
  playing();
  let width = root.clientWidth;
  const observer = new ResizeObserver(() => {
    if (Math.abs(root.clientWidth - width) < 2) return;
    width = root.clientWidth;
    relayout();
  });
  observer.observe(root);
  return () => { stops.forEach((stop) => stop()); observer.disconnect(); cancelAnimationFrame(timer); asker?.stop(); };
}
export default { render };
