#!/usr/bin/env node
// The command-line tool `spillway`.
import "./node-version.mjs";

await import("./cli/main.ts");
