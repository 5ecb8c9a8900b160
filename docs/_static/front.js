// The site's front door: a trained network multiplies two numbers that the visitor types. Composed by site.py with the
// widgets' own shared.js, networks.js, machine.js and space.js before it, and FRONT: the network, readers, maps to show.

function front(host) {
  const { network, readers, maps, pairs } = FRONT;
  const machine = machineOf(network, { weights: window.course?.weights });
  const reduced = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const MOST = 84; // bits: what fits a picture, and a phone's memory
  const SECONDS = 3.6; // of one showing

  const field = (label, kind) => make("input", { type: "text", inputmode: "numeric", autocomplete: "off", spellcheck: "false", size: 8, class: `front-${kind}`, "aria-label": label });
  const [a, b] = [field("First number", "first"), field("Second number", "second")];
  const answer = make("output", { class: "front-answer", "aria-label": "The network's answer" }, " ");
  const picture = make("canvas", { class: "front-space", role: "img", tabindex: 0 });
  const tape = make("canvas", { class: "front-tape", "aria-hidden": "true" });
  const out = make("canvas", { class: "front-tape", "aria-hidden": "true" });
  const verdict = make("p", { class: "front-verdict", role: "status" });
  const play = button("Pause", () => (playing ? pause() : start()), { class: "front-play" });
  const scrub = make("input", { type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "Step" });
  const shuffle = button("Other numbers", () => { const bits = 12 + Math.floor(Math.random() * 20); pair(random(bits), random(bits)); });
  const long = button("64 bits", () => pair(random(64), random(64)));
  const failing = pairs.length ? button("One it gets wrong", () => pair(...pairs[turn++ % pairs.length].map(BigInt))) : "";
  const small = maps.map(({ map, text }) => {
    const canvas = make("canvas", { role: "img", "aria-label": `Map ${map}: ${text}. Steps run downwards` });
    return { map, canvas, root: make("figure", {}, canvas, make("figcaption", {}, text)) };
  });
  const key = (kind, text) => make("span", { class: `front-key front-key-${kind}` }, text);
  const keys = make("p", { class: "front-keys" }, key("first", "first number"), key("second", "second number"), key("work", "at work"), key("settled", "settled digits"), key("wrong", "wrong"));
  const recording = host.querySelector("img");
  const screen = make("div", { class: "front-screen" }, tape, picture, out);
  host.replaceChildren(
    make("form", { class: "front-sum", onsubmit: (event) => { event.preventDefault(); typed(); } }, a, make("span", { "aria-hidden": "true" }, "×"), b, button("=", typed, { class: "front-go", "aria-label": "Multiply" }), answer),
    screen,
    verdict,
    make("div", { class: "front-bar" }, play, scrub, shuffle, long, failing),
    keys,
    make("div", { class: "front-maps" }, ...small.map(({ root }) => root)),
  );
  for (const input of [a, b]) input.addEventListener("change", typed);
  picture.addEventListener("keydown", (event) => {
    const to = { ArrowDown: step + 1, ArrowRight: step + 1, ArrowUp: step - 1, ArrowLeft: step - 1, Home: 0, End: space ? space.T - 1 : 0 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    pause();
    go(to);
  });
  scrub.addEventListener("input", () => { pause(); go(Number(scrub.value)); });
  picture.addEventListener("pointerdown", (event) => { picture.setPointerCapture(event.pointerId); dragged(event); });
  picture.addEventListener("pointermove", (event) => { if (event.buttons) dragged(event); });
  const dragged = (event) => { if (space) { pause(); go(Math.round(((event.clientY - picture.getBoundingClientRect().top) / picture.clientHeight) * space.T)); } };

  let space = null, image = null, run = null, step = 0, playing = false, timer = 0, begun = 0, turn = 0, last = "", asked = 0;
  const random = (bits) => fromBits([...Array.from({ length: bits - 1 }, () => Math.round(Math.random())), 1]);
  const pair = (x, y) => { [a.value, b.value] = [String(x), String(y)]; typed(); };
  const say = (text, wrong = false) => { verdict.textContent = text; verdict.classList.toggle("front-wrong", wrong); };

  /** Why there is no answer: it stays until something else is asked; what is still there of the pair before fades. */
  function refuse(text) {
    [last, asked, space] = ["", asked + 1, null];
    pause();
    answer.textContent = " ";
    host.dataset.state = "refused";
    say(text, true);
  }
  async function typed() {
    const texts = [a, b].map((input) => input.value.replace(/[\s,_.'’]/g, ""));
    if (!texts.every((text) => /^\d+$/.test(text))) return refuse("Two whole numbers, please.");
    const [x, y] = texts.map(BigInt);
    if (`${x} ${y}` === last) return;
    const bits = Math.max(12, x.toString(2).length, y.toString(2).length);
    if (bits > MOST) {
      const time = duration(machine.estimate(2 * bits + 1, 2 * bits + 9));
      return refuse(`At most ${MOST} bits (25 digits) here. ${bits.toLocaleString("en")} bits would take about ${time}; lesson 09 tries 2,000.`);
    }
    last = `${x} ${y}`;
    const mine = ++asked;
    const word = arithmeticWord(network, x, y, bits);
    const begin = performance.now();
    host.dataset.state = "working";
    pause();
    try {
      const steps = stepsOf(network, word.length);
      const found = await machine.ask("tape", { word, steps, states: true }, (t) => { if (mine === asked) say(`Step ${t} of ${steps}`); });
      if (!found || mine !== asked) return;
      shown(x, y, bits, word, found, performance.now() - begin);
    } catch (error) {
      if (mine !== asked) return;
      last = "";
      host.dataset.state = "failed";
      if (!space) {
        screen.replaceChildren(recording);
        host.classList.add("front-still");
      }
      say(`${error.message} The picture is a recording.`, true);
    }
  }

  function shown(x, y, bits, word, found, ms) {
    const right = rightAnswer(network.task, word);
    const L = word.length;
    const places = { first: [0, bits], second: [bits + 1, L], answer: [0, L], middle: bits };
    if (host.classList.contains("front-still")) { // a later try succeeded
      screen.replaceChildren(tape, picture, out);
      host.classList.remove("front-still");
    }
    space = readSpace(found, right, readers, places);
    image = spaceImage(space);
    const final = Array.from(found.read.subarray(-L));
    const wrong = final.map((s, l) => l < 2 * bits && s !== right[l]);
    run = { x, y, bits, word, found, right, wrong, ms };
    scrub.max = space.T - 1;
    small.forEach(({ map, canvas }) => mapImage(canvas, map, found));
    host.dataset.state = "done";
    host.dataset.ms = ms.toFixed(0);
    host.dataset.wrong = wrong.filter(Boolean).length;
    if (reduced) { pause(); go(space.T - 1); } else start(true);
  }
  function mapImage(canvas, map, { states, shape: [T, C, , L] }) {
    [canvas.width, canvas.height] = [L, T];
    const pixels = new ImageData(L, T);
    for (let t = 0; t < T; t++) for (let l = 0; l < L; l++) {
      const [r, g, bl] = diverging(states[(t * C + map) * L + l]);
      pixels.data.set([r, g, bl, 255], 4 * (t * L + l));
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  function start(fresh = false) {
    if (!space) return;
    if (fresh || step >= space.T - 1) step = 0;
    playing = true;
    play.textContent = "Pause";
    begun = performance.now() - (step / space.T) * SECONDS * 1000;
    cancelAnimationFrame(timer);
    timer = requestAnimationFrame(tick);
  }
  function pause() {
    playing = false;
    play.textContent = "Play";
    cancelAnimationFrame(timer);
  }
  function tick(now) {
    const t = Math.floor(((now - begun) / (SECONDS * 1000)) * space.T);
    go(Math.min(t, space.T - 1));
    if (t >= space.T - 1) pause();
    else timer = requestAnimationFrame(tick);
  }

  /** Everything as it stands after `t` steps. */
  function go(t) {
    if (!space) return;
    draw(t);
    tell();
  }
  function draw(t) {
    step = Math.max(0, Math.min(space.T - 1, t));
    scrub.value = step;
    scrub.setAttribute("aria-valuetext", `step ${step} of ${space.T - 1}`);
    const { T, L } = space;
    const { found, wrong, bits, x, y } = run;
    const width = picture.parentElement.clientWidth;
    const cell = width / L;
    const height = Math.round(Math.min(T * cell * 0.8, window.innerHeight * 0.52));
    const context = sized(picture, width, height);
    context.imageSmoothingEnabled = false;
    const ground = css(SPACE.ground);
    context.fillStyle = ground;
    context.fillRect(0, 0, width, height);
    const line = height / T;
    context.drawImage(image, 0, 0, L, step + 1, 0, 0, width, (step + 1) * line);
    if (step < T - 1) {
      const glow = context.createLinearGradient(0, (step + 1) * line - 26, 0, (step + 1) * line);
      glow.addColorStop(0, "rgba(255,255,255,0)");
      glow.addColorStop(1, "rgba(255,255,255,0.22)");
      context.fillStyle = glow;
      context.fillRect(0, (step + 1) * line - 26, width, 26);
      context.fillStyle = "rgba(255,255,255,0.85)";
      context.fillRect(0, (step + 1) * line - 1, width, 1);
    }
    const read = found.read.subarray(step * L, (step + 1) * L);
    row(tape, run.word.map((s, l) => ({ text: s === network.task.symbols.length - 1 ? "×" : String(s - 1), kind: l < bits ? "first" : l > bits ? "second" : null, one: s === 2 })), width, cell);
    const done = step === T - 1;
    row(out, Array.from(read, (s, l) => {
      if (l >= 2 * bits) return { text: "", kind: null };
      if (done && wrong[l]) return { text: s === 2 ? "1" : "0", kind: "wrong", one: true, mark: true };
      return { text: s === 2 ? "1" : s === 1 ? "0" : "", kind: step >= space.settledFrom[l] ? "settled" : "work", one: s === 2, faint: step < space.settledFrom[l] };
    }), width, cell);
    if (done) wrong.forEach((is, l) => { if (is) ring(context, (l + 0.5) * cell, height - 2, Math.max(cell, 9)); });
    const settledCount = space.settledFrom.slice(0, 2 * bits).filter((from) => step >= from).length;
    answer.replaceChildren(...digitsOf(valueAt(step), x * y, done));
    answer.normalize();
    answer.classList.toggle("front-unsettled", !done);
    host.dataset.step = step;
    picture.setAttribute("aria-label", `Space-time picture, step ${step} of ${T - 1}: ${settledCount} of ${2 * bits} digits of the product are settled. Arrow keys step.`);
  }
  /** The number that is read out after `t` steps. */
  function valueAt(t) {
    const [from, { found, bits }] = [t * space.L, run];
    return fromBits(Array.from(found.read.subarray(from, from + 2 * bits), (s) => (s === 2 ? 1 : 0)));
  }
  /** In words, what the picture shows now. */
  function tell() {
    const { T } = space;
    const { wrong, bits, x, y, ms } = run;
    const settled = space.settledFrom.slice(0, 2 * bits).filter((from) => step >= from).length;
    if (step < T - 1) { say(`Step ${step}: ${settled} of ${2 * bits} binary digits settled`); return; }
    const [value, target] = [valueAt(step), x * y];
    const places = wrong.flatMap((is, l) => (is ? [l] : []));
    const time = `${T - 1} steps, computed in this page in ${duration(ms)}.`;
    if (!places.length) say(`Right to the last digit: BigInt says ${target.toLocaleString("en")}, too. ${time}`);
    else {
      const off = value > target ? value - target : target - value;
      const single = (off & (off - 1n)) === 0n;
      const what = single ? `${value > target ? "made a carry too many" : "lost a carry"} at binary place ${places[0]}` : `has ${places.length} wrong binary digits, the first at place ${places[0]}`;
      say(`Not so: BigInt says ${target.toLocaleString("en")}. The network ${what} (marked). ${time}`, true);
    }
  }
  /** The number in decimal; digits that differ from the right one are marked. */
  function digitsOf(value, target, done) {
    const [mine, theirs] = [value, target].map((n) => n.toLocaleString("en"));
    const offset = theirs.length - mine.length;
    const same = (k) => !done || theirs[k + offset] === mine[k];
    return [...mine].flatMap((c, k) => [same(k) ? c : make("mark", {}, c), ...(c === "," ? [make("wbr")] : [])]); // lines break after a comma
  }
  function row(canvas, cells, width, cell) {
    const height = Math.max(10, Math.min(22, cell * 1.25));
    const context = sized(canvas, width, height);
    context.fillStyle = css(SPACE.ground);
    context.fillRect(0, 0, width, height);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `600 ${Math.min(14, cell * 0.8)}px ui-monospace, "DejaVu Sans Mono", monospace`;
    cells.forEach(({ text, kind, one, faint }, l) => {
      if (!text) return;
      const [dark, bright] = kind ? SPACE[kind] : [[200, 200, 210], [200, 200, 210]];
      if (cell >= 8) {
        context.fillStyle = faint ? "rgba(170,170,190,0.55)" : css(kind ? (one ? bright : bright.map((v) => Math.round(v * 0.72))) : bright);
        context.fillText(text, (l + 0.5) * cell, height / 2 + 0.5);
      } else {
        context.fillStyle = css(one ? bright : dark);
        context.fillRect(l * cell, 1, Math.max(1, cell - 0.5), height - 2);
      }
    });
  }
  function ring(context, x, y, size) {
    context.strokeStyle = css(SPACE.wrong[1]);
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x, y - 34);
    context.lineTo(x, y - 4);
    context.moveTo(x - size / 2, y - 4 - size / 2);
    context.lineTo(x, y - 4);
    context.lineTo(x + size / 2, y - 4 - size / 2);
    context.stroke();
  }
  new ResizeObserver(() => { if (space) draw(step); }).observe(host);
  pair(1234567890n, 987654321n);
}
const frontHost = document.getElementById("front");
if (frontHost) front(frontHost);
