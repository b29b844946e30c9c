import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

/** Where Chromium is; set `CHROMIUM` for another place. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why browser tests cannot run here, or `null`. */
export const noBrowser: string | null = existsSync(CHROMIUM)
  ? null
  : `there is no Chromium at ${CHROMIUM}; install it (Debian: apt-get install chromium) or set CHROMIUM`;

/** Screenshots are artifacts of a run; set `SPILLWAY_SCREENSHOTS` to keep them elsewhere. */
export const SCREENSHOTS = process.env.SPILLWAY_SCREENSHOTS ?? join(tmpdir(), "spillway-screenshots");

export async function openBrowser(): Promise<Browser> {
  await mkdir(SCREENSHOTS, { recursive: true });
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/** A kind of screen that people look at. */
export interface Screen {
  readonly name: string;
  readonly viewport: { readonly width: number; readonly height: number };
  readonly colorScheme: "light" | "dark";
}

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };

export const SCREENS: readonly Screen[] = [
  { name: "wide-light", viewport: WIDE, colorScheme: "light" },
  { name: "wide-dark", viewport: WIDE, colorScheme: "dark" },
  { name: "narrow-light", viewport: NARROW, colorScheme: "light" },
  { name: "narrow-dark", viewport: NARROW, colorScheme: "dark" },
];

export async function screenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const RUN_AXE = `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
  .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html.slice(0, 200))))`;

/** What an automated check of accessibility finds wrong with the page. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // Evaluated from outside, where the page's own policy does not reach.
  await page.evaluate(await readFile(AXE, "utf8"));
  return page.evaluate<string[]>(RUN_AXE);
}

/** By how much the page is wider than the screen (pixels). */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
}

/** Expects of a page, with all that is folded away, that it fits its screen and is accessible; keeps a picture of it. */
export async function lookAt(page: Page, name: string): Promise<void> {
  await page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true");
  await screenshot(page, name);
  expect(await overflow(page), name).toBeLessThanOrEqual(0);
  expect(await accessibilityFaults(page), name).toEqual([]);
}

/** A page of a visitor without a past; it fails when anything goes wrong within it. */
export async function visitWith(
  browser: Browser,
  options: BrowserContextOptions,
  look: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  try {
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      // Refused forms answer with their status, which a browser notes.
      if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
    });
    await look(page);
    expect(complaints).toEqual([]);
  } finally {
    await context.close();
  }
}
