// A gated cell over time, computed here: s = u s + (1 - u) tanh(x + w r s).

const WIDTH = 680, LEFT = 104, RIGHT = 10;

function render({ model, el }) {
  const { root, tell } = openWidget(el, model, "gates");
  const save = saver(model);
  const T = () => model.get("pulse").length;
  const column = () => (WIDTH - LEFT - RIGHT) / T();
  const put = (name, t, value, all = false) => {
    const row = [...model.get(name)];
    if (all) row.fill(value);
    else row[t] = value;
    model.set(name, row);
    save();
  };

  /** A row of bars one can drag; also a slider per step for the keyboard. */
  function strip(name, label, hint, low, high, height, colour) {
    let at = 0;
    const bars = svg("g");
    const mark = svg("rect", { fill: "none", stroke: "currentColor", "stroke-width": 1.5, visibility: "hidden" });
    const y = (v) => 6 + ((height - 12) * (high - v)) / (high - low);
    const area = svg("rect", { x: LEFT, y: 0, width: WIDTH - LEFT - RIGHT, height, fill: "transparent", style: "cursor:ns-resize;touch-action:none" });
    const group = svg("g", { tabindex: 0, role: "slider", "aria-label": `${label} ${hint}`, "aria-valuemin": low, "aria-valuemax": high, class: `ngpu-strip-${name}` },
      svg("line", { class: "ngpu-axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(0), y2: y(0) }),
      svg("line", { class: "ngpu-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(high), y2: y(high) }),
      bars, mark, area);
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, style: "width:100%;min-width:520px;max-width:820px;height:auto;margin-bottom:3px" },
      svg("text", { x: 0, y: height / 2 - 2, style: "font-weight:600" }, label), svg("text", { x: 0, y: height / 2 + 13, opacity: 0.75, style: "font-size:11px" }, hint),
      svg("text", { x: LEFT - 6, y: y(high) + 4, "text-anchor": "end", style: "font-size:10px" }, String(high)),
      svg("text", { x: LEFT - 6, y: y(low) + 4, "text-anchor": "end", style: "font-size:10px" }, String(low).replace("-", "−")), group);
    const round = (v) => Math.round(Math.max(low, Math.min(high, v)) * 20) / 20;
    const drag = (event) => {
      const box = picture.getBoundingClientRect();
      const px = ((event.clientX - box.left) / box.width) * WIDTH;
      const py = ((event.clientY - box.top) / box.height) * height;
      at = Math.max(0, Math.min(T() - 1, Math.floor((px - LEFT) / column())));
      put(name, at, round(high - ((py - 6) * (high - low)) / (height - 12)), event.shiftKey);
    };
    area.addEventListener("pointerdown", (event) => { area.setPointerCapture(event.pointerId); drag(event); });
    area.addEventListener("pointermove", (event) => { if (event.buttons) drag(event); });
    group.addEventListener("keydown", (event) => {
      const now = model.get(name)[at];
      const keys = {
        ArrowLeft: () => { at = Math.max(0, at - 1); }, ArrowRight: () => { at = Math.min(T() - 1, at + 1); },
        ArrowUp: () => put(name, at, round(now + 0.05), event.shiftKey), ArrowDown: () => put(name, at, round(now - 0.05), event.shiftKey),
        Home: () => put(name, at, low, event.shiftKey), End: () => put(name, at, high, event.shiftKey),
      };
      if (!keys[event.key]) return;
      keys[event.key]();
      draw();
      event.preventDefault();
    });
    group.addEventListener("focus", () => draw());
    group.addEventListener("blur", () => draw());
    const draw = () => {
      const row = model.get(name);
      const w = column();
      bars.replaceChildren(...row.map((v, t) => svg("rect", { x: LEFT + t * w + 1, width: Math.max(1, w - 2), y: Math.min(y(v), y(0)), height: Math.max(0.8, Math.abs(y(v) - y(0))), fill: colour })));
      mark.setAttribute("visibility", document.activeElement === group ? "visible" : "hidden");
      for (const [k, v] of Object.entries({ x: LEFT + at * w, y: 1, width: w, height: height - 2 })) mark.setAttribute(k, v);
      group.setAttribute("aria-valuenow", row[at]);
      group.setAttribute("aria-valuetext", `step ${at}: ${short(row[at])}`);
    };
    return { root: picture, draw };
  }

  const HEIGHT = 170;
  const input = strip("pulse", "input x", "drag a bar", -3, 3, 74, OKABE[1]);
  const update = strip("update", "update u", "1 keeps, 0 writes", 0, 1, 66, OKABE[0]);
  const reset = strip("reset", "reset r", "0 cuts the loop w", 0, 1, 66, OKABE[2]);
  const plot = svg("g");
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, style: "width:100%;min-width:520px;max-width:820px;height:auto;margin-bottom:3px", role: "img", class: "ngpu-state" }, plot);
  const weight = slider("Self weight w", { min: 0, max: 2, step: 0.05, value: 0, say: (v) => v.toFixed(2) }, (v) => { model.set("weight", v); save(); });
  const everyU = slider("All u", { min: 0, max: 1, step: 0.01, value: 0.9, say: (v) => v.toFixed(2) }, (v) => put("update", 0, v, true));
  const everyR = slider("All r", { min: 0, max: 1, step: 0.01, value: 1, say: (v) => v.toFixed(2) }, (v) => put("reset", 0, v, true));
  const preset = (text, make) => button(text, () => { for (const [name, value] of Object.entries(make())) model.set(name, value); save(); });
  const flat = (v) => Array(T()).fill(v);
  const writeAt = () => Math.max(0, model.get("pulse").findIndex((x) => x !== 0));
  const presets = [
    preset("Leak", () => ({ update: flat(0.9) })),
    preset("Forget everything", () => ({ update: flat(0) })),
    preset("Write once, keep", () => ({ update: flat(1).map((_, t) => (t === writeAt() ? 0 : 1)) })),
    preset("Keep, then erase", () => ({ update: flat(1).map((_, t) => (t === writeAt() || t === Math.round(T() * 0.75) ? 0 : 1)), reset: flat(1).map((_, t) => (t === Math.round(T() * 0.75) ? 0 : 1)) })),
  ];
  const verdict = make("p", { class: "ngpu-readout" });
  root.append(bar(...presets), bar(everyU.root, everyR.root, weight.root), make("div", { class: "ngpu-scroll" }, input.root, update.root, reset.root, picture), verdict);

  function states() {
    const [u, r, x, w] = ["update", "reset", "pulse", "weight"].map((name) => model.get(name));
    let s = 0;
    return u.map((ut, t) => (s = ut * s + (1 - ut) * Math.tanh(x[t] + w * r[t] * s)));
  }
  function draw() {
    for (const part of [input, update, reset]) part.draw();
    weight.set(model.get("weight"));
    const [u, r] = [model.get("update"), model.get("reset")];
    if (u.every((v) => v === u[0])) everyU.set(u[0]);
    if (r.every((v) => v === r[0])) everyR.set(r[0]);
    const s = states();
    const low = Math.min(...s) < -0.01 ? -1 : 0;
    const y = (v) => 8 + ((HEIGHT - 48) * (1 - v)) / (1 - low);
    const x = (t) => LEFT + (t + 0.5) * column();
    const parts = [];
    for (const v of new Set([low, 0, 1])) {
      parts.push(svg("line", { class: v ? "ngpu-grid" : "ngpu-axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(v), y2: y(v) }));
      parts.push(svg("text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end", style: "font-size:10px" }, String(v).replace("-", "−")));
    }
    parts.push(svg("text", { x: 0, y: HEIGHT / 2 - 22, style: "font-weight:600" }, "state s"), svg("text", { x: 0, y: HEIGHT / 2 - 7, opacity: 0.75, style: "font-size:11px" }, "what stays"));
    for (let t = 0; t < T(); t += 5) parts.push(svg("text", { x: x(t), y: HEIGHT - 22, "text-anchor": "middle", style: "font-size:10px" }, String(t)));
    parts.push(svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle", style: "font-size:11px" }, "step t"));
    parts.push(svg("path", { d: s.map((v, t) => `${t ? "L" : "M"}${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join(""), fill: "none", stroke: OKABE[3], "stroke-width": 2.5 }));
    s.forEach((v, t) => parts.push(svg("circle", { cx: x(t), cy: y(v), r: 3, fill: OKABE[3] })));
    plot.replaceChildren(...parts);
    const peak = s.reduce((best, v, t) => (Math.abs(v) > Math.abs(s[best]) ? t : best), 0);
    const share = s[peak] ? s.at(-1) / s[peak] : 0;
    const words = s[peak]
      ? `Largest at step ${peak}: ${short(s[peak])}. At the end ${short(s.at(-1))} is left, ${short(100 * share)} % of it.${model.get("weight") ? "" : " With w = 0 the reset gate has nothing to act on."}`
      : "Nothing was written: the state stays 0.";
    verdict.textContent = words;
    picture.setAttribute("aria-label", `The state over ${T()} steps. ${words}`);
    root.dataset.state = s.map((v) => v.toFixed(6)).join(" ");
    tell(() => words);
  }
  const stop = listen(model, ["update", "reset", "pulse", "weight"], draw);
  draw();
  return stop;
}
export default { render };
