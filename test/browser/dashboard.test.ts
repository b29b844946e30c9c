import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { seedCatalog } from "../../scripts/catalog-seed.ts";
import { type Customer, endedReceipt, until } from "../system/customer.ts";
import { freePort, GatewayProcess } from "../system/gateway-process.ts";
import { lookAt, noBrowser, openBrowser, SCREENS, screenshot, visitWith } from "./chromium.ts";

const ADMIN_TOKEN = "operator-of-the-browser-test";
const PLAN = {
  name: "Small",
  features: { codex: { models: ["*"] } },
  gates: [{ id: "in-flight", unit: "concurrency", limit: 12 }],
  allowances: [
    {
      id: "codex-included",
      features: ["codex"],
      unit: "credits",
      windows: [
        { kind: "anchored", period: "5h", limit: "0.05" },
        { kind: "calendar", period: "month", time_zone: "Europe/Berlin", limit: "5" },
      ],
    },
  ],
};

let stateDir: string;
let gateway: GatewayProcess;
let browser: Browser;
let customer: Customer;
/** A request that was paid by the allowance and by a grant. */
let requestId: string;

if (noBrowser !== null) console.warn(`The dashboard is not looked at in a browser: ${noBrowser}.`);

describe.skipIf(noBrowser !== null)("the dashboard in a browser", () => {
  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "spillway-browser-"));
    gateway = await GatewayProcess.start({ port: await freePort(), stateDir, adminToken: ADMIN_TOKEN });
    const admin = new AdminClient(gateway.url, ADMIN_TOKEN);
    await seedCatalog(admin);
    await admin.request("PUT", "/admin/plans/small", { body: PLAN });
    customer = await makeShowcase(admin);
    requestId = await used(customer);
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await gateway?.kill();
    await rm(stateDir, { recursive: true, force: true });
  });

  it("refuses a wrong key in words, and takes a right one", async () => {
    await visit({}, async (page) => {
      await page.goto(`${gateway.url}/dashboard/requests`);
      await page.getByLabel("API key").fill("sk-spill-wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      expect(await page.getByRole("alert").textContent()).toContain("not a key of this gateway");
      await page.getByLabel("API key").fill(customer.key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("heading", { name: "Requests", level: 1 }).waitFor();
    });
  });

  it("shows limits with a live countdown, and credits in the order in which they burn", async () => {
    await signedIn({}, async (page) => {
      const bar = page.getByRole("img", { name: /^5 hours: 0\.00 of 0\.05 credits left/ });
      await expect.poll(() => bar.count()).toBe(1);
      await expect.poll(() => page.getByText(/resets in 4 h 5\d min/).count()).toBe(1);
      await expect.poll(() => page.getByText("Month in Europe/Berlin").count()).toBe(1);
      const order = await page.locator(".grants > li strong").allTextContents();
      expect(order).toEqual(["Promotional", "Paid"]);
      const cell = page.locator("time[data-countdown]").first();
      expect(await cell.getAttribute("title")).toContain(await cell.getAttribute("datetime"));
    });
  });

  it("leads from the list to a receipt whose picture says who was asked and who paid", async () => {
    await signedIn({}, async (page) => {
      await page.getByRole("link", { name: "Requests", exact: true }).first().click();
      await page.getByLabel("Request id").fill(requestId);
      await page.getByRole("button", { name: "Search" }).click();
      await page.locator(`a[href$="${requestId}"]`).click();
      const pictures = await page.locator(".waterfall svg").all();
      const steps = await Promise.all(pictures.map((picture) => picture.getAttribute("aria-label")));
      expect(steps[0]).toMatch(/^codex-included: paid 0\.05/);
      expect(steps[1]).toMatch(/^Welcome: paid 0\.\d+/);
      expect(await page.locator(".sentence").textContent()).toMatch(/^Allowed: .* from the grant “Welcome”/);
      await page.getByRole("link", { name: "This receipt as JSON" }).click();
      expect(JSON.parse((await page.textContent("body")) ?? "")).toMatchObject({ request_id: requestId });
    });
  });

  it("makes a key, shows it once, rolls it with an overlap, and revokes it", async () => {
    await signedIn({}, async (page) => {
      await page.goto(`${gateway.url}/dashboard/keys`);
      await page.getByLabel("Name").fill("Laptop <b>");
      await page.getByLabel(/make and revoke keys/).uncheck();
      await page.getByRole("button", { name: "Make the key" }).click();
      const made = ((await page.locator("#secret").textContent()) ?? "").trim();
      expect((await asked(made)).status).toBe(200);
      await screenshot(page, "dashboard-new-key");
      await page.getByRole("link", { name: "I have stored it" }).click();
      expect(await page.textContent("body")).not.toContain(made);

      await rowOf(page, made).getByLabel("Roll Laptop <b>").click();
      await rowOf(page, made).getByLabel("The old key ends").selectOption({ label: "after 1 hour" });
      await rowOf(page, made).getByRole("button", { name: "Make the new key" }).click();
      const rolled = ((await page.locator("#secret").textContent()) ?? "").trim();
      await expect.poll(() => page.getByText("works on until").count()).toBe(1);
      for (const key of [made, rolled]) expect((await asked(key)).status).toBe(200);

      await page.goto(`${gateway.url}/dashboard/keys`);
      await rowOf(page, rolled).getByLabel("Revoke Laptop <b>").click();
      await rowOf(page, rolled).getByRole("button", { name: "Revoke it now" }).click();
      await page.getByText("The key is revoked.").waitFor();
      expect((await asked(rolled)).status).toBe(401);
    });
  });

  // The key of the first form would be shown to nobody.
  it("sends a form once, however fast its button is clicked", async () => {
    await signedIn({}, async (page) => {
      await page.goto(`${gateway.url}/dashboard/keys`);
      let sent = 0;
      await page.route("**/dashboard/keys", async (route) => {
        sent += 1;
        await new Promise((resolve) => setTimeout(resolve, 500));
        await route.continue().catch(() => undefined);
      });
      const button = await page.getByRole("button", { name: "Make the key" }).boundingBox();
      const [x, y] = [(button?.x ?? 0) + 10, (button?.y ?? 0) + 10];
      await page.mouse.click(x, y);
      await page.waitForTimeout(150);
      await page.mouse.click(x, y);
      await page.getByRole("heading", { name: "New key" }).waitFor();
      expect(sent).toBe(1);
    });
  });

  it("exports the ledger, checks it, and sees a revoked key end the session", async () => {
    const own = await new AdminClient(gateway.url, ADMIN_TOKEN).request("POST", `/admin/accounts/${customer.id}/keys`, {
      body: { name: "short-lived" },
    });
    const { id, key } = own as { id: string; key: string };
    await signedIn({ key }, async (page) => {
      await page.goto(`${gateway.url}/dashboard/ledger`);
      expect(await exported(page, "Export as CSV")).toMatch(/^seq,draw,at,kind,/);
      expect(await exported(page, /Export as NDJSON/)).toContain(customer.id);
      await page.getByRole("button", { name: "Check every entry now" }).click();
      await page.getByText("verified").waitFor();
      await fetch(`${gateway.url}/api/keys/${id}`, {
        method: "DELETE",
        headers: { authorization: `Bearer ${customer.key}` },
      });
      await page.reload();
      await page.getByText(/session has ended/).waitFor();
    });
  });

  it("says where no payments are taken, and offers nothing that does not work", async () => {
    await signedIn({}, async (page) => {
      await page.goto(`${gateway.url}/dashboard/credits`);
      await page.getByText("This gateway takes no payments").waitFor();
      await expect.poll(() => page.locator("main button").count()).toBe(0);
    });
  });

  it("tells times in the viewer's zone, and in UTC without scripts", async () => {
    const path = `/dashboard/requests/${requestId}`;
    const first = "time[data-local]";
    await signedIn({ timezoneId: "Asia/Tokyo", locale: "en-GB" }, async (page) => {
      await page.goto(gateway.url + path);
      const time = page.locator(first).first();
      const iso = (await time.getAttribute("datetime")) ?? "";
      const hour = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Tokyo", timeStyle: "short" }).format(
        Date.parse(iso),
      );
      expect(await time.textContent()).toContain(hour);
      expect(await time.getAttribute("title")).toContain(iso);
    });
    await signedIn({ javaScriptEnabled: false }, async (page) => {
      await page.goto(gateway.url + path);
      expect(await page.locator(first).first().textContent()).toMatch(/ UTC$/);
      await page.goto(`${gateway.url}/dashboard`);
      await expect.poll(() => page.getByText(/resets\s+at .* UTC/).count()).toBeGreaterThan(0);
    });
  });

  for (const screen of SCREENS) {
    it(`fits, and has no fault of accessibility: ${screen.name}`, async () => {
      const { name, ...options } = screen;
      await visit(options, async (page) => {
        await page.goto(`${gateway.url}/dashboard/sign-in`);
        await lookAt(page, `dashboard-${name}-sign-in`);
      });
      await signedIn(options, async (page) => {
        const paths = [
          "",
          "/usage",
          "/usage?by=feature&days=7",
          "/requests",
          `/requests/${requestId}`,
          "/ledger",
          "/credits",
          "/alerts",
          "/keys",
          "/setup",
          "/none",
        ];
        for (const path of paths) {
          await page.goto(`${gateway.url}/dashboard${path}`);
          await lookAt(page, `dashboard-${name}${path.replace(/[/?&=]/g, "-").replace(requestId, "receipt")}`);
        }
      });
    });
  }
});

type Options = BrowserContextOptions & { readonly key?: string };

function visit({ key: _, ...options }: Options, look: (page: Page) => Promise<void>): Promise<void> {
  return visitWith(browser, options, look);
}

async function signedIn(options: Options, look: (page: Page) => Promise<void>): Promise<void> {
  await visit(options, async (page) => {
    await page.goto(`${gateway.url}/dashboard/sign-in`);
    await page.getByLabel("API key").fill(options.key ?? customer.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    await look(page);
  });
}

/** The row of a key in the list. */
function rowOf(page: Page, key: string): Locator {
  return page.getByRole("row").filter({ hasText: /key_[0-9A-Za-z]{12}/.exec(key)?.[0] ?? "no key" });
}

async function exported(page: Page, name: string | RegExp): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()]);
  return readFile(await download.path(), "utf8");
}

/** An account with both kinds of credits, keys with odd names, and some history. */
async function makeShowcase(admin: AdminClient): Promise<Customer> {
  const { id } = (await admin.request("POST", "/admin/accounts", { body: { plan: "small" } })) as { id: string };
  const { key } = (await admin.request("POST", `/admin/accounts/${id}/keys`, { body: { name: "showcase" } })) as {
    key: string;
  };
  const grants = [
    { amount: "25", kind: "paid", reason: "Order 1001" },
    {
      amount: "5",
      kind: "promotional",
      reason: "Welcome",
      expires_at: new Date(Date.now() + 86_400_000).toISOString(),
    },
  ];
  for (const body of grants) {
    await admin.request("POST", `/admin/accounts/${id}/grants`, { body, idempotencyKey: body.kind });
  }
  return { id, key };
}

function asked(key: string, model = "gpt-5.4-mini", words = 10): Promise<Response> {
  return fetch(`${gateway.url}/v1/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, input: "Hello ".repeat(words), max_output_tokens: 1_000 }),
  });
}

/** Makes requests, one of them refused; the id of the first, which several sources paid for. */
async function used(customer: Customer): Promise<string> {
  const first = await asked(customer.key, "gpt-5.4", 3_000);
  const id = first.headers.get("x-request-id") ?? "";
  await asked(customer.key, "gpt-5.4-mini", 400);
  await asked(customer.key, "sora-2");
  await endedReceipt(gateway.url, customer, id);
  await until("the ledger to have it", 30_000, async () => {
    const receipt = await endedReceipt(gateway.url, customer, id);
    return receipt.ledger?.confirmed ? true : null;
  });
  return id;
}
