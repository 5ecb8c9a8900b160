// Gradient flow: four controls, one logarithmic plot; Python measures.

function render({ model, el }) {
  const { root, tell, title } = openWidget(el, model, "gradient");
  const save = () => model.save_changes(); // Jupyter itself holds back what comes too fast
  const set = (name, value) => { model.set(name, value); save(); };
  const scale = slider("Weight scale", { min: 0.1, max: 3, step: 0.05, value: 1, say: (v) => v.toFixed(2) }, (v) => set("scale", v));
  const depth = slider("Depth", { min: 1, max: model.get("deepest"), step: 1, value: 1, say: (v) => `${v} layers` }, (v) => set("depth", v));
  const kind = select("Nonlinearity", model.get("nonlinearities").map((name) => [name, name]), (v) => set("nonlinearity", v));
  const residual = checkbox("Residual connections", (on) => set("residual", on));
  const WIDTH = 640, HEIGHT = 300, LEFT = 58, RIGHT = 12, TOP = 26, BOTTOM = 42;
  const plot = svg("g");
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, style: "width:100%;min-width:460px;max-width:760px;height:auto", role: "img" }, plot);
  const verdict = make("p", { class: "ngpu-readout" });
  root.append(bar(scale.root, depth.root, kind.root, residual.root), make("div", { class: "ngpu-scroll" }, picture), verdict);
  const kernel = kernelLine(model, root, [scale.input, depth.input, kind.input, residual.input]);
  let before = null;
  let now = null;

  function draw() {
    const curves = model.get("curves");
    if (now !== curves) { before = now; now = curves; }
    const everything = [...curves, ...(before || [])].flatMap((c) => c.log10).filter((v) => v !== null);
    let low = Math.floor(Math.min(-2, ...everything));
    let high = Math.ceil(Math.max(1, ...everything));
    const count = Math.max(2, ...curves.map((c) => c.log10.length));
    const x = (k) => LEFT + ((WIDTH - LEFT - RIGHT) * k) / (count - 1);
    const y = (v) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - v)) / (high - low);
    const parts = [];
    const every = [1, 2, 5, 10, 20, 50, 100].find((s) => (high - low) / s <= 8) || 100;
    for (let v = Math.ceil(low / every) * every; v <= high; v += every) {
      parts.push(svg("line", { class: v === 0 ? "ngpu-axis" : "ngpu-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(v), y2: y(v) }));
      const label = svg("text", { x: LEFT - 8, y: y(v) + 4, "text-anchor": "end" }, "10");
      label.append(svg("tspan", { dy: -5, style: "font-size:9px" }, String(v).replace("-", "−")));
      parts.push(label);
    }
    const stride = [1, 2, 5, 10, 20, 50].find((s) => count / s <= 11) || 100;
    for (let k = 0; k < count; k += stride) parts.push(svg("text", { x: x(k), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" }, String(k)));
    parts.push(svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, model.get("xlabel")));
    parts.push(svg("text", { transform: `translate(13 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`, "text-anchor": "middle" }, model.get("ylabel")));
    const line = (curve, style) => {
      let path = "";
      let pen = false;
      curve.log10.forEach((v, k) => {
        if (v === null) pen = false;
        else { path += `${pen ? "L" : "M"}${x(k).toFixed(1)} ${y(v).toFixed(1)}`; pen = true; }
      });
      parts.push(svg("path", { d: path, fill: "none", ...style }));
    };
    // The ghost of the last setting, so that a change can be seen; only where the depth is the same.
    for (const curve of before || []) if (curve.log10.length === count) line(curve, { stroke: "currentColor", opacity: 0.25, "stroke-width": 2 });
    curves.forEach((curve, k) => {
      line(curve, { stroke: OKABE[[0, 3, 2, 4][k % 4]], "stroke-width": 2.5, "stroke-dasharray": ["", "7 5", "2 4", "9 3 2 3"][k % 4] });
      const at = LEFT + 6 + k * 190;
      parts.push(svg("line", { x1: at, x2: at + 26, y1: 12, y2: 12, stroke: OKABE[[0, 3, 2, 4][k % 4]], "stroke-width": 2.5, "stroke-dasharray": ["", "7 5", "2 4", "9 3 2 3"][k % 4] }));
      parts.push(svg("text", { x: at + 32, y: 16 }, curve.name));
    });
    plot.replaceChildren(...parts);
    const words = sentence(curves);
    verdict.textContent = words;
    picture.setAttribute("aria-label", `${title}. ${words}`);
    tell(() => words);
  }
  function sentence(curves) {
    return curves.map(({ name, log10 }) => {
      const bad = log10.filter((v) => v === null).length;
      const [first, last] = [log10[0], log10.at(-1)];
      const note = bad ? `; ${bad} of ${log10.length} values are zero, infinite or NaN and cannot be drawn` : "";
      if (first === null || last === null || log10.length < 2) return `${name}${note || ": one value"}`;
      const factor = 10 ** ((first - last) / (log10.length - 1));
      return `${name}: the first value is ${short(10 ** (first - last))} of the last, a factor of ${short(factor)} per layer${note}`;
    }).join(" · ") + ".";
  }
  function settings() {
    scale.set(model.get("scale"));
    depth.set(model.get("depth"));
    kind.input.value = model.get("nonlinearity");
    residual.input.checked = model.get("residual");
  }
  const stops = [
    listen(model, ["curves"], draw),
    listen(model, ["scale", "depth", "nonlinearity", "residual"], settings),
  ];
  settings();
  draw();
  return () => { stops.forEach((stop) => stop()); kernel.stop(); };
}
export default { render };
