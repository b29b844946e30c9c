import { TextField } from "../fields.tsx";

/** Narrows a page that lists what all accounts have to one account. */
export function AccountFilter({ path, account }: { path: string; account: string | null }) {
  return (
    <search>
      <form class="row" method="get" action={path}>
        <div class="grow">
          <TextField id="account" name="account" label="Account" type="search" value={account ?? ""} />
        </div>
        <button type="submit" class="quiet">
          Show
        </button>
      </form>
    </search>
  );
}
