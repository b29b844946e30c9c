/**
 * Bytes of `text` in UTF-8. Counting is much cheaper than encoding, whose array lives outside the heap and, made for
 * every row, keeps the garbage collector busy. A lone surrogate counts as the replacement character that is written.
 */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    bytes += unit < 0x8_00 ? 1 : 2;
    if (isPair(unit, text.charCodeAt(index + 1))) {
      // Four bytes for two units, of which both are counted once already.
      index += 1;
    }
  }
  return bytes;
}

function isPair(high: number, low: number): boolean {
  return high >= 0xd8_00 && high < 0xdc_00 && low >= 0xdc_00 && low < 0xe0_00;
}
