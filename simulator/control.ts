import { ApiError } from "./errors.ts";

/** One control as it was written. */
export interface Control {
  name: string;
  /** `null` where only the name was given. */
  value: string | null;
  /** Only requests to this host (with its port) are meant; `null`: all. */
  host: string | null;
}

/** Characters of one list. */
const MAX_LIST_LENGTH = 2_000;

/** The parts of a list such as `output=3;second.test/status=503`. */
export function controlsOf(list: string): Control[] {
  if (list.length > MAX_LIST_LENGTH) throw new ApiError(400, { message: "The list of controls is too long." });
  const parts = list.split(";").map((part) => part.trim());
  return parts.filter((part) => part !== "").map(controlOf);
}

function controlOf(part: string): Control {
  const at = part.indexOf("=");
  const left = (at < 0 ? part : part.slice(0, at)).trim();
  const slash = left.indexOf("/");
  return {
    name: left.slice(slash + 1),
    value: at < 0 ? null : part.slice(at + 1).trim(),
    host: slash < 0 ? null : left.slice(0, slash).toLowerCase(),
  };
}

export function integer(control: Control, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(control.value ?? "") ? Number(control.value) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalid(control, `it needs an integer from ${least} to ${most}`);
}

export function text(control: Control, pattern: RegExp): string {
  if (control.value !== null && pattern.test(control.value)) return control.value;
  throw invalid(control, `its value must match ${pattern}`);
}

export function oneOf<T extends string>(control: Control, values: readonly T[]): T {
  const found = values.find((value) => value === control.value);
  if (found !== undefined) return found;
  throw invalid(control, `it needs one of ${values.join(", ")}`);
}

export function flag(control: Control): true {
  if (control.value === null) return true;
  throw invalid(control, "it takes no value");
}

export function invalid(control: Control, why: string): ApiError {
  return new ApiError(400, { message: `Control "${control.name}": ${why}.`, code: "invalid_control" });
}
