import type { OpenApiDocument, PathOperation } from "../format.ts";
import { OperationView } from "./operation-view.tsx";
import { Prose, Words } from "./prose.tsx";
import { anchorOf, SchemaView } from "./schema-view.tsx";

export interface DocsProps {
  readonly document: OpenApiDocument;
  /** Where the gateway was reached: examples are to be copied. */
  readonly origin: string;
  readonly stylePath: string;
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: PathOperation;
}

/** The whole document as a page. It needs no script, so none is allowed to run. */
export function DocsPage({ document, origin, stylePath }: DocsProps) {
  const routes = routesOf(document);
  const schemas = Object.entries(document.components.schemas);
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Spillway API</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={stylePath} />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to content
        </a>
        <Navigation document={document} routes={routes} schemas={schemas.map(([id]) => id)} />
        <main id="main" tabindex={-1}>
          <header>
            <h1>Spillway API</h1>
            <p class="version">
              Version {document.info.version}, as <a href="/openapi.json">OpenAPI 3.1</a>
            </p>
            <Prose text={document.info.description} />
          </header>
          {document.tags.map(({ name, description }) => (
            <section id={tagAnchor(name)} aria-labelledby={`${tagAnchor(name)}-name`}>
              <h2 id={`${tagAnchor(name)}-name`}>{name}</h2>
              <Prose text={description} />
              {routes
                .filter(({ operation }) => operation.tags.includes(name))
                .map((route) => (
                  <OperationView document={document} origin={origin} {...route} />
                ))}
            </section>
          ))}
          <section id="schemas" aria-labelledby="schemas-name">
            <h2 id="schemas-name">Schemas</h2>
            {schemas.map(([id, schema]) => (
              <article id={anchorOf(id)} aria-labelledby={`${anchorOf(id)}-name`}>
                <h3 id={`${anchorOf(id)}-name`}>{id}</h3>
                {typeof schema.description === "string" ? (
                  <p>
                    <Words text={schema.description} />
                  </p>
                ) : null}
                <SchemaView schema={schema} />
              </article>
            ))}
          </section>
        </main>
      </body>
    </html>
  );
}

interface NavigationProps {
  readonly document: OpenApiDocument;
  readonly routes: readonly Route[];
  readonly schemas: readonly string[];
}

function Navigation({ document, routes, schemas }: NavigationProps) {
  return (
    <nav aria-label="Contents">
      <p class="mark">Spillway</p>
      <ul>
        {document.tags.map(({ name }) => (
          <li>
            <a href={`#${tagAnchor(name)}`}>{name}</a>
            <ul class="routes">
              {routes
                .filter(({ operation }) => operation.tags.includes(name))
                .map(({ operation }) => (
                  <li>
                    <a href={`#${operation.operationId}`}>{operation.summary}</a>
                  </li>
                ))}
            </ul>
          </li>
        ))}
        <li>
          <a href="#schemas">Schemas</a>
          <ul class="routes">
            {schemas.map((id) => (
              <li>
                <a href={`#${anchorOf(id)}`}>{id}</a>
              </li>
            ))}
          </ul>
        </li>
      </ul>
    </nav>
  );
}

function routesOf({ paths }: OpenApiDocument): Route[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
}

function tagAnchor(name: string): string {
  return `part-${name.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
}
