/** The prose all answers are cut from. Some letters need more than one byte, so that a careless cut shows. */
const SENTENCES = [
  "This is a simulated answer; no model was asked.",
  "A reservoir fills through the winter and gives its water back in the dry months.",
  "When it is full, the spillway carries the rest past the dam in a calm and measured stream.",
  "Nobody opens a gate in a hurry, because the crest alone decides how much may pass.",
  "At Itaipú the chutes are wider than a street is long, and the spray hangs over the valley for days.",
  "Engineers first ask how much water can arrive, then how much the river below can bear.",
  "A gauge on the wall shows the level – to the centimetre – and every reading is written down.",
  "In the café beside the weir, the keeper's daughter keeps her own book of the floods.",
  "Her numbers and the authority's numbers agree to the last line, which pleases both of them.",
  "Water that was promised to the fields stays where it is, even when the turbines ask for more.",
  "What is held back today can still be used tomorrow, less the little that the sun takes at 30 °C.",
  "So the valley sleeps well: the rule is short, it is posted at the door, and it is kept.",
];

const [OPENING = "", ...BODY] = SENTENCES;
const DEFAULT_SENTENCES = 3;

/** One text: a sequence of words that never ends, and a length at which it would end by itself. */
export interface Prose {
  naturalLength: number;
  /** The word at `index`, with the space before it. */
  word(index: number): string;
  /** The first `length` words. */
  text(length: number): string;
}

/** The same question (its length and its end) gets the same answer; `variant` tells the choices of one answer apart. */
export function proseFor(question: string, variant = 0): Prose {
  const start = (hash(`${question.length} ${question.slice(-256)}`) + variant) % BODY.length;
  const sentences = [OPENING, ...BODY.slice(start), ...BODY.slice(0, start)];
  const words = wordsOf(sentences);
  const word = (index: number) => `${index === 0 ? "" : " "}${words[index % words.length] ?? ""}`;
  return {
    naturalLength: wordsOf(sentences.slice(0, DEFAULT_SENTENCES)).length,
    word,
    text: (length) => Array.from({ length }, (_, index) => word(index)).join(""),
  };
}

/** About four characters are one token. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

function wordsOf(sentences: readonly string[]): string[] {
  return sentences.flatMap((sentence) => sentence.split(" "));
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}
