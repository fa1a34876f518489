// node asyncapi.mjs FOLDER DOCUMENT: what AsyncAPI's parser, of the folder's node_modules, has to say of a document.
// JSON on standard output: {valid, said: [{severity, code, message, path}]}; severity 0 is an error, 1 a warning.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, document] = process.argv.slice(2);
const { Parser } = createRequire(`${folder}/`)("@asyncapi/parser");
const parsed = await new Parser().parse(readFileSync(document, "utf8"));
const said = parsed.diagnostics.map(({ severity, code, message, path }) => ({ severity, code, message, path }));
console.log(JSON.stringify({ valid: parsed.document !== undefined, said }));
