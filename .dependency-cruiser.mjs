/** The arrows of the house: who may import whom. The folder tree tells the architecture; this file enforces it. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: from },
  to: {
    pathNot: [...allowed, "^node:", "^cloudflare:", "node_modules"],
    dependencyTypesNot: ["npm", "npm-dev", "core"],
  },
});

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-circles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "no-orphans", severity: "error", from: { orphan: true, pathNot: "\\.d\\.ts$" }, to: {} },
    { name: "not-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: "^cloudflare:" } },
    {
      name: "core-imports-nothing",
      comment: "The core is pure: no package, no platform, nothing else of the house.",
      severity: "error",
      from: { path: "^src/core/" },
      to: { pathNot: "^src/core/" },
    },
    only("protocol", "^src/protocol/", ["^src/protocol/", "^src/core/"], "protocol → core"),
    only("catalog", "^src/catalog/", ["^src/catalog/", "^src/core/"], "catalog → core"),
    only("ledger", "^src/ledger/", ["^src/ledger/", "^src/core/", "^src/sha256"], "ledger → core"),
    only("objects", "^durable-objects/", ["^durable-objects/", "^src/core/", "^src/sha256"], "durable-objects → core"),
    only(
      "http",
      "^src/http/",
      ["^src/(http|ledger|catalog|protocol|core)/", "^src/(env|sha256)\\.ts", "^durable-objects/"],
      "http: what every face shares; it knows none of them",
    ),
    only("wire", "^src/wire/", ["^src/(wire|ledger|core)/", "^durable-objects/commands"], "wire → ledger, core"),
    {
      name: "faces-stand-apart",
      comment:
        "account and admin are put together in app.ts; nobody else knows them, but for the schemas of their bodies.",
      severity: "error",
      from: { pathNot: "^src/(account|admin)/|^src/(app|worker)\\.ts$" },
      to: { path: "^src/(account|admin)/", pathNot: "schemas\\.ts$" },
    },
    only(
      "openapi",
      "^src/openapi/",
      [
        "^src/(openapi|http|catalog|core)/",
        "^src/protocol/denial\\.ts",
        "^src/[a-z]+/[a-z-]*schemas\\.ts$",
        "^src/sha256",
      ],
      "the API document is made of the schemas by which the faces check what they are sent",
    ),
    {
      name: "document-only-from-the-app",
      severity: "error",
      from: { pathNot: "^src/openapi/|^src/app\\.ts$|^client/" },
      to: { path: "^src/openapi/" },
    },
    {
      name: "client-runs-anywhere",
      comment:
        "The client takes types from the gateway, which are erased, and needs no package and no platform to run.",
      severity: "error",
      from: { path: "^client/" },
      to: { pathNot: "^client/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "proxy-only-from-the-app",
      severity: "error",
      from: { pathNot: "^src/proxy/|^src/(app|worker)\\.ts$" },
      to: { path: "^src/proxy/" },
    },
    only(
      "dashboard",
      "^src/dashboard/",
      ["^src/(dashboard|http|catalog|ledger|wire|core)/", "^src/(env|sha256)", "^durable-objects/(commands|client)"],
      "dashboard: pages; what they change, they change through the API or through what the faces share",
    ),
    {
      name: "dashboard-only-from-the-app",
      severity: "error",
      from: { pathNot: "^src/dashboard/|^src/app\\.ts$" },
      to: { path: "^src/dashboard/" },
    },
    only(
      "payments",
      "^src/payments/",
      ["^src/(payments|http|catalog|ledger|wire|core)/", "^src/(env|sha256)\\.ts", "^durable-objects/"],
      "payments: a face with tables of its own; what others want to hear of it is given to it from outside",
    ),
    only(
      "alerts",
      "^src/alerts/",
      ["^src/(alerts|http|catalog|ledger|wire|core)/", "^src/(env|sha256)\\.ts", "^durable-objects/"],
      "alerts: a face with tables of its own",
    ),
    {
      name: "payments-and-alerts-only-from-the-worker",
      comment: "They are put together in app.ts and worker.ts; env.ts names the messages of their queues.",
      severity: "error",
      from: { pathNot: "^src/(payments|alerts)/|^src/(app|worker)\\.ts$" },
      to: { path: "^src/(payments|alerts)/", pathNot: "schemas\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "drizzle-stays-in-the-databases",
      severity: "error",
      from: { pathNot: "^src/(catalog|ledger|payments|alerts)/" },
      to: { path: "drizzle-orm" },
    },
    {
      name: "platform-only-in-objects-and-worker",
      severity: "error",
      from: { pathNot: "^(src/worker|durable-objects/(account-object|request-timers))" },
      to: { path: "^cloudflare:" },
    },
    {
      name: "simulator-stands-alone",
      severity: "error",
      from: { path: "^simulator/" },
      to: { path: "^(src|durable-objects)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default"] },
  },
};
