import type { DocumentChange } from "../../catalog/document-diff.ts";
import { CsrfField } from "../layout.tsx";
import { type Column, Table } from "../tables.tsx";
import type { BacktestAnswer } from "./backtest.tsx";
import { type AskedBacktest, BacktestForm, BacktestResult } from "./backtest.tsx";
import type { TextFault } from "./checked-text.ts";
import { canBacktest, type DocumentKind } from "./document-kinds.ts";
import { ActForm } from "./fields.tsx";
import type { Operator } from "./operator.ts";

/** What the API answers to a dry run. */
export interface PreviewAnswer {
  readonly version: number | null;
  readonly running_version: number | null;
  readonly changes: readonly DocumentChange[];
}

export interface Editing {
  readonly operator: Operator;
  readonly kind: DocumentKind;
  readonly id: string;
  readonly text: string;
  readonly faults: readonly TextFault[];
  readonly preview: PreviewAnswer | null;
  readonly asked: AskedBacktest;
  readonly result: BacktestAnswer | null;
}

/** A document as text, what is wrong with it beside it, and below it what it would change. */
export function DocumentEditor(editing: Editing) {
  const { operator, kind, id, text, faults, preview, asked, result } = editing;
  const path = `${kind.path}/${id}`;
  return (
    <>
      <form class="editor" method="post" action={`${path}/compare`}>
        <CsrfField token={operator.csrfToken} />
        <div class="field">
          <label for="document">Document (JSON)</label>
          <textarea
            id="document"
            name="document"
            rows={Math.min(40, Math.max(12, text.split("\n").length + 1))}
            spellcheck={false}
            autocomplete="off"
            aria-invalid={faults.length > 0}
            aria-describedby={faults.length > 0 ? "faults" : undefined}
          >
            {`\n${text}`}
          </textarea>
        </div>
        <Faults faults={faults} />
        <button type="submit">Check, and compare with what is running</button>
      </form>
      {preview === null ? null : (
        <>
          <section aria-labelledby="changes">
            <h2 id="changes">What would change</h2>
            <Compared kind={kind} preview={preview} />
            {preview.changes.length === 0 ? null : (
              <ActForm operator={operator} action={`${path}/save`} id="save" label={saveLabel(preview)}>
                <input type="hidden" name="document" value={text} />
                <input type="hidden" name="running" value={preview.running_version ?? ""} />
              </ActForm>
            )}
          </section>
          {canBacktest(kind, id) ? (
            <section aria-labelledby="back-test">
              <h2 id="back-test">Try it on stored usage</h2>
              <BacktestForm operator={operator} action={`${path}/back-test`} text={text} asked={asked} kind={kind} />
              {result === null ? null : <BacktestResult answer={result} />}
            </section>
          ) : null}
        </>
      )}
    </>
  );
}

function Faults({ faults }: { faults: readonly TextFault[] }) {
  if (faults.length === 0) return null;
  return (
    <div class="faults" id="faults" role="alert">
      <p>{faults.length === 1 ? "One thing is" : `${faults.length} things are`} wrong with it; nothing was saved.</p>
      <ol>
        {faults.map(({ line, path, message }) => (
          <li>
            <span class="soft">Line {line}</span> {path === "" ? null : <code>{path}</code>} {message}
          </li>
        ))}
      </ol>
    </div>
  );
}

function saveLabel({ version }: PreviewAnswer): string {
  return version === null ? "Save" : `Save as version ${version}`;
}

function Compared({ kind, preview: { running_version, changes } }: { kind: DocumentKind; preview: PreviewAnswer }) {
  const against =
    running_version === null ? `no version of this ${kind.name} is running` : `version ${running_version}`;
  return (
    <Table
      columns={CHANGE_COLUMNS}
      rows={changes}
      caption={`Compared with what is running: ${kind.backtest === null ? "the stored document" : against}`}
      nothing="Nothing: the document says the same as the running one."
    />
  );
}

const MARKS: Readonly<Record<DocumentChange["kind"], readonly [text: string, tone: string]>> = {
  added: ["added", "good"],
  removed: ["removed", "wrong"],
  changed: ["changed", "held"],
};

const CHANGE_COLUMNS: readonly Column<DocumentChange>[] = [
  { label: "Where", show: ({ path }) => <code>{path === "" ? "the whole" : path}</code> },
  { label: "What", show: ({ kind }) => <span class={`tag ${MARKS[kind][1]}`}>{MARKS[kind][0]}</span> },
  { label: "Before", show: ({ before }) => <Value value={before} /> },
  { label: "After", show: ({ after }) => <Value value={after} /> },
];

function Value({ value }: { value: unknown }) {
  return value === undefined ? <>—</> : <code>{JSON.stringify(value)}</code>;
}
