// Holds custom resources (JSON objects, one a line, on standard input) against the schemas of those who define them:
// by their validators, which know what is required, and by TypeScript, which knows what there is not.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const require = createRequire(join(folder, "x.js"));
const MODULES = {
  ScaledObject: "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject",
  ServiceMonitor: "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor",
  PrometheusRule: "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule",
};
const problems = [];
const sources = [];
const objects = readFileSync(0, "utf-8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
for (const [number, object] of objects.entries()) {
  const module = MODULES[object.kind];
  if (!module) {
    problems.push(`${object.kind}: no schema`);
    continue;
  }
  try {
    const path = pathToFileURL(join(folder, "node_modules", `${module}.js`));
    new ((await import(path))[object.kind])(object).validate();
  } catch (error) {
    problems.push(`${object.kind} ${object.metadata?.name}: ${error.message}`);
  }
  sources.push(`import { I${object.kind} as T${number} } from "${module}";`);
  sources.push(`export const o${number}: T${number} = ${JSON.stringify(object)};`);
}
const file = join(folder, "objects.ts");
writeFileSync(file, sources.join("\n") + "\n");
const ts = require("typescript");
const options = { noEmit: true, strict: true, skipLibCheck: true, types: [], module: ts.ModuleKind.ESNext };
options.moduleResolution = ts.ModuleResolutionKind.Bundler;
options.target = ts.ScriptTarget.ES2022;
const program = ts.createProgram([file], options);
for (const found of ts.getPreEmitDiagnostics(program)) {
  problems.push(ts.flattenDiagnosticMessageText(found.messageText, "\n"));
}
process.stdout.write(problems.join("\n"));
process.exit(problems.length ? 1 : 0);
