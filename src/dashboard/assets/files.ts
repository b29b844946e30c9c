import { sha256Hex } from "../../sha256.ts";
import live from "./live.asset.js";
import base from "./styles/base.css";
import charts from "./styles/charts.css";
import figures from "./styles/figures.css";
import forms from "./styles/forms.css";
import frame from "./styles/frame.css";
import money from "./styles/money.css";
import notices from "./styles/notices.css";
import operators from "./styles/operators.css";
import sources from "./styles/sources.css";
import tables from "./styles/tables.css";
import text from "./styles/text.css";

/** A file that pages refer to. Its name tells its content, so browsers may keep it for ever. */
export interface AssetFile {
  /** Absolute path. */
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

const BASE = "/dashboard/assets";

/** The mark of the house: water that steps down from source to source. */
const MARK = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><g fill="none" stroke="#0d6c86"
 stroke-width="2.4" stroke-linecap="round"><path d="M3 5h8v7h6v7h4"/><path d="M3 10h3v7h6v4" opacity=".5"/></g></svg>`;

export const STYLE = assetFile(
  "style",
  "css",
  "text/css; charset=utf-8",
  [base, frame, text, figures, notices, tables, sources, charts, forms, money, operators].join("\n"),
);
export const LIVE = assetFile("live", "js", "text/javascript; charset=utf-8", live);
export const ICON = assetFile("icon", "svg", "image/svg+xml", MARK);

function assetFile(name: string, ending: string, type: string, text: string): AssetFile {
  return { path: `${BASE}/${name}.${sha256Hex(text).slice(0, 12)}.${ending}`, type, text };
}
