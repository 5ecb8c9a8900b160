// The line in which a visitor types numbers or a word for a network, and is told what the machine does with it.

/**
 * `onAsk(word)` gets symbol numbers. Returns {root, show(word), say(words, wrong), progress(step, steps)}.
 * Without a step `progress` hides the bar.
 */
function askBar(network, machine, fewest, onAsk) {
  const { sign, symbols } = network.task;
  const line = make("p", { class: "ngpu-readout ngpu-told", role: "status" });
  const field = (label, size) => make("input", { type: "text", inputmode: sign ? "numeric" : "text", autocomplete: "off", spellcheck: "false", size, "aria-label": label });
  const fields = sign ? [field("First number", 14), field("Second number", 14)] : [field("Word", 24)];
  const say = (words, wrong = false) => {
    line.textContent = words;
    line.classList.toggle("ngpu-error", wrong);
    fields.forEach((input) => (wrong ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid")));
  };
  const bar_ = make("progress", { max: 1, value: 0, hidden: true, "aria-label": "Steps done" });
  const stop = button("Stop", () => { machine.cancel(); progress(); say("Stopped. The picture is still the one before."); }, { hidden: true });
  const read = () => {
    if (!sign) return symbolWord(network, fields[0].value, machine);
    const [a, b] = fields.map((input) => input.value.replace(/[\s,_.'’]/g, ""));
    if (![a, b].every((text) => /^\d+$/.test(text))) throw new Error("Type two whole numbers of digits 0 to 9.");
    return arithmeticWord(network, BigInt(a), BigInt(b), fewest, machine);
  };
  const go = () => {
    try { onAsk(read()); } catch (error) { say(error.message, true); }
  };
  for (const input of fields) input.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
  const random = () => {
    const pick = (count, most) => Array.from({ length: count }, () => Math.floor(Math.random() * most));
    if (sign) {
      fields.forEach((input) => { input.value = String(fromBits([...pick(Math.max(fewest, 12) - 1, 2), 1])); });
    } else fields[0].value = pick(12, symbols.length - 1).map((k) => symbols[k + 1]).join("");
    go();
  };
  const show = (word) => {
    if (sign) {
      const d = (word.length - 1) / 2;
      [word.slice(0, d), word.slice(d + 1)].forEach((part, k) => { fields[k].value = String(fromBits(part.map((s) => s - 1))); });
    } else fields[0].value = word.slice(0, word.length / network.task.cells).map((s) => symbols[s]).join("");
  };
  function progress(step, steps) {
    bar_.hidden = stop.hidden = step === undefined;
    if (step !== undefined) { bar_.value = step / steps; say(`Step ${step} of ${steps}`); }
  }
  const label = (text, input) => make("label", {}, ...(text ? [make("span", {}, text)] : []), input);
  const verb = { "*": "Multiply", "+": "Add" }[sign] || "Run";
  const parts = sign ? [label("", fields[0]), make("span", { "aria-hidden": "true" }, sign === "*" ? "×" : "+"), label("", fields[1])] : [label("Word", fields[0])];
  const root = make("div", { class: "ngpu-asker" }, bar(...parts, button(verb, go), button("Random", random), bar_, stop), line);
  return { root, show, say, progress, fields };
}

/** What a page says about a run: where it was computed, in which time, and whether anybody checked it. */
function toldOf(network, ms) {
  const size = network.bytes >= 1e6 ? `${(network.bytes / 1e6).toFixed(1)} MB` : `${Math.round(network.bytes / 1000)} kB`;
  return `Computed in this page in ${duration(ms)}, by the network itself (${network.name}, ${size} of weights).`;
}
