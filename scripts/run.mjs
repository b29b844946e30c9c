// Runs a script of this folder by its name: `node scripts/run.mjs start`.
import "./node-version.mjs";

await import(new URL(`./${process.argv[2]}.ts`, import.meta.url));
