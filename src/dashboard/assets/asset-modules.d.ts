/** Files that wrangler.toml's rules make part of the Worker as text. */
declare module "*.css" {
  const text: string;
  export default text;
}

declare module "*.asset.js" {
  const text: string;
  export default text;
}
