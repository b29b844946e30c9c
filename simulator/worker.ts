import { createSimulator } from "./app.ts";

const simulator = createSimulator();

export default { fetch: simulator.fetch };
