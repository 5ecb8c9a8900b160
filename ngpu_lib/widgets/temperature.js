// The next symbol's chances at a temperature, and what was written at it.

function chances(logits, temperature) {
  const top = Math.max(...logits);
  if (temperature === 0) return logits.map((_, i) => (i === logits.indexOf(top) ? 1 : 0));
  const powers = logits.map((v) => Math.exp((v - top) / temperature));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((v) => v / total);
}

function render({ model, el }) {
  const { root, tell } = openWidget(el, model, "temperature");
  const save = saver(model);
  const logits = model.get("logits");
  const name = (s) => (s === "\n" ? "⏎" : s === " " ? "␣" : s);
  const stops = model.get("temperatures");
  const order = logits.map((_, i) => i).sort((a, b) => logits[b] - logits[a]).slice(0, 16);
  const control = slider("Temperature", { min: 0, max: stops.length - 1, step: 1, value: 0, say: (v) => stops[v].toFixed(2) }, (v) => { model.set("temperature", stops[v]); save(); });
  const BAR = 34, TALL = 110, WIDTH = 44 + order.length * BAR, TOP = 18;
  const bars = svg("g");
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${TALL + 58}`, style: `width:100%;min-width:420px;max-width:${WIDTH}px;height:auto`, role: "img" },
    svg("line", { class: "ngpu-axis", x1: 40, x2: WIDTH, y1: TOP + TALL, y2: TOP + TALL }),
    svg("text", { x: 34, y: TOP + 5, "text-anchor": "end", style: "font-size:11px" }, "1"),
    svg("text", { x: 34, y: TOP + TALL + 4, "text-anchor": "end", style: "font-size:11px" }, "0"),
    svg("text", { x: 40, y: 11, style: "font-size:11px", opacity: 0.75 }, "chance of the next symbol"),
    svg("text", { x: 40, y: TOP + TALL + 36, style: "font-size:11px", opacity: 0.75 }, "the likeliest symbols, in order"), bars);
  const text = make("pre", { style: "white-space:pre-wrap;margin:6px 0;padding:8px;background:var(--soft);color:inherit;min-height:9em" });
  const readout = make("p", { class: "ngpu-readout" });
  root.append(bar(control.root), make("div", { class: "ngpu-scroll" }, picture), readout, text);

  function draw() {
    const at = Math.max(0, stops.indexOf(model.get("temperature")));
    control.set(at);
    const p = chances(logits, stops[at]);
    bars.replaceChildren(...order.flatMap((i, k) => [
      svg("rect", { x: 44 + k * BAR, width: BAR - 8, y: TOP + TALL * (1 - p[i]), height: TALL * p[i], fill: OKABE[0] }),
      svg("text", { x: 44 + k * BAR + (BAR - 8) / 2, y: TOP + TALL + 17, "text-anchor": "middle", style: "font:13px ui-monospace,'DejaVu Sans Mono',monospace" }, name(model.get("symbols")[i])),
      svg("text", { x: 44 + k * BAR + (BAR - 8) / 2, y: TOP + TALL * (1 - p[i]) - 3, "text-anchor": "middle", style: "font-size:10px" }, p[i] >= 0.005 ? p[i].toFixed(2) : ""),
    ]));
    const words = `Temperature ${stops[at].toFixed(2)}: "${name(model.get("symbols")[order[0]])}" comes next with chance ${p[order[0]].toFixed(2)}.`;
    readout.textContent = words;
    picture.setAttribute("aria-label", words);
    text.replaceChildren(make("strong", {}, model.get("prompt")), model.get("texts")[at]);
    root.dataset.chances = order.map((i) => p[i].toFixed(4)).join(" ");
    tell(() => words);
  }
  const stop = listen(model, ["temperature"], draw);
  draw();
  return stop;
}
export default { render };
