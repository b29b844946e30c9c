import type { Child } from "hono/jsx";
import { ICON, LIVE, STYLE } from "./assets/files.ts";
import type { Place } from "./navigation.ts";

/** A message on top of a page: what was just done, or why it was not. */
export interface Notice {
  readonly tone: "done" | "wrong" | "note";
  readonly text: Child;
}

/** Who is signed in, and how to leave. */
export interface Presence {
  /** The account, or the operator's name. */
  readonly name: string;
  /** Said under the name, such as the plan. */
  readonly detail: string;
  readonly signOutPath: string;
  readonly csrfToken: string;
}

export interface LayoutProps {
  readonly title: string;
  /** Without it (on sign-in pages) there is neither navigation nor sign-out. */
  readonly presence?: Presence;
  readonly places?: readonly Place[];
  /** The path of the place that the page belongs to. */
  readonly current?: string;
  /** Said beside the mark, where it is not the user's own dashboard. */
  readonly house?: string;
  readonly notice?: Notice | null;
  readonly children?: Child;
}

/** The frame of every page: mark, navigation, notice, content. */
export function Layout({ title, presence, places = [], current, house, notice, children }: LayoutProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · Spillway`}</title>
        <link rel="icon" type="image/svg+xml" href={ICON.path} />
        <link rel="stylesheet" href={STYLE.path} />
        <script type="module" src={LIVE.path} />
      </head>
      <body class={presence ? "framed" : "alone"}>
        <a class="skip" href="#main">
          Skip to content
        </a>
        <header class="masthead">
          <p class="mark">
            <Mark />
            <span>Spillway</span>
            {house ? <span class="house">{house}</span> : null}
          </p>
          {presence ? (
            <>
              <Navigation places={places} current={current} />
              <SignedIn presence={presence} />
            </>
          ) : null}
        </header>
        <main id="main" class="page" tabindex={-1}>
          {notice ? <NoticeBox notice={notice} /> : null}
          {children}
        </main>
      </body>
    </html>
  );
}

/** Water that steps down from source to source. */
function Mark() {
  return (
    <svg class="sign" viewBox="0 0 24 24" width="26" height="26" aria-hidden="true" focusable="false">
      <path d="M3 5h8v7h6v7h4" />
      <path class="behind" d="M3 10h3v7h6v4" />
    </svg>
  );
}

function Navigation({ places, current }: { places: readonly Place[]; current: string | undefined }) {
  return (
    <nav class="places" aria-label="Pages">
      <ul>
        {places.map(({ path, label }) => (
          <li>
            <a href={path} aria-current={path === current ? "page" : undefined}>
              {label}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function SignedIn({ presence }: { presence: Presence }) {
  return (
    <div class="presence">
      <p>
        <span class="who">{presence.name}</span>
        <span class="detail">{presence.detail}</span>
      </p>
      <form method="post" action={presence.signOutPath}>
        <CsrfField token={presence.csrfToken} />
        <button type="submit" class="quiet">
          Sign out
        </button>
      </form>
    </div>
  );
}

function NoticeBox({ notice }: { notice: Notice }) {
  return (
    <div class={`notice ${notice.tone}`} role={notice.tone === "wrong" ? "alert" : "status"}>
      {notice.text}
    </div>
  );
}

/** Every form that changes something carries the token of its session. */
export function CsrfField({ token }: { token: string }) {
  return <input type="hidden" name={CSRF_FIELD} value={token} />;
}

export const CSRF_FIELD = "csrf_token";
