// Helpers that every widget's module starts with. No imports, no build step.

// ColorBrewer's PuOr (matplotlib's "PuOr"): orange is negative, purple positive, told apart by nearly everyone.
const PUOR = ["7f3b08", "b35806", "e08214", "fdb863", "fee0b6", "f7f7f7", "d8daeb", "b2abd2", "8073ac", "542788", "2d004b"]
  .map((hex) => [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16)));
// Okabe & Ito: blue, orange, green, vermilion, purple, sky, yellow.
const OKABE = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442"];
const MARK = [0, 158, 115]; // what is NaN or infinite

/** The diverging colour of x in [-1, 1], as [r, g, b]. */
function diverging(x) {
  const place = (Math.max(-1, Math.min(1, x)) + 1) * 5;
  const low = Math.min(9, Math.floor(place));
  return PUOR[low].map((v, k) => Math.round(v + (PUOR[low + 1][k] - v) * (place - low)));
}
const css = (rgb) => `rgb(${rgb.join(",")})`;

/** An element: make("label", {class: "x", onclick: f}, "text", child). */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  fill(node, attributes);
  node.append(...children);
  return node;
}
/** An SVG element. */
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(node, attributes);
  node.append(...children);
  return node;
}
function fill(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
}

/** A labelled slider; `say` turns its value into words. Returns {root, input, set}. */
function slider(label, { min, max, step, value, say = String }, onInput) {
  const shown = make("output", { class: "ngpu-value" });
  const input = make("input", { type: "range", min, max, step, "aria-label": label });
  const set = (v) => {
    input.value = v;
    const words = say(Number(v));
    shown.textContent = words;
    input.setAttribute("aria-valuetext", words);
  };
  input.addEventListener("input", () => {
    set(input.value);
    onInput(Number(input.value));
  });
  set(value);
  return { root: make("label", { class: "ngpu-slider" }, make("span", {}, label), input, shown), input, set };
}
function select(label, options, onChange) {
  const input = make("select", { "aria-label": label, onchange: () => onChange(input.value) });
  for (const [value, text] of options) input.append(make("option", { value }, text));
  return { root: make("label", {}, make("span", {}, label), input), input };
}
function checkbox(label, onChange) {
  const input = make("input", { type: "checkbox", onchange: () => onChange(input.checked) });
  return { root: make("label", {}, input, make("span", {}, label)), input };
}
const button = (text, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, text);
const bar = (...children) => make("div", { class: "ngpu-bar" }, ...children);

/** Prepare the widget's element: its role, name, and keys that stay inside it (Jupyter's shortcuts eat arrows). */
function openWidget(el, model, kind) {
  const title = model.get("title") || kind;
  const root = make("div", {
    class: `ngpu ngpu-${kind}`, role: "group", "aria-label": title,
  });
  // Jupyter looks for this attribute from the focused element upwards, and stops where a shortcut's selector fits.
  root.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
  root.addEventListener("keydown", (event) => event.stopPropagation());
  // Screen readers hear this line; it speaks when the hand rests, not at every frame.
  const live = make("div", { class: "ngpu-hidden", role: "status", "aria-live": "polite" });
  root.append(live);
  el.append(root);
  let timer = 0;
  const tell = (words) => {
    clearTimeout(timer);
    timer = setTimeout(() => { live.textContent = words(); }, 250);
  };
  return { root, tell, title };
}

/** Listen to traits; returns the function that stops listening. */
function listen(model, names, handler) {
  for (const name of names) model.on(`change:${name}`, handler);
  return () => { for (const name of names) model.off(`change:${name}`, handler); };
}

/** Save to Python soon: drawing comes first, and a drag is one message, not a hundred. */
function saver(model, delay = 60) {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(() => model.save_changes(), delay); };
}

/** Set a canvas's size in CSS pixels, sharp on any screen; returns its 2-D context. */
function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Bytes from base64. */
function bytes(text) {
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let k = 0; k < raw.length; k++) out[k] = raw.charCodeAt(k);
  return out;
}
function base64(array) {
  const parts = [];
  for (let k = 0; k < array.length; k += 8192) parts.push(String.fromCharCode(...array.subarray(k, k + 8192)));
  return btoa(parts.join(""));
}

/** A number in three digits: 0.123, -1.00, 1.2e-5. */
function short(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  const places = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const text = size === 0 ? "0" : size < 1e-4 || size >= 10000 ? x.toExponential(1) : size < 0.01 ? x.toPrecision(2) : x.toFixed(places);
  return text.replace("-", "−");
}

/** Ask Python over and over, and say so when nobody answers. `controls` are what then stops working. */
function kernelLine(model, root, controls) {
  const line = make("p", { class: "ngpu-note", role: "status", hidden: true });
  const fault = make("p", { class: "ngpu-note ngpu-error", role: "alert", hidden: true });
  root.append(line, fault);
  let timer = 0;
  const offline = (off) => {
    line.hidden = !off;
    line.textContent = off ? "No kernel answers, so this shows the state it was saved in. Run the notebook to change it." : "";
    for (const control of controls) control.toggleAttribute("disabled", off);
  };
  const ask = () => {
    model.set("asked", model.get("asked") + 1);
    model.save_changes();
    clearTimeout(timer);
    timer = setTimeout(() => offline(true), 2500);
  };
  const stop = listen(model, ["answered"], () => { clearTimeout(timer); offline(false); });
  const showError = () => {
    fault.hidden = !model.get("error");
    fault.textContent = model.get("error");
  };
  const stopError = listen(model, ["error"], showError);
  showError();
  ask();
  return { ask, stop: () => { clearTimeout(timer); stop(); stopError(); } };
}
