// Ends at once with an explanation where Node is too old for what imports this. Plain JavaScript, so that a Node which
// cannot run TypeScript says what is missing instead of "Unknown file extension".
const OLDEST = [22, 18];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  console.error(`Spillway needs Node ${OLDEST.join(".")} or newer; this is Node ${process.versions.node}.`);
  process.exit(1);
}
