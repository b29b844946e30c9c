import { canaryWatch, type Sighting } from "./canaries.ts";

/** The answers that show a new secret, once: of a key that was made or rolled, of a webhook that was made or rotated. */
const SHOWS = [
  /^20[01] POST \/(admin|dashboard\/admin)\/accounts\/[^/]+\/keys$/,
  /^201 POST \/(api|dashboard)\/keys(\/[^/]+\/roll)?$/,
  /^20[01] POST \/((api|admin)\/alert-endpoints|dashboard\/alerts\/webhooks)(\/[^/]+\/rotate)?$/,
];

/** An answer of the gateway whose head, and as much of its body as the test reads, is looked at for secrets. */
export function watched(method: string, path: string, response: Response): Response {
  const route = `${method} ${path.split("?")[0]}`;
  const where = `the answer to ${route}`;
  const sighting: Sighting = SHOWS.some((answer) => answer.test(`${response.status} ${route}`))
    ? { where, shows: true }
    : { where };
  canaryWatch.see([...response.headers].flat().join("\n"), { where });
  return watchBody(response, sighting);
}

function watchBody(response: Response, sighting: Sighting): Response {
  const see = (text: string) => canaryWatch.see(text, sighting);
  const { text, arrayBuffer, clone } = response;
  const decode = (bytes: ArrayBuffer | Uint8Array) => new TextDecoder().decode(bytes);
  const readText = async () => {
    const read = await text.call(response);
    see(read);
    return read;
  };
  const readBytes = async () => {
    const read = await arrayBuffer.call(response);
    see(decode(read));
    return read;
  };
  Object.defineProperties(response, {
    text: { value: readText },
    json: { value: async () => JSON.parse(await readText()) as unknown },
    arrayBuffer: { value: readBytes },
    bytes: { value: async () => new Uint8Array(await readBytes()) },
    clone: { value: () => watchBody(clone.call(response), sighting) },
  });
  if (response.body) watchStream(response.body, see);
  return response;
}

/** Looks at the pieces together with the end of the one before, in case a secret is cut in two. */
function watchStream(body: ReadableStream<Uint8Array>, see: (text: string) => void): void {
  const getReader = body.getReader.bind(body);
  const decoder = new TextDecoder();
  let before = "";
  const getWatchedReader = () => {
    const reader = getReader();
    const read = reader.read.bind(reader);
    const readWatched = async () => {
      const next = await read();
      if (next.value) {
        before = before.slice(-200) + decoder.decode(next.value, { stream: true });
        see(before);
      }
      return next;
    };
    Object.defineProperty(reader, "read", { value: readWatched });
    return reader;
  };
  Object.defineProperty(body, "getReader", { value: getWatchedReader });
}
