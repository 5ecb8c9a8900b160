// What a visitor chose and predicted on a lesson's page, kept in this browser alone and there again tomorrow.

(() => {
const lesson = location.pathname.match(/lessons\/(\d\d)_/)?.[1];
if (!lesson) return;
const key = `ngpu-progress-${lesson}`;
const empty = () => ({ quiz: {}, predictions: {} });

/** What is kept; a browser that blocks storage, and a record that is none, give an empty one. */
let blocked = false;
function load() {
  try {
    const found = JSON.parse(localStorage.getItem(key) ?? "{}");
    const plain = (part) => (part && typeof part === "object" && !Array.isArray(part) ? part : {});
    return { quiz: plain(found?.quiz), predictions: plain(found?.predictions) };
  } catch (error) {
    blocked = error instanceof DOMException;
    return empty();
  }
}
let kept = load();
function save() {
  try {
    localStorage.setItem(key, JSON.stringify(kept));
    blocked = false;
  } catch {
    blocked = true; // storage is blocked or full: everything else on the page goes on
  }
  tell();
}

const make = (tag, attributes = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...children);
  return node;
};
const said = make("span", { role: "status" });
const clear = make("button", { type: "button", textContent: "Clear" });
function tell() {
  const count = (part) => Object.keys(kept[part]).length;
  const words = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  said.textContent = blocked
    ? "This browser lets the page keep nothing; your answers are gone when you leave it."
    : `Kept in this browser, for you alone: ${words(count("quiz"), "quiz answer")}, ${words(count("predictions"), "prediction")}. `;
  clear.hidden = blocked;
}

const quizzes = () => [...document.querySelectorAll(".widget")].map((el) => el.model).filter((model) => model?.get("chosen") !== undefined && Array.isArray(model.get("answers")));

/** Quizzes show what was chosen last time, and what is chosen now is kept. */
function watchQuizzes() {
  for (const model of quizzes()) {
    const question = String(model.get("title"));
    const before = kept.quiz[question];
    if (model.get("answers").some(({ text }) => text === before)) model.set("chosen", before);
    model.on("change:chosen", () => {
      if (!model.get("chosen")) return;
      kept.quiz[question] = model.get("chosen");
      save();
    });
  }
}

/** After each "Predict." a line to write the prediction on. */
function askPredictions() {
  const marks = [...document.querySelectorAll("article strong")].filter((node) => node.textContent.trim() === "Predict.");
  marks.forEach((mark, number) => {
    const input = make("input", { type: "text", maxLength: 200, value: String(kept.predictions[number] ?? "").slice(0, 200) });
    input.autocomplete = "off";
    input.addEventListener("change", () => {
      if (input.value) kept.predictions[number] = input.value;
      else delete kept.predictions[number];
      save();
    });
    const block = mark.closest("p") ?? mark;
    block.after(make("p", { className: "prediction" }, make("label", {}, "Your prediction: ", input)));
  });
}

clear.addEventListener("click", () => {
  kept = empty();
  try { localStorage.removeItem(key); } catch { blocked = true; }
  for (const model of quizzes()) model.set("chosen", "");
  for (const input of document.querySelectorAll(".prediction input")) input.value = "";
  tell();
});

function start() {
  askPredictions();
  const article = document.querySelector("article");
  article?.append(make("p", { className: "kept" }, said, clear));
  tell();
  const ready = () => document.documentElement.dataset.widgets !== undefined;
  if (ready()) watchQuizzes();
  else {
    const wait = new MutationObserver(() => { if (ready()) { wait.disconnect(); watchQuizzes(); } });
    wait.observe(document.documentElement, { attributes: true, attributeFilter: ["data-widgets"] });
  }
}
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
})();
