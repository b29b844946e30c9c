/** A fresh id in OpenAI's style: prefix and 32 hexadecimal digits. */
export function newId(prefix: string): string {
  return `${prefix}${crypto.randomUUID().replaceAll("-", "")}`;
}
