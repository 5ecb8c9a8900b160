// One question, its answers as buttons, and what each answer gets right or wrong.

function render({ model, el }) {
  const { root } = openWidget(el, model, "quiz");
  const feedback = make("p", { class: "ngpu-readout", role: "status" });
  const buttons = model.get("answers").map(({ text }) =>
    button(text, () => {
      model.set("chosen", text);
      model.save_changes();
    }, { style: "display:block;max-width:100%;margin:6px 0;text-align:left;white-space:normal;height:auto" }),
  );
  const draw = () => {
    const answer = model.get("answers").find(({ text }) => text === model.get("chosen"));
    buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.textContent === answer?.text)));
    feedback.replaceChildren();
    if (!answer) return;
    const colour = answer.right ? "var(--accent)" : "var(--wrong)";
    const mark = make("b", { style: `color:${colour}` }, answer.right ? "Right." : "Not this one.");
    feedback.append(mark, ` ${answer.reason}`);
  };
  root.append(make("p", { style: "margin:4px 0" }, make("b", {}, model.get("title"))), ...buttons, feedback);
  draw();
  return listen(model, ["chosen"], draw);
}
export default { render };
