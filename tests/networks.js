// Compares the page's networks with golden files that Python wrote: largest difference of any state, answers equal.
// Used by Node (node tests/networks.js NETWORKS.JS GOLDEN.JSON...) and, the function alone, by a browser.

function compareWithPython(Networks, { network, runs }) {
  const bytes = Uint8Array.from(atob(network.data), (c) => c.charCodeAt(0));
  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const machine = Networks.build(network, bytes);
  const far = (found, wanted) => found.reduce((most, v, k) => Math.max(most, Math.abs(v - wanted[k])), found.length === wanted.length ? 0 : Infinity);
  const result = { furthest: 0, answers: true, ways: [] };
  for (const run of runs) {
    if (network.kind === "ImageNetwork") {
      result.furthest = Math.max(result.furthest, far(machine.forward(floats(run.image)), run.answer));
    } else if (network.kind === "NTM") {
      const found = machine.run(run.inputs);
      for (const [name, key] of [["answers", "answers"], ["addresses", "addresses"], ["memory", "memory"]]) {
        result.furthest = Math.max(result.furthest, far(found[name].flat(2).flatMap((v) => (v.length === undefined ? v : [...v])), floats(run[key])));
      }
    } else {
      for (const plain of [false, true]) {
        machine.start(run.word, plain);
        result.ways.push(machine.simd ? "simd" : "plain");
        const states = floats(run.states);
        const size = machine.C * machine.W * machine.L;
        for (let t = 0; t <= run.steps; t++) {
          if (t) machine.step();
          result.furthest = Math.max(result.furthest, far(machine.state(), states.subarray(t * size, (t + 1) * size)));
          result.answers &&= String(machine.read()) === String(run.read[t]);
        }
      }
    }
  }
  return result;
}

if (typeof require === "function" && typeof process !== "undefined") {
  const fs = require("fs");
  const [source, ...files] = process.argv.slice(2);
  const Networks = new Function(`${fs.readFileSync(source, "utf8")}; return networks();`)();
  console.log(JSON.stringify(files.map((file) => compareWithPython(Networks, JSON.parse(fs.readFileSync(file, "utf8"))))));
}
