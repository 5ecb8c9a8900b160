// A network at work for a widget: in a thread of its own, with progress and cancel, or here where threads are forbidden.

/** What the thread does: answers {id, type, ...} by {id, result}, {id, error} or, meanwhile, {id, step, steps}. */
function serve(Networks, post) {
  let machine = null;
  let running = 0;
  let cancelled = 0;
  const pause = () => new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { port1.close(); done(); };
    port2.postMessage(0);
  });
  const jobs = {
    load: ({ network, bytes }) => { machine = Networks.build(network, bytes); return {}; },
    image: ({ image }) => ({ answer: Array.from(machine.forward(image)) }),
    copy: ({ inputs, rows }) => machine.run(inputs, rows),
    /** A run over a tape: what would be read at every step, and the states, (T + 1, C, W, L), where they are wanted. */
    async tape({ id, word, steps, states: wanted }) {
      machine.start(word);
      const L = word.length;
      const size = machine.C * machine.W * L;
      const states = wanted ? new Float32Array((steps + 1) * size) : null;
      const read = new Uint8Array((steps + 1) * L);
      let rested = performance.now();
      for (let t = 0; t <= steps; t++) {
        if (t) machine.step();
        if (states) machine.state(states, t * size);
        read.set(machine.read(), t * L);
        if (performance.now() - rested > 40) {
          post({ id, step: t, steps });
          await pause();
          if (cancelled >= id) throw new Error("cancelled");
          rested = performance.now();
        }
      }
      return { states, read, shape: [steps + 1, machine.C, machine.W, L], cost: machine.cost(L, steps) };
    },
  };
  let last = Promise.resolve();
  return (message) => {
    if (message.type === "cancel") { cancelled = Math.max(cancelled, message.id); return; }
    last = last.then(async () => {
      const { id } = message;
      if (cancelled >= id && message.type !== "load") { post({ id, error: "cancelled" }); return; }
      running = performance.now();
      try {
        const result = await jobs[message.type](message);
        result.ms = performance.now() - running;
        post({ id, result }, [result.states?.buffer, result.read?.buffer].filter(Boolean));
      } catch (error) { post({ id, error: error.message }); }
    });
  };
}

/** The thread's program as text: the networks, what serves them, and the line between. */
function threadSource() {
  return `${arrays}\n${networks}\n${serve}\nself.onmessage = ((handle) => (event) => handle(event.data))(serve(networks(), (message, moved) => self.postMessage(message, moved)));`;
}

/** Bytes of a network's weights: what came with it, or what the page's own site has under its name. */
async function weightsOf(network, model) {
  if (network.data) return bytes(network.data);
  if (network.file && model.weights) return model.weights(network.file);
  throw new Error("The weights did not come along with this page.");
}

/**
 * A network for a widget. `ask(type, message, onProgress)` is a promise of the result; a new question cancels
 * the one before it (which then is null). `estimate(L, steps)`: milliseconds that a run will take, by what runs took so far.
 */
function machineOf(network, model) {
  let id = 0;
  let post = null;
  let thread = null;
  let loading = null;
  let speed = 0; // multiplications a millisecond: the best so far, for a first run is slow
  const waiting = new Map();
  const hear = (message) => {
    const job = waiting.get(message.id);
    if (!job) return;
    if (message.step !== undefined) { job.onProgress?.(message.step, message.steps); return; }
    waiting.delete(message.id);
    if (message.error === "cancelled") job.done(null);
    else if (message.error) job.fail(new Error(message.error));
    else job.done(message.result);
  };
  const open = () => {
    try {
      const url = URL.createObjectURL(new Blob([threadSource()], { type: "text/javascript" }));
      thread = new Worker(url);
      thread.onmessage = (event) => hear(event.data);
      thread.onerror = (event) => { // forbidden here: the same program in the page itself
        event.preventDefault();
        thread = null;
        const handle = (post = serve(networks(), hear));
        for (const { message } of [...waiting.values()]) handle(message);
      };
      post = (message) => thread.postMessage(message);
    } catch { post = serve(networks(), hear); }
  };
  const send = (type, message, onProgress) => new Promise((done, fail) => {
    id += 1;
    const whole = { ...message, type, id };
    waiting.set(id, { done, fail, onProgress, message: whole });
    post(whole);
  });
  const load = () => {
    loading ??= (async () => {
      const found = await weightsOf(network, model);
      const { data, ...rest } = network;
      if (!post) open();
      await send("load", { network: rest, bytes: found });
    })().catch((error) => {
      loading = null; // a later try may succeed
      throw error;
    });
    return loading;
  };
  const cancel = () => post?.({ type: "cancel", id });
  async function ask(type, message, onProgress) {
    const mine = (ask.latest = (ask.latest || 0) + 1);
    await load();
    if (mine !== ask.latest) return null;
    cancel();
    const result = await send(type, message, (step, steps) => { if (mine === ask.latest) onProgress?.(step, steps); });
    if (mine !== ask.latest) return null;
    if (result?.cost > 2e7) speed = Math.max(speed, result.cost / result.ms);
    return result;
  }
  const perCell = () => ((network.bytes || 0) / 4) * 0.99; // nearly every weight multiplies once a cell and step
  return {
    ask, load, cancel: () => { ask.latest = (ask.latest || 0) + 1; cancel(); },
    estimate: (L, steps) => (perCell() * L * steps) / (speed || 3e6),
    close: () => { thread?.terminate(); thread = null; },
  };
}

// Words of a task: what is typed, what is right.

const MOST_BITS = 256; // of a number, in a page
const MOST_SYMBOLS = 400; // of a word

/** "34 ms", "1.2 s", "3 minutes". */
function duration(ms) {
  if (ms < 995) return `${Math.max(1, Math.round(ms))} ms`;
  return ms < 99_500 ? `${(ms / 1000).toPrecision(2)} s` : `${Math.round(ms / 60_000)} minutes`;
}

/** Steps of a run over L cells. */
const stepsOf = (network, L) => network.settings.steps ?? L + (network.settings.extra_steps ?? 0);

const bitsOf = (value, count) => Array.from({ length: count }, (_, k) => Number((value >> BigInt(k)) & 1n));
const fromBits = (bits) => bits.reduceRight((sum, bit) => sum * 2n + BigInt(bit), 0n);

/** The word for two numbers, lowest bit first; throws a sentence where a number cannot be taken. */
function arithmeticWord(network, a, b, fewest = 1, machine = null) {
  const needed = Math.max(1, a.toString(2).length, b.toString(2).length);
  if (needed > MOST_BITS) {
    const L = 2 * needed + 1;
    const time = machine ? `; this one, of ${needed.toLocaleString("en")} bits, would take about ${duration(machine.estimate(L, stepsOf(network, L)))}` : "";
    throw new Error(`In a page a number has at most ${MOST_BITS} bits (about 77 digits)${time}. A notebook takes longer ones.`);
  }
  const count = Math.max(needed, fewest);
  return [...bitsOf(a, count).map((d) => d + 1), network.task.symbols.length - 1, ...bitsOf(b, count).map((d) => d + 1)];
}
/** The word for typed symbols; throws a sentence where one is unknown. */
function symbolWord(network, text, machine = null) {
  const { symbols, cells } = network.task;
  const typed = [...text.replace(/\s/g, "")];
  const known = symbols.slice(1);
  const odd = typed.find((c) => !known.includes(c));
  if (!typed.length || odd) throw new Error(`${odd ? `“${odd}” is no symbol of this network. ` : ""}Type symbols from ${known[0]} to ${known.at(-1)}.`);
  if (typed.length > MOST_SYMBOLS) {
    const L = cells * typed.length;
    const time = machine ? `; ${typed.length} would take about ${duration(machine.estimate(L, stepsOf(network, L)))}` : "";
    throw new Error(`In a page a word has at most ${MOST_SYMBOLS} symbols${time}.`);
  }
  return [...typed.map((c) => symbols.indexOf(c)), ...Array((cells - 1) * typed.length).fill(0)];
}
/** The right answer, as symbol numbers; null for a task that is not known here. */
function rightAnswer({ name, sign }, word) {
  if (sign) {
    const d = (word.length - 1) / 2;
    const [a, b] = [word.slice(0, d), word.slice(d + 1)].map((part) => fromBits(part.map((s) => s - 1)));
    return bitsOf(sign === "+" ? a + b : a * b, word.length).map((bit) => bit + 1);
  }
  const rules = {
    copy: (w) => w, reverse: (w) => [...w].reverse(), sort: (w) => [...w].sort((a, b) => a - b),
    duplicate: (w) => [...w.slice(0, w.length / 2), ...w.slice(0, w.length / 2)],
    "repeat-even": (w) => w.map((_, k) => w[k - (k % 2)]),
  };
  return rules[name]?.(word) ?? null;
}
