// A word, letter by letter, through a Neural Turing Machine: what comes out, and where its two heads stand.

function render({ model, el }) {
  const { root, tell } = openWidget(el, model, "copier");
  const network = model.get("network");
  const machine = machineOf(network, model);
  const [BITS, LONGEST] = [8, 100];
  const input = make("input", { type: "text", autocomplete: "off", spellcheck: "false", size: 24, maxlength: LONGEST, "aria-label": "Word to copy" });
  const line = make("p", { class: "ngpu-readout ngpu-told", role: "status" });
  const letters = make("canvas", { role: "img", tabindex: 0 });
  const heads = ["write head", "read head"].map((name) => {
    const canvas = make("canvas", { role: "img", tabindex: 0, style: "border:1px solid var(--line);width:100%" });
    return { name, canvas, root: make("figure", {}, make("figcaption", {}, make("strong", {}, name), make("small", {}, " · steps to the right, memory rows downwards; dark: the head is there")), canvas) };
  });
  root.append(
    bar(make("label", {}, make("span", {}, "Word"), input), button("Copy it", go)), line,
    make("div", { class: "ngpu-scroll" }, letters), make("div", { class: "ngpu-panels" }, ...heads.map((h) => h.root)),
  );
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
  let run = null, timer = 0, words = "";
  const say = (text, wrong = false) => { line.textContent = text; line.classList.toggle("ngpu-error", wrong); };
  const bitsFor = (letter) => Array.from({ length: BITS }, (_, k) => (letter.charCodeAt(0) >> k) & 1);

  function go() {
    const text = input.value;
    if (!text || text.length > LONGEST || [...text].some((c) => c.length > 1 || c.charCodeAt(0) > 255)) {
      say(`Type 1 to ${LONGEST} letters (of the Latin alphabet, digits, signs).`, true);
      return;
    }
    model.set("text", text);
    model.save_changes();
  }
  async function compute() {
    const text = model.get("text");
    input.value = text;
    clearTimeout(timer);
    try {
      const zeros = Array(BITS).fill(0);
      const inputs = [...[...text].map((c) => [...bitsFor(c), 1, 0]), [...zeros, 0, 1], ...Array.from(text, () => [...zeros, 0, 0])];
      const found = await machine.ask("copy", { inputs, rows: model.get("rows") });
      if (!found) return;
      const answers = found.answers.slice(-text.length).map((row) => Array.from(row, (v) => Number(v > 0)));
      run = { text, answers, copied: answers.map((row) => String.fromCharCode(Number(fromBits(row)))).join(""), addresses: found.addresses };
      const wrong = answers.flat().filter((bit, k) => bit !== bitsFor(text[Math.floor(k / BITS)])[k % BITS]).length;
      words = `${wrong ? `Copied “${run.copied}”: ${wrong} wrong ${wrong === 1 ? "bit" : "bits"}` : `Copied “${run.copied}” without an error`}. ${toldOf(network, found.ms)}`;
      root.dataset.copied = run.copied;
      say(words);
      timer = setTimeout(() => say(`${words} No kernel is there to check it.`), 2500);
      compared();
      draw();
      tell(() => words);
    } catch (error) { say(error.message, true); }
  }
  function compared() {
    const told = model.get("told");
    if (!run || told.text !== run.text) return;
    clearTimeout(timer);
    const agrees = told.copied === run.copied;
    say(`${words} ${agrees ? "Python agrees." : `Python does not agree: “${told.copied}”.`}`, !agrees);
  }
  function draw() {
    if (!run) return;
    const { text, answers, addresses } = run;
    const ink = getComputedStyle(root).color;
    const cell = Math.max(5, Math.min(15, Math.floor(((root.clientWidth || 700) - 60) / (2 * text.length + 1))));
    const [LEFT, TOP] = [36, 20];
    const context = sized(letters, LEFT + (2 * text.length + 1) * cell + 6, TOP + BITS * cell + 4);
    context.clearRect(0, 0, letters.width, letters.height);
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = ink;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillText("bits", 2, TOP + (BITS * cell) / 2);
    const column = (x, letter, bits, right) => {
      context.fillStyle = ink;
      context.textAlign = "center";
      context.font = `${Math.min(14, cell + 2)}px ui-monospace, monospace`;
      context.fillText(letter, LEFT + (x + 0.5) * cell, 10);
      bits.forEach((bit, k) => {
        context.fillStyle = bit !== right[k] ? OKABE[3] : bit ? OKABE[0] : "#9ecae8";
        context.fillRect(LEFT + x * cell, TOP + (BITS - 1 - k) * cell, cell - 1, cell - 1);
      });
    };
    [...text].forEach((c, n) => {
      column(n, c, bitsFor(c), bitsFor(c));
      column(text.length + 1 + n, run.copied[n], answers[n], bitsFor(c));
    });
    context.fillStyle = ink;
    context.fillRect(LEFT + (text.length + 0.45) * cell, TOP - 6, 2, BITS * cell + 8);
    letters.setAttribute("aria-label", `Read: ${text}. Then, after the mark, written: ${run.copied}.`);
    heads.forEach(({ name, canvas }, head) => {
      const T = addresses.length;
      const rows = addresses[0][head].length;
      const used = addresses.map((a) => a[head].indexOf(Math.max(...a[head])));
      const signed = used.map((n) => (n > rows / 2 ? n - rows : n)); // rows are a ring: count both ways from the start
      const [low, high] = [Math.min(...signed) - 2, Math.max(...signed) + 2];
      const tall = high - low + 1;
      [canvas.width, canvas.height] = [T, tall];
      canvas.style.height = `${Math.max(90, Math.min(260, tall * 8))}px`;
      const pixels = new ImageData(T, tall);
      for (let t = 0; t < T; t++) for (let k = 0; k < tall; k++) {
        const v = 255 * (1 - addresses[t][head][((low + k) % rows + rows) % rows]);
        pixels.data.set([v, v, v, 255], 4 * (k * T + t));
      }
      canvas.getContext("2d").putImageData(pixels, 0, 0);
      canvas.setAttribute("aria-label", `${name}: from row ${signed[0]} of the start to row ${signed.at(-1)}; steps to the right, rows downwards.`);
    });
  }
  const stops = [listen(model, ["text"], compute), listen(model, ["told"], compared)];
  say("This page runs the machine itself.");
  compute();
  const observer = new ResizeObserver(draw);
  observer.observe(root);
  return () => { stops.forEach((stop) => stop()); observer.disconnect(); clearTimeout(timer); machine.close(); };
}
export default { render };
