import { canonicalJson, writePath } from "./document.ts";

/** One place at which two documents differ; `before` or `after` is absent where there is nothing at that place. */
export interface DocumentChange {
  /** As faults write it: `gates["codex-rpm"].limit`. */
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * What has to change in `before` to become `after`, in the order of the documents. Members of a list that have an `id` are
 * compared by it, wherever they stand; that they stand elsewhere is a change of its own, since order may matter.
 */
export function diffDocuments(before: unknown, after: unknown): DocumentChange[] {
  return diffAt([], before, after);
}

type Path = readonly PropertyKey[];

function diffAt(path: Path, before: unknown, after: unknown): DocumentChange[] {
  if (before === undefined && after === undefined) return [];
  if (before === undefined) return [{ path: writePath(path), kind: "added", after }];
  if (after === undefined) return [{ path: writePath(path), kind: "removed", before }];
  if (Array.isArray(before) && Array.isArray(after)) return diffLists(path, before, after);
  if (isObject(before) && isObject(after)) return diffFields(path, before, after);
  return before === after ? [] : [{ path: writePath(path), kind: "changed", before, after }];
}

function diffFields(path: Path, before: Fields, after: Fields): DocumentChange[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => diffAt([...path, name], own(before, name), own(after, name)));
}

function diffLists(path: Path, before: readonly unknown[], after: readonly unknown[]): DocumentChange[] {
  const [idsBefore, idsAfter] = [idsOf(before), idsOf(after)];
  if (idsBefore === null || idsAfter === null) {
    if ([...before, ...after].every(isObject)) return diffPlaces(path, before, after);
    const same = canonicalJson(before) === canonicalJson(after);
    return same ? [] : [{ path: writePath(path), kind: "changed", before, after }];
  }
  const ids = new Set([...idsBefore, ...idsAfter]);
  const members = [...ids].flatMap((id) =>
    diffAt([...path, id], before[idsBefore.indexOf(id)], after[idsAfter.indexOf(id)]),
  );
  const moved = kept(idsBefore, idsAfter).join() !== kept(idsAfter, idsBefore).join();
  return moved
    ? [...members, { path: `${writePath(path)} (order)`, kind: "changed", before: idsBefore, after: idsAfter }]
    : members;
}

/** Members without ids are known by their places. */
function diffPlaces(path: Path, before: readonly unknown[], after: readonly unknown[]): DocumentChange[] {
  const longer = before.length > after.length ? before : after;
  return longer.flatMap((_, place) => diffAt([...path, place], before[place], after[place]));
}

/** The ids of a list whose members all have one; `null` for any other list. */
function idsOf(list: readonly unknown[]): string[] | null {
  const ids = list.flatMap((member) => (isObject(member) && typeof member.id === "string" ? [member.id] : []));
  return ids.length === list.length && new Set(ids).size === ids.length ? ids : null;
}

function kept(ids: readonly string[], others: readonly string[]): string[] {
  return ids.filter((id) => others.includes(id));
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
