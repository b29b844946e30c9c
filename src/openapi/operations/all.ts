import type { Operation } from "../operation.ts";
import { accountOperations } from "./accounts.ts";
import { alertOperations } from "./alerts.ts";
import { catalogOperations } from "./catalog.ts";
import { ledgerOperations } from "./ledger.ts";
import { openAIOperations } from "./openai.ts";
import { paymentOperations } from "./payments.ts";
import { selfServiceOperations } from "./self-service.ts";
import { serviceOperations } from "./service.ts";
import { videoOperations } from "./videos.ts";

/** Every route that is served for programs, in the order in which the document tells of them. */
export const OPERATIONS: readonly Operation[] = [
  ...openAIOperations,
  ...videoOperations,
  ...selfServiceOperations,
  ...accountOperations,
  ...catalogOperations,
  ...ledgerOperations,
  ...paymentOperations,
  ...alertOperations,
  ...serviceOperations,
];
