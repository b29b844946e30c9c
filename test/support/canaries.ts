/** What must never leave the gateway, as vitest.config.ts sets it, and what `gatewayWith` adds to it in some tests. */
const SECRETS: Readonly<Record<string, string>> = {
  "the operator's key for the upstream": "sk-canary-",
  "the operator's token": "test-admin-token",
  "the secret behind keys": "test-key-secret-of-at-least-32-bytes",
  "Stripe's key": "sk_test_canary_3b1c9e5a7d",
  "a secret of Stripe's webhooks": "whsec_test_new_secret",
  "an old secret of Stripe's webhooks": "whsec_test_old_secret",
};

/** A whole key. Without its secret, which scanners and logs may show, it is of no use. */
const WHOLE_KEY = /sk-spill-[A-Za-z0-9][A-Za-z0-9_-]*-key_[0-9A-Za-z]{12}-[0-9A-Za-z]{32}-[0-9a-f]{16}/g;
/** Secrets of webhooks in the form of Standard Webhooks. */
const WEBHOOK_SECRET = /whsec_[A-Za-z0-9+/]{32,}=*/g;

/** Where something was seen. `shows`: it is the one answer that shows a new secret, once. */
export interface Sighting {
  readonly where: string;
  readonly shows?: true;
}

/** Everything in `text` that must not be there. */
export function leaksIn(text: string, { where, shows }: Sighting): string[] {
  const leaks = Object.entries(SECRETS)
    .filter(([, secret]) => text.includes(secret))
    .map(([name]) => `${name} in ${where}`);
  if (shows) return leaks;
  if (text.search(WHOLE_KEY) >= 0) leaks.push(`a caller's key in ${where}`);
  if (text.search(WEBHOOK_SECRET) >= 0) leaks.push(`a webhook's secret in ${where}`);
  return leaks;
}

/** Collects what a test file sees of the gateway, from inside and outside. */
class CanaryWatch {
  readonly #leaks = new Set<string>();
  #looked = 0;

  /** How many texts were looked at. */
  get looked(): number {
    return this.#looked;
  }

  see(text: string, sighting: Sighting): void {
    this.#looked += 1;
    for (const leak of leaksIn(text, sighting)) this.#leaks.add(leak);
  }

  /** What was found, which is then forgotten. */
  takeLeaks(): string[] {
    const leaks = [...this.#leaks];
    this.#leaks.clear();
    return leaks;
  }
}

/** Of this test file. */
export const canaryWatch = new CanaryWatch();
