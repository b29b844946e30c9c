import type { RequestFault } from "../adapter.ts";

/** What a text field may hold. */
export interface FieldRule {
  /** The longest that is read, in bytes. */
  readonly mostBytes: number;
  /** Whether JSON may say it as a number. */
  readonly numeric: boolean;
  /** What is wrong with a value, if anything. */
  check(value: string): RequestFault | null;
}

/**
 * Which fields a body may have, each at most once: with every field bounded, so is the form. `input_reference` and
 * `input_reference[image_url]` are the same field said in two ways.
 */
export interface FormRules {
  readonly texts: ReadonlyMap<string, FieldRule>;
  readonly files: ReadonlySet<string>;
  /** Fields without which the request cannot be judged before its end. */
  readonly needed: readonly string[];
  /** Why another field, or a file where a text belongs, is not taken. */
  refuse(name: string): RequestFault;
}

/** The field of which `name` is one way to say it. */
export function fieldOf(name: string): string {
  const [field = name] = name.split("[");
  return field;
}
