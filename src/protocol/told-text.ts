/** Of a name that a caller chose, so much is told back. */
const NAME_LENGTH = 64;
/** No text of an error is longer: whoever sends megabytes gets a line. */
const TEXT_LENGTH = 4_000;
/** A key of an account, whole or cut; also where it was sent as something else, such as the name of a model. */
const KEY = /sk-spill-[A-Za-z0-9_-]{4,}/g;

/** Text without the keys of accounts in it. */
export function withoutKeys(text: string): string {
  return text.replace(KEY, "sk-spill-…");
}

/** A name that a caller sent, as an error tells it back. */
export function toldName(name: string): string {
  return cut(withoutKeys(name), NAME_LENGTH);
}

/** A text of an error, as its caller may hear it whatever was sent: bounded, and without keys. */
export function toldText(text: string): string {
  return cut(withoutKeys(text), TEXT_LENGTH);
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most).toWellFormed()}…` : text;
}
