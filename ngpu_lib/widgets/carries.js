// Two numbers, digit by digit, and what a network answers; wrong digits are marked.

function render({ model, el }) {
  const { root, tell } = openWidget(el, model, "carries");
  const save = () => model.save_changes(); // Jupyter itself holds back what comes too fast
  const [n, base, operation] = [model.get("digits"), model.get("base"), model.get("operation")];
  const sign = operation === "add" ? "+" : "×";
  const B = BigInt(base);
  const read = (digits) => digits.reduceRight((sum, d) => sum * B + BigInt(d), 0n);
  const write = (value, count) => Array.from({ length: count }, (_, k) => Number((value / B ** BigInt(k)) % B));
  const set = (a, b) => { model.set("operands", [a, b]); save(); };
  const random = () => Array.from({ length: n }, () => Math.floor(Math.random() * base));
  const full = Array(n).fill(base - 1);
  const one = [1, ...Array(n - 1).fill(0)];
  const complement = () => { const a = random(); return [a, a.map((d) => base - 1 - d)]; };
  const presets = [
    ["Random", () => [random(), random()]],
    ["Carry storm", () => (operation === "add" ? [full, one] : [full, full])],
    ["Just no carry", () => (operation === "add" ? complement() : [full, one])],
    ["Equal", () => { const a = random(); return [a, [...a]]; }],
    ["Zero", () => [random(), Array(n).fill(0)]],
  ];
  const buttons = presets.map(([text, numbers]) => button(text, () => set(...numbers())));
  const field = (label, k) => {
    const input = make("input", { type: "text", inputmode: "numeric", size: Math.min(22, Math.ceil(n * Math.log10(base)) + 2), "aria-label": `Operand ${label} in decimal`, onchange: () => {
      const limit = B ** BigInt(n);
      if (/^\d+$/.test(input.value.trim()) && BigInt(input.value.trim()) < limit) {
        const rows = model.get("operands").map((row) => [...row]);
        rows[k] = write(BigInt(input.value.trim()), n);
        set(...rows);
      } else { verdict.textContent = `${label}: needs a whole number below ${limit} (${n} digits in base ${base}).`; numbers(); }
    } });
    return { input, root: make("label", {}, make("span", {}, label), input) };
  };
  const fields = [field("a", 0), field("b", 1)];
  const LEFT = 66, WIDE = 2 * n;
  const CELL = Math.max(15, Math.min(34, Math.floor(((root.clientWidth || 900) - LEFT - 6) / WIDE)));
  const column = (place) => LEFT + (WIDE - 1 - place) * CELL; // least significant on the right
  const picture = svg("svg", { role: "group", "aria-label": `Digits of a ${sign} b; least significant on the right` });
  const steps = make("canvas", { role: "img", tabindex: 0, style: "border:1px solid var(--line)" });
  const stepText = make("figcaption");
  const [tape, past] = [picture, steps].map((child) => make("div", { class: "ngpu-scroll" }, child));
  const stepFigure = make("figure", { style: "margin-top:10px" }, stepText, past);
  const verdict = make("p", { class: "ngpu-readout" });
  root.append(bar(...fields.map((f) => f.root), ...buttons), tape, verdict, stepFigure);
  const controls = [...buttons, ...fields.map((f) => f.input)];
  const network = model.get("network");
  const kernel = network?.kind ? inPage() : kernelLine(model, root, controls);

  const digitAt = (place, y, text, more = {}) => svg("text", { x: column(place) + CELL / 2, y: y + CELL * 0.68, "text-anchor": "middle", style: `font:${Math.round(CELL * 0.55)}px ui-monospace,'DejaVu Sans Mono',monospace`, ...more }, text);
  const name = (y, text) => svg("text", { x: 0, y: y + CELL * 0.65 }, text);
  const boxes = [0, 1].map((k) => Array.from({ length: n }, (_, place) => {
    const flip = () => {
      if (buttons[0].hasAttribute("disabled")) return;
      const rows = model.get("operands").map((row) => [...row]);
      rows[k][place] = (rows[k][place] + 1) % base;
      set(...rows);
    };
    const y = CELL * (k + 1);
    const text = digitAt(place, y, "");
    const box = svg("g", { tabindex: 0, role: "button", style: "cursor:pointer", onclick: flip, onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") { flip(); event.preventDefault(); }
      const to = { ArrowLeft: place + 1, ArrowRight: place - 1 }[event.key];
      if (to !== undefined) { boxes[k][Math.max(0, Math.min(n - 1, to))].box.focus(); event.preventDefault(); }
    } }, svg("rect", { x: column(place) + 1, y: y + 1, width: CELL - 2, height: CELL - 2, rx: 3, fill: "currentColor", opacity: 0.07 }), text);
    return { box, text };
  }));
  const moving = svg("g");
  picture.append(name(0, "carry"), name(CELL, "a"), name(2 * CELL, `${sign} b`), ...boxes.flat().map((b) => b.box), moving);
  const HEIGHT = CELL * 5.4;
  fill(picture, { width: LEFT + WIDE * CELL + 4, height: HEIGHT, viewBox: `0 0 ${LEFT + WIDE * CELL + 4} ${HEIGHT}` });

  /** The carry into each place, by hand: the longhand sum of each column. */
  function carriesOf(a, b) {
    const carry = Array(WIDE + 1).fill(0);
    for (let place = 0; place < WIDE; place++) {
      let sum = carry[place];
      if (operation === "add") sum += (a[place] || 0) + (b[place] || 0);
      else for (let k = Math.max(0, place - n + 1); k <= Math.min(place, n - 1); k++) sum += a[k] * b[place - k];
      carry[place + 1] = Math.floor(sum / base);
    }
    return carry;
  }
  function numbers() {
    model.get("operands").forEach((row, k) => { fields[k].input.value = read(row).toString(); });
  }
  function waiting(a, b) {
    numbers();
    [a, b].forEach((row, k) => row.forEach((digit, place) => {
      boxes[k][place].text.textContent = digit;
      boxes[k][place].box.setAttribute("aria-label", `${"ab"[k]}, place ${place}: ${digit}. Press to change`);
    }));
    moving.setAttribute("opacity", 0.3);
  }
  function draw() {
    const [a, b] = model.get("operands");
    const target = write(operation === "add" ? read(a) + read(b) : read(a) * read(b), WIDE);
    const [reply] = [kernel.reply?.(), model.get("reply")].filter((one) => String(one?.operands) === String([a, b]));
    if (!reply) kernel.compute?.(a, b);
    if (String(reply?.operands) !== String([a, b])) { waiting(a, b); return; } // the answer to these is on its way
    const answers = reply.answer;
    const answer = answers.at(-1);
    const carry = carriesOf(a, b);
    waiting(a, b);
    moving.removeAttribute("opacity");
    const parts = [];
    for (let place = 0; place < WIDE; place++) {
      if (carry[place]) parts.push(digitAt(place, 0, String(carry[place]), { fill: OKABE[0], style: `fill:${OKABE[0]};font:bold ${Math.round(CELL * (carry[place] > 9 ? 0.38 : 0.48))}px ui-monospace,monospace` }));
      parts.push(digitAt(place, CELL * 3.15, String(target[place]), { opacity: 0.75 }));
      const wrong = answer[place] !== target[place];
      if (wrong) parts.push(svg("rect", { x: column(place) + 1, y: CELL * 4.15 + 1, width: CELL - 2, height: CELL - 2, rx: 3, fill: OKABE[3], class: "ngpu-wrong" }));
      parts.push(digitAt(place, CELL * 4.15, answer[place] < 0 ? "·" : String(answer[place]), wrong ? { style: `fill:#fff;font:bold ${Math.round(CELL * 0.55)}px ui-monospace,monospace;text-decoration:underline` } : {}));
    }
    parts.push(svg("line", { class: "ngpu-axis", x1: 0, x2: LEFT + WIDE * CELL, y1: CELL * 3.08, y2: CELL * 3.08 }), name(CELL * 3.15, "right"), name(CELL * 4.15, "network"));
    moving.replaceChildren(...parts);
    const wrong = target.filter((digit, place) => digit !== answer[place]).length;
    let chain = 0;
    for (let place = 1, run = 0; place <= WIDE; place++) { run = carry[place] ? run + 1 : 0; chain = Math.max(chain, run); }
    const words = `${read(a)} ${sign} ${read(b)} = ${read(target)}. ` +
      (wrong ? `The network has ${wrong} wrong ${wrong === 1 ? "digit" : "digits"} (marked).` : "The network is right.") + ` Longest run of carries: ${chain}.`;
    verdict.textContent = words;
    root.dataset.wrong = wrong;
    history(answers, target);
    for (const part of [tape, past]) part.scrollLeft = part.scrollWidth; // the lowest digits first
    tell(() => words);
  }
  /** What would be read after each step: blue where it is right, orange where not yet. */
  function history(answers, target) {
    stepFigure.style.display = answers.length > 1 ? "" : "none";
    if (answers.length < 2) return;
    const h = Math.max(3, Math.min(12, Math.floor(300 / answers.length)));
    const context = sized(steps, LEFT + WIDE * CELL, answers.length * h);
    context.clearRect(0, 0, LEFT + WIDE * CELL, answers.length * h);
    answers.forEach((row, t) => row.forEach((digit, place) => {
      context.fillStyle = digit === target[place] ? (digit ? "#0072B2" : "#9ecae8") : "#D55E00";
      context.fillRect(column(place), t * h, CELL - 1, h - (h > 4 ? 1 : 0));
    }));
    context.fillStyle = getComputedStyle(root).color;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "top";
    context.fillText("step 0", 4, 2);
    context.textBaseline = "bottom";
    context.fillText(`step ${answers.length - 1}`, 4, answers.length * h);
    const settled = 1 + answers.findLastIndex((row) => row.some((digit, place) => digit !== target[place]));
    const words = settled < answers.length ? `right from step ${settled} on` : "not right at the last step";
    stepText.textContent = `The answer as it would be read after each step: blue is right (dark: a digit above 0), orange is wrong; ${words}.`;
    steps.setAttribute("aria-label", stepText.textContent);
  }
  /** The network computes here; Python's answer, where one comes, is compared with it. */
  function inPage() {
    const machine = machineOf(network, model);
    const line = make("p", { class: "ngpu-readout ngpu-told", role: "status" });
    root.append(line);
    let own = null;
    let timer = 0;
    let words = "";
    const say = (text, wrong = false) => { line.textContent = text; line.classList.toggle("ngpu-error", wrong); };
    async function compute(a, b) {
      clearTimeout(timer);
      try {
        const word = [...a.map((d) => d + 1), network.task.symbols.length - 1, ...b.map((d) => d + 1)];
        const steps = stepsOf(network, word.length);
        const found = await machine.ask("tape", { word, steps }, (step) => say(`Step ${step} of ${steps}`));
        if (!found) return;
        const L = word.length;
        const digit = (s) => (s >= 1 && s <= base ? s - 1 : -1);
        own = { operands: [a, b], answer: Array.from({ length: steps + 1 }, (_, t) => Array.from(found.read.subarray(t * L, t * L + WIDE), digit)) };
        words = toldOf(network, found.ms);
        say(words);
        timer = setTimeout(() => say(`${words} No kernel is there to check it.`), 2500);
        compared();
        draw();
      } catch (error) { say(`${error.message} The picture is still the recorded one.`, true); }
    }
    function compared() {
      const reply = model.get("reply");
      if (!own || String(reply.operands) !== String(own.operands)) return;
      clearTimeout(timer);
      const agrees = String(reply.answer) === String(own.answer);
      say(`${words} ${agrees ? "Python agrees." : "Python does not agree: it reads other digits."}`, !agrees);
    }
    say("Change a digit, and this page runs the network itself.");
    const stop = listen(model, ["reply"], compared);
    return { compute, reply: () => own, stop: () => { stop(); clearTimeout(timer); machine.close(); } };
  }
  const stops = [listen(model, ["operands", "reply"], draw)];
  draw();
  return () => { stops.forEach((stop) => stop()); kernel.stop(); };
}
export default { render };
