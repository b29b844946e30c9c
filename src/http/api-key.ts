import { createHmac, timingSafeEqual } from "node:crypto";
import { customAlphabet } from "nanoid";
import { sha256Hex } from "../sha256.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 32 characters of 62 are 190 bits: nothing to guess, so the stored digest needs no slow hash. */
const newSecret = customAlphabet(ALPHABET, 32);
const newKeyId = customAlphabet(ALPHABET, 12);
const CHECKSUM_LENGTH = 16;
const KNOWN_MOST = 1_000;

const KEY = /^sk-spill-([A-Za-z0-9][A-Za-z0-9_-]{0,63})-(key_[0-9A-Za-z]{12})-([0-9A-Za-z]{32})-([0-9a-f]{16})$/;

export interface ApiKey {
  readonly accountId: string;
  readonly keyId: string;
  /** SHA-256 of the secret, the only trace of it that is kept. */
  readonly digest: string;
}

/** Makes a key of an account. `text` is shown to its owner once and never stored. */
export function mintApiKey(keySecret: string, accountId: string): ApiKey & { readonly text: string } {
  const keyId = `key_${newKeyId()}`;
  const secret = newSecret();
  const body = `sk-spill-${accountId}-${keyId}-${secret}`;
  return { accountId, keyId, digest: sha256Hex(secret), text: `${body}-${checksum(keySecret, body)}` };
}

/**
 * Reads a key; `null` when it was not minted here. The checksum is keyed, so a forged key is refused without a look at
 * any storage. Whether the key still stands is decided by the account's object.
 */
export function readApiKey(keySecret: string, text: string): ApiKey | null {
  const match = KEY.exec(text);
  const [, accountId = "", keyId = "", secret = "", given = "0".repeat(CHECKSUM_LENGTH)] = match ?? [];
  // The checksum is computed for malformed keys as well, so that they take as long.
  const expected = checksum(keySecret, `sk-spill-${accountId}-${keyId}-${secret}`);
  const genuine = timingSafeEqual(new TextEncoder().encode(expected), new TextEncoder().encode(given));
  return match && genuine ? { accountId, keyId, digest: sha256Hex(secret) } : null;
}

/** Keys that were read before, so that a busy client's is not read anew with every request. Only genuine ones are kept. */
export class KnownKeys {
  readonly #keySecret: string;
  readonly #known = new Map<string, ApiKey>();

  constructor(keySecret: string) {
    this.#keySecret = keySecret;
  }

  /** Like {@link readApiKey}. */
  read(text: string): ApiKey | null {
    const known = this.#known.get(text);
    if (known) return known;
    const key = readApiKey(this.#keySecret, text);
    if (!key) return null;
    const [oldest] = this.#known.keys();
    if (this.#known.size >= KNOWN_MOST && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(text, key);
    return key;
  }
}

function checksum(keySecret: string, body: string): string {
  return createHmac("sha256", keySecret).update(body).digest("hex").slice(0, CHECKSUM_LENGTH);
}
