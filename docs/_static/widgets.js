// The lessons' widgets on a page without a kernel: each is drawn by its own module from its saved state.
// Only anywidgets are drawn; the build refuses a lesson that shows another kind.

(() => {
window.course = { weights, load };
const MIME = "application/vnd.jupyter.widget-";
const read = (script) => JSON.parse(script.textContent);

/** Weights, from this site's own files and from nowhere else; each file is fetched once. */
const files = new Map();
const place = new URL("weights/", document.currentScript.src);
function weights(file) {
  if (!files.has(file)) files.set(file, (async () => {
    const url = new URL(file, place);
    if (url.origin !== location.origin || !url.href.startsWith(place.href)) throw new Error("Weights from another host are refused.");
    if (url.protocol === "file:") throw new Error("A page opened as a file cannot load the network's weights; serve the folder (python -m http.server).");
    let answer;
    try { answer = await fetch(url); } catch { throw new Error("The network's weights could not be loaded (blocked, or no connection)."); }
    if (!answer.ok) throw new Error(`The network's weights could not be loaded (${answer.status}).`);
    return new Uint8Array(await answer.arrayBuffer());
  })());
  const found = files.get(file);
  found.catch(() => files.delete(file)); // so that a later try may succeed
  return found;
}

/** What a widget's module gets as `model`, with nobody on the other side. */
function remember(traits) {
  const handlers = {};
  const call = (name) => [...(handlers[name] ?? [])].forEach((handler) => handler());
  return {
    get: (name) => traits[name],
    set: (name, value) => {
      const same = JSON.stringify(traits[name]) === JSON.stringify(value);
      traits[name] = value;
      if (!same) [`change:${name}`, "change"].forEach(call);
    },
    on: (name, handler) => (handlers[name] ??= []).push(handler),
    off: (name, handler) => { handlers[name] = (handlers[name] ?? []).filter((h) => h !== handler); },
    save_changes: () => {},
    send: () => {},
    weights,
  };
}

const modules = new Map();
function load(text) {
  if (!modules.has(text)) {
    modules.set(text, import(URL.createObjectURL(new Blob([text], { type: "text/javascript" }))));
  }
  return modules.get(text);
}

const styles = new Set();
function style(text) {
  if (!text || styles.has(text)) return;
  styles.add(text);
  document.head.append(Object.assign(document.createElement("style"), { textContent: text }));
}

/** Buttons for states that were computed with a kernel: each sets the traits it recorded. */
function presets(model, recorded) {
  const row = Object.assign(document.createElement("div"), { className: "presets", textContent: "Recorded: " });
  for (const { text, state } of recorded) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.addEventListener("click", () => Object.entries(state).forEach(([name, value]) => model.set(name, value)));
    row.append(button);
  }
  return row;
}

async function start() {
  const saved = document.querySelector(`script[type="${MIME}state+json"]`);
  const { state: states = {}, texts = {} } = saved ? read(saved) : {};
  const models = new Map();
  for (const script of document.querySelectorAll(`script[type="${MIME}view+json"]`)) {
    const id = read(script).model_id;
    const { state, presets: recorded } = states[id];
    for (const name of ["_esm", "_css"]) state[name] = texts[state[name]] ?? state[name];
    if (!models.has(id)) models.set(id, remember({ ...state }));
    const model = models.get(id);
    const el = document.createElement("div");
    el.className = "widget";
    el.model = model; // so that a page can be driven from outside
    script.after(el);
    if (recorded) el.after(presets(model, recorded));
    style(state._css);
    const { default: made } = await load(state._esm);
    const widget = typeof made === "function" ? await made() : made;
    await widget.initialize?.({ model });
    await widget.render({ model, el });
  }
  document.documentElement.dataset.widgets = String(models.size);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
})();
