import { describe, expect, test } from "vitest";
import { baseUrlFault, canonicalBaseUrl, publicBaseUrlFault } from "../../src/catalog/base-url.ts";

// Row 29 and its relatives: what an administrator may not make the gateway call.
describe("an address that comes over the network is refused", () => {
  test.each<[string, RegExp]>([
    ["https://169.254.169.254", /IP address/],
    ["https://169.254.169.254/latest/meta-data", /IP address/],
    ["https://10.0.0.5/v1", /IP address/],
    ["https://8.8.8.8/v1", /IP address/],
    ["https://0x7f000001", /IP address/],
    ["https://0X7F.1", /IP address/],
    ["https://2130706433", /IP address/],
    ["https://0177.0.0.1", /IP address/],
    ["https://127.1", /IP address/],
    ["https://127.0.0.1.", /IP address/],
    ["https://１２７.0.0.1", /IP address/],
    ["https://127。0。0。1", /IP address/],
    ["https://%31%32%37.0.0.1", /IP address/],
    ["https://0", /IP address/],
    ["https://[::1]", /IP address/],
    ["https://[::ffff:127.0.0.1]", /IP address/],
    ["https://[::ffff:7f00:1]/v1", /IP address/],
    ["https://[fd00:ec2::254]", /IP address/],
    ["https://localhost", /public DNS/],
    ["https://localhost.", /public DNS/],
    ["https://api.localhost", /public DNS/],
    ["https://printer.local", /public DNS/],
    ["https://metadata.google.internal", /public DNS/],
    ["https://METADATA.google.INTERNAL/v1", /public DNS/],
    ["https://metadata", /public DNS/],
    ["https://metadata.example.com", /public DNS/],
    ["https://intranet", /public DNS/],
    ["https://db.corp", /public DNS/],
    ["https://router.lan", /public DNS/],
    ["https://host.home.arpa", /public DNS/],
    ["https://api.example.com.", /public DNS/],
    ["https://{model}.example.com/v1", /public DNS/],
    ["https://user@api.example.com", /user or password/],
    ["https://user:word@api.example.com", /user or password/],
    ["https://:word@api.example.com", /user or password/],
    ["https://api.example.com@evil.example", /user or password/],
    ["https://api.example.com:8443", /usual port/],
    ["https://api.example.com:80", /usual port/],
    ["https://api.example.com/v1?api-version=1", /query or a fragment/],
    ["https://api.example.com/v1?", /query or a fragment/],
    ["https://api.example.com/v1#x", /query or a fragment/],
    ["https://api.example.com/{account}", /\{model\} and nothing else/],
    ["https://api.example.com/%7Bkey%7D", /\{model\} and nothing else/],
    ["http://api.example.com", /https:\/\//],
    ["http://10.0.0.5", /https:\/\//],
    ["http://localhost.example.com", /https:\/\//],
    ["http://test", /https:\/\//],
    ["ftp://api.example.com", /https:\/\//],
    ["file:///etc/passwd", /https:\/\//],
    ["data:text/plain,x", /https:\/\//],
    ["javascript:alert(1)", /https:\/\//],
    ["", /address of an OpenAI-shaped API/],
    ["api.openai.com/v1", /address of an OpenAI-shaped API/],
    ["//api.openai.com/v1", /address of an OpenAI-shaped API/],
    ["https://", /address of an OpenAI-shaped API/],
    [`https://api.example.com/${"x".repeat(500)}`, /address of an OpenAI-shaped API/],
  ])("%s", (text, reason) => {
    expect(publicBaseUrlFault(text)).toMatch(reason);
  });
});

describe("an address that comes over the network is accepted", () => {
  test.each([
    "https://api.openai.com/v1",
    "https://api.openai.com:443/v1/",
    "https://xn--bcher-kva.example/v1",
    "https://x.openai.azure.com/openai/deployments/{model}",
    "https://gateway.ai.example.com/v1/account/{model}/openai",
    "http://localhost:11434/v1",
    "http://127.0.0.1:8000",
    "http://second.test/v1",
  ])("%s", (text) => {
    expect(publicBaseUrlFault(text)).toBeNull();
  });
});

test("the environment, which whoever deploys writes, may name its own network, but never without TLS", () => {
  expect(baseUrlFault("https://10.0.0.5:8443/v1")).toBeNull();
  expect(baseUrlFault("http://10.0.0.5:8443/v1")).toMatch(/https:\/\//);
  expect(baseUrlFault("https://user@10.0.0.5")).toMatch(/user or password/);
});

test.each([
  ["https://API.openai.com:443/v1//", "https://api.openai.com/v1"],
  ["https://api.openai.com", "https://api.openai.com"],
  ["https://api.example.com/a/../v1", "https://api.example.com/v1"],
  ["https://api.example.com\\v1", "https://api.example.com/v1"],
  [" https://api.exam\tple.com/v1\n", "https://api.example.com/v1"],
  ["https://x.openai.azure.com/openai/deployments/{model}/", "https://x.openai.azure.com/openai/deployments/{model}"],
])("%s is kept as it was understood: %s", (text, canonical) => {
  expect(publicBaseUrlFault(text)).toBeNull();
  expect(canonicalBaseUrl(text)).toBe(canonical);
  expect(canonicalBaseUrl(canonical)).toBe(canonical);
});
