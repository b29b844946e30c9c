import type { z } from "zod";
import { type ParsedDocument, readDocument } from "../catalog/document.ts";
import { millionths } from "../catalog/fields.ts";
import type { MicroCredits } from "../core/amount.ts";
import { packDocument } from "./body-schemas.ts";

export type PackDocument = z.infer<typeof packDocument>;

/** Credits that can be bought in one piece. */
export interface Pack {
  readonly id: string;
  readonly name: string;
  readonly credits: MicroCredits;
  readonly amount: number;
  readonly currency: string;
  readonly active: boolean;
}

export function readPackDocument(raw: unknown): ParsedDocument<PackDocument> {
  return readDocument(packDocument, raw);
}

export function toPack(id: string, document: PackDocument): Pack {
  return { ...document, id, credits: millionths(document.credits) };
}
