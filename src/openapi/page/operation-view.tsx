import type { MediaType, OpenApiDocument, PathAnswer, PathOperation, PathParameter } from "../format.ts";
import type { JsonSchema } from "../json-schemas.ts";
import { curlOf } from "./example.ts";
import { Prose, Words } from "./prose.tsx";
import { SchemaView } from "./schema-view.tsx";

export interface RouteProps {
  readonly document: OpenApiDocument;
  readonly origin: string;
  readonly method: string;
  readonly path: string;
  readonly operation: PathOperation;
}

/** Everything about one route. */
export function OperationView({ document, origin, method, path, operation }: RouteProps) {
  const answers = Object.entries(operation.responses).map(
    ([status, answer]) => [status, resolved(document, answer)] as const,
  );
  const refusals = answers.filter(([status]) => status >= "400");
  return (
    <article id={operation.operationId} aria-labelledby={`${operation.operationId}-name`}>
      <h3 id={`${operation.operationId}-name`}>{operation.summary}</h3>
      <p class="route">
        <span class={`method ${method}`}>{method.toUpperCase()}</span> <code>{path}</code>
      </p>
      {operation.description ? <Prose text={operation.description} /> : null}
      {operation.externalDocs ? (
        <p>
          Bodies: <a href={operation.externalDocs.url}>{operation.externalDocs.description}</a>
        </p>
      ) : null}
      <Parameters parameters={operation.parameters} />
      {operation.requestBody ? (
        <section>
          <h4>Body{operation.requestBody.required ? "" : " (optional)"}</h4>
          <Contents content={operation.requestBody.content} />
        </section>
      ) : null}
      {answers
        .filter(([status]) => status < "400")
        .map(([status, answer]) => (
          <section>
            <h4>
              Answer <span class="status">{status}</span>
            </h4>
            <Prose text={answer.description} />
            <Contents content={answer.content ?? {}} />
            <Headers headers={answer.headers ?? {}} />
          </section>
        ))}
      <pre class="example">
        <code>{curlOf(document, origin, method, path)}</code>
      </pre>
      <details>
        <summary>Refusals</summary>
        <dl class="fields">
          {refusals.map(([status, { description }]) => (
            <div>
              <dt>
                <span class="status">{status}</span>
              </dt>
              <dd>
                <Prose text={description} />
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </article>
  );
}

function resolved({ components }: OpenApiDocument, answer: PathAnswer | { readonly $ref: string }): PathAnswer {
  if (!("$ref" in answer)) return answer;
  const name = answer.$ref.slice(answer.$ref.lastIndexOf("/") + 1);
  const known = components.responses[name];
  if (!known) throw new Error(`the document refers to an answer ${name} that it does not have`);
  return known;
}

function Parameters({ parameters }: { parameters: readonly PathParameter[] }) {
  if (parameters.length === 0) return null;
  const properties = Object.fromEntries(
    parameters.map(({ name, in: place, description, schema }): [string, JsonSchema] => {
      const text = [place === "query" ? "" : `In the ${place}.`, description ?? ""]
        .filter((part) => part !== "")
        .join(" ");
      return [name, { ...schema, ...(text === "" ? {} : { description: text }) }];
    }),
  );
  const required = parameters.filter((parameter) => parameter.required).map(({ name }) => name);
  return (
    <section>
      <h4>Parameters</h4>
      <SchemaView schema={{ type: "object", properties, required }} />
    </section>
  );
}

/** Bodies and answers by their media type. */
function Contents({ content }: { content: Readonly<Record<string, MediaType>> }) {
  return (
    <>
      {Object.entries(content).map(([type, { schema }]) => (
        <div class="content">
          <p class="media">{type}</p>
          {typeof schema.description === "string" ? (
            <p>
              <Words text={schema.description} />
            </p>
          ) : (
            <SchemaView schema={schema} />
          )}
        </div>
      ))}
    </>
  );
}

function Headers({ headers }: { headers: NonNullable<PathAnswer["headers"]> }) {
  const names = Object.entries(headers);
  if (names.length === 0) return null;
  return (
    <dl class="fields">
      {names.map(([name, { description }]) => (
        <div>
          <dt>
            <code>{name}</code>
          </dt>
          <dd>
            <Words text={description} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
