/** A seeded stream of random numbers (sfc32). Streams with different labels are independent of each other. */
export class Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: string) {
    this.#seed = seed;
    [this.#a, this.#b, this.#c] = hash3(seed);
    for (let i = 0; i < 12; i += 1) this.next();
  }

  /** Another stream, whose numbers do not depend on how many were drawn from this one. */
  fork(label: string): Random {
    return new Random(`${this.#seed}/${label}`);
  }

  /** In [0, 1). */
  next(): number {
    const t = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return (t >>> 0) / 4_294_967_296;
  }

  /** A whole number from `least` to `most`, both included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.int(0, from.length - 1)] ?? from[0];
  }

  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let last = shuffled.length - 1; last > 0; last -= 1) {
      const other = this.int(0, last);
      const [a, b] = [shuffled[last], shuffled[other]] as [T, T];
      shuffled[last] = b;
      shuffled[other] = a;
    }
    return shuffled;
  }

  hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.int(0, 15).toString(16);
    return text;
  }
}

function hash3(text: string): [number, number, number] {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x85ebca6b);
    b = Math.imul(b ^ code ^ (a >>> 13), 0xc2b2ae35);
    c = Math.imul(c ^ (b >>> 16) ^ code, 0x27d4eb2f);
  }
  return [a, b, c];
}
