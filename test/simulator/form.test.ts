import { describe, expect, it } from "vitest";
import { boundaryOf, readForm } from "../../simulator/form.ts";

/** A body that arrives in pieces of `size` bytes. */
function inPieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
}

describe("a form", () => {
  it("is read alike however it is cut into pieces", async () => {
    // Node's own boundaries begin like this.
    const almost = "\r\n--\r\n------formdata-undici-0\r\n--";
    const form = new FormData();
    form.set("prompt", `Itaipú ${almost} – 水`);
    form.set("video", new Blob([`${almost}\r\r`.repeat(30)], { type: "video/mp4" }), "größe.mp4");
    form.set("empty", "");
    const { headers, body } = new Response(form);
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    const boundary = boundaryOf(headers.get("content-type")) ?? "";
    for (const size of [1, 2, 3, 7, 50, 1_000, bytes.length]) {
      expect(await readForm(inPieces(bytes, size), boundary)).toEqual({
        bytes: bytes.length,
        fields: {
          prompt: form.get("prompt"),
          video: { filename: "größe.mp4", type: "video/mp4", size: (almost.length + 2) * 30 },
          empty: "",
        },
      });
    }
  });

  it("is refused wherever it breaks off", async () => {
    const whole = '--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nA cat\r\n--x--';
    const bytes = new TextEncoder().encode(whole);
    expect((await readForm(inPieces(bytes, 9), "x")).fields).toEqual({ prompt: "A cat" });
    for (let length = 0; length < bytes.length; length++) {
      await expect(readForm(inPieces(bytes.slice(0, length), 9), "x")).rejects.toMatchObject({ status: 400 });
    }
  });
});
