// Prints the tokens per second of llama.cpp as node-llama-cpp has it: one untimed run, then one.
//   NODE_LLAMA_CPP=DIR node node-llama-cpp.mjs MODEL THREADS PROMPT GENERATE
// DIR: where `npm install node-llama-cpp` was run. One of PROMPT and GENERATE is 0.
import path from "node:path";
import {pathToFileURL} from "node:url";

const directory = process.env.NODE_LLAMA_CPP;
if (!directory || process.argv.length !== 6) {
  console.error("usage: NODE_LLAMA_CPP=DIR node node-llama-cpp.mjs MODEL THREADS PROMPT GENERATE");
  process.exit(2);
}
const module = path.join(path.resolve(directory), "node_modules", "node-llama-cpp", "dist", "index.js");
const {getLlama} = await import(pathToFileURL(module));
const [modelPath, threads, prompt, generate] = [process.argv[2], ...process.argv.slice(3).map(Number)];

const llama = await getLlama({gpu: false, build: "never", maxThreads: 0, logLevel: "error"});
const model = await llama.loadModel({modelPath});
const length = Math.max(prompt, generate);
const context = await model.createContext({contextSize: length + 16, batchSize: Math.max(length, 16), threads});
const sequence = context.getSequence();

// The same pseudo-random tokens each time, away from the control tokens at the ends of the vocabulary.
const tokens = Array.from({length: Math.max(prompt, 1)}, (_, i) => 300 + ((i * 7919) % 20000));

async function run() {
  await sequence.clearHistory();
  const begin = performance.now();
  if (prompt > 0) {
    await sequence.evaluateWithoutGeneratingNewTokens(tokens);
    return (1000 * prompt) / (performance.now() - begin);
  }
  let n = 0;
  for await (const token of sequence.evaluate(tokens, {temperature: 0, yieldEogToken: true})) {
    if (token !== undefined && ++n === generate) break;
  }
  if (n !== generate) throw new Error(`${n} tokens of ${generate}`);
  return (1000 * generate) / (performance.now() - begin);
}

await run();
console.log(await run());
process.exit(0);
