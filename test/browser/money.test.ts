import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminClient } from "../../scripts/admin-client.ts";
import { seedCatalog } from "../../scripts/catalog-seed.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { type Customer, makeCustomer, until } from "../system/customer.ts";
import { lookAt, noBrowser, openBrowser, SCREENS, screenshot, visitWith } from "./chromium.ts";
import { FakeStripe } from "./fake-stripe.ts";

const ADMIN_TOKEN = "operator-of-the-money-test";
const OPERATOR = "Ada Lovelace";
interface Pack {
  readonly id: string;
  readonly name: string;
  readonly credits: string;
  readonly amount: number;
  readonly currency: string;
}

const PLAN = { name: "Credits only", features: { codex: { models: ["*"] } } };

let stripe: FakeStripe;
let gateway: LocalGateway;
let admin: AdminClient;
let browser: Browser;
let customer: Customer;

if (noBrowser !== null) console.warn(`Payments and alerts are not looked at in a browser: ${noBrowser}.`);

describe.skipIf(noBrowser !== null)("payments and alerts in a browser", () => {
  beforeAll(async () => {
    stripe = await FakeStripe.start();
    const vars = {
      SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      SPILLWAY_KEY_SECRET: "key-secret-of-the-money-test",
      ...stripe.vars,
    };
    gateway = await startLocalGateway({ port: 0, withSimulator: true, vars });
    stripe.gatewayUrl = gateway.url;
    admin = new AdminClient(gateway.url, ADMIN_TOKEN);
    await seedCatalog(admin);
    await admin.request("PUT", "/admin/plans/credits-only", { body: PLAN });
    customer = await makeCustomer(admin, { plan: "credits-only", credits: "10" });
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await gateway?.dispose();
    await stripe?.close();
  });

  it("says that nothing was charged to a buyer who turns back at Stripe, who is still signed in", async () => {
    await signedIn({}, async (page) => {
      await page.goto("/dashboard/credits");
      expect(await page.getByRole("listitem").filter({ hasText: "1,000 credits" }).textContent()).toContain("$40.00");
      await page.getByRole("button", { name: "Buy 1,000 credits" }).click();
      await page.getByRole("link", { name: "Back" }).click();
      await page.getByRole("status").filter({ hasText: "nothing was charged" }).waitFor();
      expect(await page.locator(".who").textContent()).toBe(customer.id);
    });
  });

  it("sells a pack: to Stripe's page and back, and the credits are there", async () => {
    await signedIn({}, async (page) => {
      await page.goto("/dashboard/credits");
      await page.getByLabel(/Keep the card/).check();
      await page.getByRole("button", { name: "Buy 250 credits" }).click();
      await page.getByRole("button", { name: "Pay" }).waitFor();
      const asked = stripe.sessions.at(-1)?.asked;
      expect(asked?.get("line_items[0][price_data][unit_amount]")).toBe("1000");
      expect(asked?.get("payment_intent_data[setup_future_usage]")).toBe("off_session");
      expect(asked?.get("client_reference_id")).toBe(customer.id);
      await page.getByRole("button", { name: "Pay" }).click();
      await page.getByRole("status").filter({ hasText: "as soon as Stripe confirms" }).waitFor();
      expect(await page.locator(".figures .main dd").textContent()).toBe("260.00");
      await page.getByRole("link", { name: "Your payments" }).click();
      await expect.poll(() => page.getByRole("row", { name: /250 credits .* \$10\.00 paid/ }).count()).toBe(1);
    });
  });

  it("leads to the payment without scripts, and comes back from it", async () => {
    await signedIn({ javaScriptEnabled: false }, async (page) => {
      await page.goto("/dashboard/credits");
      const begun = stripe.sessions.length;
      await page.getByRole("button", { name: "Buy 250 credits" }).click();
      await page.getByRole("link", { name: "Back" }).click();
      await page.getByText("nothing was charged").waitFor();
      expect(stripe.sessions.length).toBe(begun + 1);
    });
  });

  it("sets up automatic top-ups, refuses what cannot be, and resumes them after failures", async () => {
    await signedIn({}, async (page) => {
      await page.goto("/dashboard/credits");
      await page.getByText("Set them up").click();
      await page.getByLabel("When fewer credits than this").fill("5");
      await page.getByLabel("At most per month").fill("9.99");
      await page.getByRole("button", { name: "Save" }).click();
      expect(await page.getByRole("alert").textContent()).toContain("at least the price of the pack: $10.00");
      expect(await page.getByLabel("At most per month").inputValue()).toBe("9.99");
      await page.getByLabel("At most per month").fill("30");
      await page.getByLabel("At least so long").selectOption({ label: "an hour" });
      await page.getByRole("button", { name: "Save" }).click();
      const terms = "Buys 250 credits for $10.00 when fewer than 5 credits are available, for $30.00 a month";
      await page.getByText(terms).waitFor();

      const why = "failed 3 times in a row: insufficient_funds";
      const database = await gateway.getD1();
      await database.prepare("UPDATE auto_top_ups SET failures = 3, suspended_why = ?").bind(why).run();
      await page.goto("/dashboard/credits");
      expect(await page.getByRole("status").textContent()).toContain("Suspended: failed 3 times in a row: insuff");
      await screenshot(page, "money-suspended");
      await page.getByRole("button", { name: "Resume" }).click();
      await page.getByText("Automatic top-ups go on.").waitFor();
      await expect.poll(() => page.getByText(terms).count()).toBe(1);
    });
  });

  it("keeps the most per month in its currency when its pack is not offered any more", async () => {
    const { data } = (await admin.request("GET", "/admin/credit-packs")) as { data: readonly Pack[] };
    const offer = async (active: boolean) => {
      const yen = { name: "100 credits", credits: "100", amount: 700, currency: "jpy", active: !active };
      await admin.request("PUT", "/admin/credit-packs/yen", { body: yen });
      for (const { id, name, credits, amount, currency } of data) {
        await admin.request("PUT", `/admin/credit-packs/${id}`, { body: { name, credits, amount, currency, active } });
      }
    };
    await offer(false);
    await signedIn({}, async (page) => {
      await page.goto("/dashboard/credits");
      await page.getByText("the pack credits-250, which is not on offer any more").waitFor();
      await page.getByText("Change the settings").click();
      expect(await page.locator("#pack option:checked").textContent()).toBe("credits-250, not on offer any more");
      const cap = page.getByLabel("At most per month");
      expect([await cap.inputValue(), await page.getByLabel("currency").inputValue()]).toEqual(["30.00", "usd"]);
      await page.getByRole("button", { name: "Save" }).click();
      expect(await page.getByRole("alert").textContent()).toContain("not on offer any more: choose another one");

      await page.getByLabel("Buy", { exact: true }).selectOption({ label: "100 credits for ¥700" });
      await page.getByRole("button", { name: "Save" }).click();
      expect(await page.getByRole("alert").textContent()).toContain("This pack is paid in JPY");
      expect(await cap.inputValue()).toBe("30.00");
      for (const { name, ...screen } of SCREENS) {
        await page.setViewportSize(screen.viewport);
        await page.emulateMedia({ colorScheme: screen.colorScheme });
        await lookAt(page, `money-other-currency-${name}`);
      }

      await page.goto("/dashboard/credits");
      await page.getByText("Change the settings").click();
      await page.getByLabel("Buy credits automatically").uncheck();
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Nothing is bought by itself.").waitFor();

      await page.getByText("Change the settings").click();
      expect([await cap.inputValue(), await page.getByLabel("currency").inputValue()]).toEqual(["30.00", "usd"]);
      await page.getByLabel("Buy credits automatically").check();
      await page.getByLabel("Buy", { exact: true }).selectOption({ label: "100 credits for ¥700" });
      await page.getByLabel("currency").selectOption("JPY");
      await cap.fill("3500");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Buys 100 credits for ¥700 when fewer than 5 credits are available, for ¥3,500").waitFor();
    });
    await offer(true);
  });

  it("shows what was paid back, and what is disputed", async () => {
    const paid = stripe.sessions[1];
    if (!paid) throw new Error("nothing was bought");
    const payment = { currency: "usd", payment_intent: stripe.paymentOf(paid), metadata: stripe.metadataOf(paid) };
    await stripe.tell("charge.refunded", {
      ...payment,
      id: "ch_1",
      object: "charge",
      amount: 1_000,
      amount_refunded: 300,
    });
    await stripe.tell("charge.dispute.created", {
      ...payment,
      id: "dp_1",
      object: "dispute",
      amount: 700,
      charge: "ch_1",
      status: "needs_response",
    });
    await signedIn({}, async (page) => {
      await expect.poll(() => page.getByText("Paid use of this account is stopped").count()).toBeGreaterThan(0);
      await page.goto("/dashboard/credits");
      await expect
        .poll(() => page.getByRole("row", { name: /disputed \$3\.00 refunded with 75 credits/ }).count())
        .toBe(1);
    });
    await stripe.tell("charge.dispute.closed", {
      ...payment,
      id: "dp_1",
      object: "dispute",
      amount: 700,
      charge: "ch_1",
      status: "won",
    });
  });

  it("saves what to be told of, tells it in the viewer's zone, and takes note that it was seen", async () => {
    // Alerts go by the ledger, which has to have what the tests before did.
    await until("the ledger", 30_000, async () => {
      const checked = await admin.request("POST", "/admin/reconciliations", { body: { account: customer.id } });
      return (checked as { pending: { outbox: number } }).pending.outbox === 0 ? true : null;
    });
    await gateway.runCron();
    await signedIn({ javaScriptEnabled: false }, async (page) => {
      await page.goto("/dashboard/alerts");
      await page.getByLabel("When fewer credits than this").fill("4000");
      await page.getByLabel("Included use: at").fill("90");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("The settings are saved").waitFor();
      expect(await page.getByLabel("When fewer credits than this").inputValue()).toBe("4000");
      await page.getByLabel("When fewer credits than this").fill("0");
      await page.getByRole("button", { name: "Save" }).click();
      expect(await page.getByRole("alert").textContent()).toContain("above 0");
    });
    await gateway.runCron();
    await signedIn({ timezoneId: "Asia/Tokyo", locale: "en-GB" }, async (page) => {
      const alerts = page.getByRole("region", { name: "New alerts" });
      expect(await alerts.textContent()).toMatch(/185\.00 credits are left, fewer than 4000\./);
      await alerts.getByRole("link").click();
      const row = page.getByRole("row", { name: /credits are left, fewer than 4000/ });
      const time = row.locator("time");
      const hour = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Tokyo", timeStyle: "short" });
      expect(await time.textContent()).toContain(hour.format(Date.parse((await time.getAttribute("datetime")) ?? "")));
      expect(await row.textContent()).toContain("not seen yet");
      await page.getByRole("button", { name: "Mark all as seen" }).click();
      await expect.poll(() => page.getByText("not seen yet").count()).toBe(0);
      await page.goto("/dashboard");
      await expect.poll(() => alerts.count()).toBe(0);
    });
  });

  it("adds a webhook, shows its secret once, tests it, changes the secret and removes it", async () => {
    await signedIn({}, async (page) => {
      await page.goto("/dashboard/alerts");
      await page.getByText("Add a webhook").click();
      await page.getByLabel("Address").fill("https://127.0.0.1/hooks");
      await page.getByRole("button", { name: "Add the webhook" }).click();
      expect(await page.getByRole("alert").textContent()).toContain("url");
      await page.getByLabel("Address").fill("https://hooks.example.com/spillway");
      await page.getByLabel("much spending").uncheck();
      await page.getByRole("button", { name: "Add the webhook" }).click();
      const first = ((await page.locator("#secret").textContent()) ?? "").trim();
      expect(first).toMatch(/^whsec_/);
      await page.getByRole("link", { name: "I have stored it" }).click();
      expect(await page.textContent("body")).not.toContain(first);
      const row = page.getByRole("row", { name: /hooks\.example\.com/ });
      expect(await row.textContent()).not.toContain("much spending");

      await row.getByRole("button", { name: "Send a test" }).click();
      await page.getByText("A test is on its way").waitFor();
      await expect.poll(() => page.getByRole("row", { name: /This is a test/ }).count()).toBe(1);
      await row.getByText("New secret", { exact: true }).click();
      await row.getByRole("button", { name: "Make the new secret" }).click();
      expect(((await page.locator("#secret").textContent()) ?? "").trim()).not.toBe(first);
      await page.getByRole("link", { name: "I have stored it" }).click();
      expect(await row.textContent()).toContain("the old secret signs as well until");
      await screenshot(page, "money-webhook");
      await row.getByText("Remove", { exact: true }).click();
      await row.getByRole("button", { name: "Remove it now" }).click();
      await page.getByText("The webhook is removed.").waitFor();
    });
  });

  it("lets a key that may only read look, and offers it nothing that it may not", async () => {
    const { key } = (await admin.request("POST", `/admin/accounts/${customer.id}/keys`, {
      body: { name: "looks", scopes: ["read"] },
    })) as { key: string };
    await signedIn(
      {},
      async (page) => {
        for (const path of ["/dashboard/credits", "/dashboard/alerts"]) {
          await page.goto(path);
          await expect.poll(() => page.getByText("lacks the scope “manage”").count(), { message: path }).toBe(1);
          await expect.poll(() => page.locator("main button").count(), { message: path }).toBe(0);
        }
        const token = await page.locator("input[name=csrf_token]").first().inputValue();
        const forced = await page.request.post("/dashboard/credits/checkout", {
          form: { csrf_token: token, pack: "credits-250" },
          headers: { origin: gateway.url },
        });
        expect(forced.status()).toBe(403);
        const foreign = await page.request.post("/dashboard/alerts/seen", { form: { csrf_token: "guess" } });
        expect(foreign.status()).toBe(403);
      },
      key,
    );
  });

  it("shows operators whether payments fit the ledger, and dismisses one that waits, for a reason", async () => {
    const last = stripe.sessions.at(-1);
    if (!last) throw new Error("nothing was begun");
    await stripe.pay({ ...last, id: "cs_less" }, 900);
    await asOperator({}, async (page) => {
      await page.getByRole("link", { name: "Payments" }).click();
      await expect.poll(() => page.getByText("Every payment has its grant").count()).toBe(1);
      await expect
        .poll(() => page.getByRole("row", { name: /250 credits .* \$10\.00 paid dispute won/ }).count())
        .toBe(1);
      const parked = page.getByRole("region", { name: "What waits for a person" });
      const waiting = parked.getByRole("row", { name: /amount differs/ });
      const before = await waiting.count();
      expect(before).toBeGreaterThan(0);
      await screenshot(page, "money-parked");
      for (let left = before; left > 0; left -= 1) {
        await waiting.first().getByText("Dismiss", { exact: true }).click();
        await waiting.first().getByLabel("Reason").last().fill("Refunded in Stripe");
        await waiting.first().getByRole("button", { name: "Dismiss for good" }).click();
        await page.getByText("It is dismissed").waitFor();
      }
      await expect.poll(() => page.getByText("Nothing waits.").count()).toBe(1);
      await page.getByText("somebody has decided about").click();
      expect(await page.getByText("Refunded in Stripe").count()).toBe(before);
      await page.getByRole("navigation", { name: "Pages", exact: true }).getByRole("link", { name: "Log" }).click();
      expect(await page.locator("table tbody tr").first().innerText()).toMatch(/Ada Lovelace[\s\S]+Refunded in Stripe/);
    });
  });

  it.each(SCREENS)("has no barrier, and nothing wider than the screen: $name", async ({ name, ...screen }) => {
    await signedIn(screen, async (page) => {
      for (const path of ["?checkout=success", "?checkout=cancelled", "/credits", "/alerts", "/ledger"]) {
        await page.goto(`/dashboard${path}`);
        await lookAt(page, `money${path.replaceAll(/[/?=]/g, "-")}-${name}`);
      }
    });
    await asOperator(screen, async (page) => {
      const own = ["/payments", "/alerts"].map((path) => `/accounts/${customer.id}${path}`);
      for (const path of ["/payments", ...own]) {
        await page.goto(`/dashboard/admin${path}`);
        await lookAt(page, `money-console${path.replace(customer.id, "x").replaceAll("/", "-")}-${name}`);
      }
    });
  });
});

function visit(options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> {
  return visitWith(browser, { ...options, baseURL: gateway.url }, look);
}

function signedIn(
  options: BrowserContextOptions,
  look: (page: Page) => Promise<void>,
  key = customer.key,
): Promise<void> {
  return visit(options, async (page) => {
    await page.goto("/dashboard/sign-in");
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    await look(page);
  });
}

function asOperator(options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> {
  return visit(options, async (page) => {
    await page.goto("/dashboard/admin");
    await page.getByLabel("Your name").fill(OPERATOR);
    await page.getByLabel("Operator's token").fill(ADMIN_TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Accounts", level: 1 }).waitFor();
    await look(page);
  });
}
