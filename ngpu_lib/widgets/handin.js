// A name if one likes, a button that writes the report, one that saves it from the browser, one that clears.

function render({ model, el }) {
  const { root } = openWidget(el, model, "handin");
  const lesson = model.get("lesson");
  const name = make("input", { type: "text", maxlength: 100, autocomplete: "off" });
  const said = make("p", { class: "ngpu-readout", role: "status" });
  const wish = (what) => {
    model.set("wish", { what, name: name.value, count: (model.get("wish").count ?? 0) + 1 });
    model.save_changes();
    kernel.ask();
  };
  const write = button("Write my report", () => wish("write"));
  const save = button("Save it from the browser", () => {
    const given = JSON.parse(model.get("text"));
    const url = URL.createObjectURL(new Blob([model.get("text")], { type: "application/json" }));
    make("a", { href: url, download: `hand-in-${lesson}-${given.who.slice(0, 8)}.json` }).click();
    URL.revokeObjectURL(url);
  });
  const clear = button("Clear", () => wish("clear"), { title: "Forget tries, predictions and quiz answers of this lesson" });
  root.append(
    bar(make("label", {}, make("span", {}, "Name (if your course asks for it)"), name), write, save, clear),
    said,
  );
  const kernel = kernelLine(model, root, [name, write, clear]);
  const draw = () => {
    said.textContent = model.get("said");
    save.toggleAttribute("disabled", !model.get("text"));
  };
  draw();
  const stop = listen(model, ["said", "text"], draw);
  return () => { stop(); kernel.stop?.(); };
}
export default { render };
