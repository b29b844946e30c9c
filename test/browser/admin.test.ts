import { createHash } from "node:crypto";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { seedCatalog } from "../../scripts/catalog-seed.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { type Customer, endedReceipt, makeCustomer, until } from "../system/customer.ts";
import { lookAt, noBrowser, openBrowser, SCREENS, screenshot, visitWith } from "./chromium.ts";

const ADMIN_TOKEN = "operator-of-the-console-test";
const OPERATOR = "Ada Lovelace";
const PLAN = {
  name: "Small",
  features: { codex: { models: ["*"] } },
  allowances: [{ id: "included", unit: "credits", windows: [{ kind: "anchored", period: "5h", limit: "0.002" }] }],
};

let gateway: LocalGateway;
let admin: AdminClient;
let browser: Browser;
let customer: Customer;
/** A request that the allowance and a grant have paid. */
let requestId: string;

if (noBrowser !== null) console.warn(`The console is not looked at in a browser: ${noBrowser}.`);

describe.skipIf(noBrowser !== null)("the operators' console in a browser", () => {
  beforeAll(async () => {
    const vars = { SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN, SPILLWAY_KEY_SECRET: "key-secret-of-the-console-test" };
    gateway = await startLocalGateway({ port: 0, withSimulator: true, vars });
    admin = new AdminClient(gateway.url, ADMIN_TOKEN);
    await seedCatalog(admin);
    await admin.request("PUT", "/admin/plans/small", { body: PLAN });
    await admin.request("POST", "/admin/accounts", {
      body: { id: "acct_other", name: "Somebody else", plan: "small" },
    });
    customer = await makeCustomer(admin, { plan: "small", credits: "10" });
    requestId = await used(customer);
    await used(customer);
    await poison();
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await gateway?.dispose();
  });

  it("refuses a wrong token in words, and asks for a name", async () => {
    await visit({}, async (page) => {
      await page.goto(`${gateway.url}/dashboard/admin/plans`);
      await page.getByLabel("Your name").fill(OPERATOR);
      await page.getByLabel("Operator's token").fill("guess");
      await page.getByRole("button", { name: "Sign in" }).click();
      expect(await page.getByRole("alert").textContent()).toContain("not the operator's token");
      await page.getByLabel("Your name").fill(OPERATOR);
      await page.getByLabel("Operator's token").fill(ADMIN_TOKEN);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("heading", { name: "Plans", level: 1 }).waitFor();
      expect(await page.locator(".who").textContent()).toBe(OPERATOR);
    });
  });

  it("finds an account, grants, refunds and suspends, and tells all of it in the log", async () => {
    await signedIn({}, async (page) => {
      await page.getByLabel("Id or name").fill(customer.id.slice(5, 12));
      await page.getByRole("button", { name: "Search" }).click();
      await expect.poll(() => page.getByText("acct_other").count()).toBe(0);
      await page.getByRole("link", { name: customer.id }).click();

      await page.getByText("Grant credits").click();
      const grant = page.locator("details", { hasText: "Grant credits" });
      await grant.getByLabel("Credits").fill("2.5");
      await grant.getByLabel("Reason").fill("Outage on Friday");
      await grant.getByRole("button", { name: "Grant" }).click();
      expect(await page.locator(".notice").textContent()).toContain("The credits were granted");
      await expect
        .poll(() => page.getByRole("row", { name: /promotional Outage on Friday 2\.50 2\.50/ }).count())
        .toBe(1);

      await page.getByRole("link", { name: "Requests" }).click();
      await page.getByLabel("Request id").fill(requestId);
      await page.getByRole("button", { name: "Search" }).click();
      await page.locator(`a[href$="${requestId}"]`).click();
      expect(await page.locator(".sentence").textContent()).toMatch(/^Allowed: .* from the allowance included/);
      await page.getByText("Refund this request").click();
      await page.getByLabel("Reason").fill("Poor answer");
      await page.getByRole("button", { name: "Give back" }).click();
      expect(await page.locator(".notice").textContent()).toContain("given back");

      await page.getByText("Suspend the account").click();
      const suspend = page.locator("details", { hasText: "Suspend the account" });
      await suspend.getByRole("button", { name: "Suspend" }).click();
      // A form without its reason is not even sent.
      expect(await page.locator(".headline .tag").textContent()).toBe("active");
      await suspend.getByLabel("Reason").fill("Chargeback of order 7");
      await suspend.getByRole("button", { name: "Suspend" }).click();
      expect(await page.locator(".headline .tag").textContent()).toBe("suspended");
      expect((await ask(customer)).status).toBe(403);

      await page.getByRole("navigation", { name: "Pages of the account" }).getByRole("link", { name: "Log" }).click();
      const rows = await page.locator("table tbody tr").allInnerTexts();
      expect(rows.slice(0, 3)).toEqual([
        expect.stringMatching(/Ada Lovelace\s+account\.status[\s\S]+Chargeback of order 7/),
        expect.stringMatching(/Ada Lovelace\s+refund\.create[\s\S]+Poor answer/),
        expect.stringMatching(/Ada Lovelace\s+grant\.create[\s\S]+Outage on Friday/),
      ]);
    });
  });

  it("edits a plan: what is wrong with it, what would change, who would have paid what, and then saves", async () => {
    await signedIn({}, async (page) => {
      await page.getByRole("link", { name: "Plans" }).click();
      await page.getByRole("link", { name: "small", exact: true }).click();
      const document = page.getByLabel("Document (JSON)");
      const text = await document.inputValue();
      const compare = page.getByRole("button", { name: /Check, and compare/ });

      await document.fill(text.replace('"0.002"', '"plenty"'));
      await compare.click();
      expect(await page.getByRole("alert").textContent()).toMatch(/Line \d+ allowances\[0\]\.windows\[0\]\.limit/);
      expect(await document.inputValue()).toContain("plenty");

      await document.fill(text.replace('"0.002"', '"50"'));
      await compare.click();
      await page
        .getByRole("row", { name: /allowances\.included\.windows\[0\]\.limit changed "0\.002" "50"/ })
        .waitFor();

      await page.getByRole("button", { name: "Run the back-test" }).click();
      const result = page.locator("#back-test-result");
      expect(await result.textContent()).toContain("run again: 2, of 1 account");
      expect(
        await result
          .getByRole("row", { name: new RegExp(`^${customer.id} 2 0\\.\\d+ 0\\.00 -0\\.\\d+ none$`) })
          .count(),
      ).toBe(1);
      await screenshot(page, "console-back-test");

      await page.getByLabel("Reason").fill("Spring offer");
      await page.getByRole("button", { name: "Save as version 2" }).click();
      expect(await page.locator(".notice").textContent()).toContain("Saved");
      await page.getByRole("navigation", { name: "Pages", exact: true }).getByRole("link", { name: "Log" }).click();
      expect(await page.locator("table tbody tr").first().innerText()).toMatch(
        /Ada Lovelace\s+plan\.put[\s\S]+Spring offer/,
      );
    });
  });

  it("sends a message out of the quarantine once more", async () => {
    await signedIn({}, async (page) => {
      await page.getByRole("link", { name: "Quarantine" }).click();
      await page.getByText("Send again", { exact: true }).first().click();
      await page.getByLabel("Reason").fill("The release understands it now");
      await page.getByRole("button", { name: "Send again" }).click();
      expect(await page.locator(".notice").textContent()).toContain("sent again");
      // Nothing understands it: it comes back, which shows that it was sent.
      await until("the message to come back", 60_000, async () => {
        await page.goto(`${gateway.url}/dashboard/admin/quarantine`);
        return (await page.getByText("2 ×").count()) === 1 ? true : null;
      });
    });
  });

  it("ends a request that hangs, and says what that costs", async () => {
    const other = await makeCustomer(admin, { plan: "small", credits: "1" });
    const hanging = new AbortController();
    const asked = ask(other, { stream: true }, { "x-simulate": "first=60000" }, hanging.signal).catch(() => null);
    try {
      await signedIn({}, async (page) => {
        await until("the reservation", 30_000, async () => {
          await page.goto(`${gateway.url}/dashboard/admin/reservations?account=${other.id}`);
          return (await page.getByText("End it").count()) === 1 ? true : null;
        });
        await page.getByText("End it").click();
        await page.getByLabel(/may still be running/).check();
        await page.getByLabel("Reason").fill("Upstream is down");
        await screenshot(page, "console-reservation");
        await page.getByRole("button", { name: "End the request" }).click();
        expect(await page.locator(".notice").textContent()).toContain("ended by hand");
        await expect.poll(() => page.getByText("Nothing is in flight.").count()).toBe(1);
      });
    } finally {
      hanging.abort();
      await asked;
    }
  });

  const PAGES = [
    "",
    "/plans",
    "/plans/small",
    "/rate-cards",
    "/rate-cards/default",
    "/upstreams",
    "/reservations",
    "/payments",
    "/ledger",
    "/quarantine",
    "/totals",
    "/log",
  ];
  const OF_ACCOUNT = ["", "/usage", "/requests", "/ledger?verify=1", "/keys", "/payments", "/alerts", "/log"];

  it.each(SCREENS)("has no barrier, and nothing wider than the screen: $name", async ({ name, ...screen }) => {
    await visit(screen, async (page) => {
      await page.goto(`${gateway.url}/dashboard/admin`);
      await lookAt(page, `console-sign-in-${name}`);
    });
    await signedIn(screen, async (page) => {
      const own = [...OF_ACCOUNT, `/requests/${requestId}`].map((path) => `/accounts/${customer.id}${path}`);
      for (const path of [...PAGES, ...own]) {
        await page.goto(`${gateway.url}/dashboard/admin${path}`);
        await lookAt(page, `console${path.replace(customer.id, "x").replaceAll(/[/?=]/g, "-")}-${name}`);
      }
    });
  });

  it("works without scripts", async () => {
    await signedIn({ javaScriptEnabled: false }, async (page) => {
      await page.goto(`${gateway.url}/dashboard/admin/accounts/acct_other/keys`);
      await page.getByText("Create a key").click();
      await page.getByLabel("Name").fill("by hand");
      await page.getByLabel("Reason").fill("asked for by telephone");
      await page.getByRole("button", { name: "Create", exact: true }).click();
      expect(await page.locator("#made-key").textContent()).toMatch(/^sk-spill-acct_other-/);
    });
  });
});

function visit(options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> {
  return visitWith(browser, { ...options, baseURL: gateway.url }, look);
}

function signedIn(options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> {
  return visit(options, async (page) => {
    await page.goto(`${gateway.url}/dashboard/admin`);
    await page.getByLabel("Your name").fill(OPERATOR);
    await page.getByLabel("Operator's token").fill(ADMIN_TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Accounts", level: 1 }).waitFor();
    await look(page);
  });
}

function ask(
  { key }: Customer,
  more: object = {},
  headers: Record<string, string> = {},
  signal: AbortSignal | null = null,
): Promise<Response> {
  const body = { model: "gpt-5.4-mini", input: "Hello", max_output_tokens: 200, ...more };
  return fetch(`${gateway.url}/v1/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal,
  });
}

/** A request that has ended and stands in the ledger; its id. */
async function used(account: Customer): Promise<string> {
  const answer = await ask(account, {}, { "x-simulate": "output=100;input=50" });
  await answer.text();
  const id = answer.headers.get("x-request-id") ?? "";
  await until("the ledger", 60_000, async () => {
    const receipt = await endedReceipt(gateway.url, account, id);
    return receipt.ledger?.confirmed ? true : null;
  });
  return id;
}

/** Puts a message into the quarantine that no release ever understands. */
async function poison(): Promise<void> {
  const body = JSON.stringify({ v: 77 });
  // By its content, so that its return is known for what it is.
  const id = `qua_${createHash("sha256").update(body).digest("hex").slice(0, 32)}`;
  const database = await gateway.getD1();
  await database
    .prepare("INSERT INTO quarantine (id, reason, body, first_seen_at, count) VALUES (?, 'unreadable', ?, ?, 1)")
    .bind(id, body, Date.now())
    .run();
}
