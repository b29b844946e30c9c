const TO_LINE_START_AND_CLEAR = "\r\u001b[K";

/** Says on one line, each time in place of the last, what is being waited for. Silent where output is not a terminal. */
export function showProgress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`${TO_LINE_START_AND_CLEAR}${text} …`);
}

export function clearProgress(): void {
  if (process.stdout.isTTY) process.stdout.write(TO_LINE_START_AND_CLEAR);
}
