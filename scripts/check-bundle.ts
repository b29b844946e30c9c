import { measureBundle } from "./bundle-size.ts";
import { fail } from "./failure.ts";

/*
 * Bundles what `npm run deploy` would upload and holds its size against a bound of our own, far below the platform's, so
 * that a package that brings half a megabyte is noticed on the day it comes. Exits 1 above it.
 */

const KIB = 1_024;
const MOST_KIB = 400;
const PARTS_SHOWN = 5;

const { bytes, gzipBytes, parts } = await measureBundle().catch(fail);
const shown = parts.slice(0, PARTS_SHOWN).map((part) => `${part.name} ${kib(part.bytes)}`);
console.log(
  `bundle: ${kib(gzipBytes)} KiB gzip of at most ${MOST_KIB}, ${kib(bytes)} plain; most of it ${shown.join(", ")}`,
);
if (gzipBytes > MOST_KIB * KIB) {
  console.error(`the Worker is larger than ${MOST_KIB} KiB: see “Size” in docs/deploying.md`);
  process.exitCode = 1;
}

function kib(count: number): string {
  return (count / KIB).toFixed(0);
}
