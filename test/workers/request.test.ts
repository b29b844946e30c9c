import { beforeAll, expect, test } from "vitest";
import { ask, confirmedReceipt, newAccount, openGateway, requestIdOf } from "../support/gateway.ts";

beforeAll(openGateway);

test("smoke", async () => {
  const account = await newAccount({ credits: "10" });
  const response = await ask(account, { model: "flat-1", input: "hi", max_output_tokens: 10 });
  console.log(response.status, [...response.headers], (await response.text()).slice(0, 300));
  const r = await confirmedReceipt(account, requestIdOf(response));
  console.log(JSON.stringify(r, null, 1));
  expect(response.status).toBe(200);
});
