// A tape driven by hand. The rule is that of ngpu_lib/environments.py; tests/test_tape_environments.py compares them.

const WAYS = [["left", 0, -1, "ArrowLeft", "←"], ["right", 0, 1, "ArrowRight", "→"], ["up", -1, 0, "ArrowUp", "↑"], ["down", 1, 0, "ArrowDown", "↓"]];

/** An episode: `start` gives its state, `step` the next one, writing before it moves. */
const tapeWorld = (grid, target, base, column) => {
  const n = grid[0].length;
  const limit = 8 * (n + 2);
  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
  const seen = ({ row, column }) => row * (base + 1) + (column >= 0 && column < n ? grid[row][column] : base);
  const start = () => ({ row: 0, column, written: [], time: 0, paid: 0, reward: 0, over: false, cut: false });
  function step(state, [move, symbol]) {
    const written = [...state.written];
    let [reward, over] = [0, false];
    if (symbol < base) {
      const right = target[written.length] === symbol;
      written.push(symbol);
      reward = right ? 1 : 0;
      over = !right || written.length === target.length;
    }
    const time = state.time + 1;
    const place = { row: clamp(state.row + WAYS[move][1], 0, grid.length - 1), column: clamp(state.column + WAYS[move][2], -1, n) };
    return { ...place, written, time, reward, paid: state.paid + reward, over, cut: !over && time >= limit };
  }
  return { start, step, seen, limit };
};

function render({ model, el }) {
  const { root, tell, title } = openWidget(el, model, "drive");
  const save = saver(model);
  const [grid, target, base] = ["grid", "target", "base"].map((name) => model.get(name));
  const n = grid[0].length;
  const world = tapeWorld(grid, target, base, model.get("column"));
  const ways = WAYS.slice(0, 2 * grid.length);
  let pen = base; // what the next move writes; `base` writes nothing
  const name = (s) => (s === base ? "nothing" : String(s));
  const pens = Array.from({ length: base + 1 }, (_, s) => button(s === base ? "nothing" : String(s), () => choose(s), { "aria-pressed": "false" }));
  const choose = (s) => { pen = s; draw(); };
  const act = (move) => {
    if (play().at(-1).over || play().at(-1).cut) return;
    const symbol = pen;
    pen = base;
    model.set("actions", [...model.get("actions"), [move, symbol]]);
    save();
  };
  const keys = make("div", { tabindex: 0, class: "ngpu-scroll", role: "application", "aria-label": `${title}: arrow keys move, digits choose what is written with the next move, Backspace begins again` });
  const again = () => { pen = base; model.set("actions", []); save(); };
  keys.addEventListener("keydown", (event) => {
    const move = ways.findIndex((way) => way[3] === event.key);
    const digit = /^[0-9]$/.test(event.key) ? Number(event.key) : -1;
    if (move >= 0) act(move);
    else if (digit >= 0 && digit < base) choose(digit);
    else if (event.key === "Backspace") again();
    else return;
    event.preventDefault();
  });
  const CELL = 40, WIDTH = Math.max((n + 2) * CELL, target.length * CELL) + 90, TALL = grid.length * CELL + 96;
  const board = svg("svg", { viewBox: `0 0 ${WIDTH} ${TALL}`, style: `width:100%;min-width:300px;max-width:${WIDTH}px;height:auto`, role: "img" });
  keys.append(board);
  const readout = make("p", { class: "ngpu-readout" });
  root.append(
    bar(make("span", {}, "write"), ...pens, make("span", {}, "and move"), ...ways.map((way, k) => button(way[4], () => act(k), { "aria-label": `move ${way[0]}` })), button("again", again)),
    keys, readout,
  );
  const play = () => model.get("actions").reduce((states, action) => {
    const last = states.at(-1);
    return last.over || last.cut ? states : [...states, world.step(last, action)];
  }, [world.start()]);
  const cell = (x, y, text, more = {}) => [
    svg("rect", { x, y, width: CELL - 4, height: CELL - 4, rx: 4, fill: "none", stroke: "currentColor", "stroke-opacity": 0.35, ...more }),
    svg("text", { x: x + (CELL - 4) / 2, y: y + 25, "text-anchor": "middle", style: "font:18px ui-monospace,'DejaVu Sans Mono',monospace" }, text),
  ];
  function draw() {
    const state = play().at(-1);
    const parts = [svg("text", { x: 2, y: 26, style: "font-size:12px" }, grid.length > 1 ? "numbers" : "tape"), svg("text", { x: 2, y: TALL - 56, style: "font-size:12px" }, "written")];
    grid.forEach((row, r) => {
      for (let c = -1; c <= n; c++) {
        const here = r === state.row && c === state.column;
        parts.push(...cell(70 + (c + 1) * CELL, 4 + r * CELL, c < 0 || c === n ? "·" : String(row[c]), here ? { stroke: OKABE[3], "stroke-opacity": 1, "stroke-width": 3 } : {}));
      }
    });
    state.written.forEach((symbol, k) => {
      const good = symbol === target[k];
      parts.push(...cell(70 + k * CELL, TALL - 80, `${symbol}`, { stroke: good ? OKABE[2] : OKABE[3], "stroke-opacity": 1, "stroke-width": 2 }));
      parts.push(svg("text", { x: 70 + k * CELL + 18, y: TALL - 28, "text-anchor": "middle", style: "font-size:12px" }, good ? "+1" : "end"));
    });
    board.replaceChildren(...parts);
    const shown = world.seen(state) % (base + 1);
    const end = state.over ? (state.paid === target.length ? " The whole answer is there." : " Wrong: the episode is over.") : state.cut ? " Too many steps: the episode is over." : ` The next move writes ${name(pen)}.`;
    const words = `The head sees ${shown === base ? "a blank" : shown}. Step ${state.time}, paid ${state.paid} of ${target.length}.${end}`;
    readout.textContent = words;
    board.setAttribute("aria-label", words);
    pens.forEach((button, s) => button.setAttribute("aria-pressed", String(s === pen)));
    root.dataset.state = [state.row, state.column, state.time, state.paid].join(" ");
    tell(() => words);
  }
  const stop = listen(model, ["actions"], draw);
  draw();
  return stop;
}
export default { render };
