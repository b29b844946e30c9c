import type { Child } from "hono/jsx";

/** A labelled input, with what is to be known about it. */
export function Field({ id, label, hint, children }: { id: string; label: string; hint?: string; children: Child }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function TextField({
  id,
  name,
  label,
  hint,
  type = "text",
  inputmode,
  pattern,
  value,
  required = false,
  placeholder,
}: {
  id: string;
  name: string;
  label: string;
  hint?: string;
  type?: "text" | "search" | "date" | "datetime-local" | "url";
  inputmode?: "decimal" | "numeric";
  /** What browsers let pass. */
  pattern?: string;
  value?: string | undefined;
  required?: boolean;
  placeholder?: string;
}) {
  return (
    <Field id={id} label={label} {...(hint === undefined ? {} : { hint })}>
      <input
        id={id}
        name={name}
        type={type}
        inputmode={inputmode}
        pattern={pattern}
        // Browsers say this where the pattern does not fit.
        title={pattern === undefined ? undefined : hint}
        value={value}
        required={required}
        placeholder={placeholder}
        autocomplete="off"
        spellcheck={false}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
      />
    </Field>
  );
}

export function SelectField({
  id,
  name,
  label,
  options,
  value,
}: {
  id: string;
  name: string;
  label: string;
  options: readonly (readonly [value: string, text: string])[];
  value?: string;
}) {
  return (
    <Field id={id} label={label}>
      <select id={id} name={name}>
        {options.map(([option, text]) => (
          <option value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** A box to tick, sent as `on`. */
export function TickBox({ name, label, checked = false }: { name: string; label: Child; checked?: boolean }) {
  return (
    <label class="choice">
      <input type="checkbox" name={name} checked={checked} />
      <span>{label}</span>
    </label>
  );
}

/** The text of a field without what surrounds it; `undefined` when it was left empty. */
export function textOf(form: URLSearchParams, name: string): string | undefined {
  const text = form.get(name)?.trim() ?? "";
  return text === "" ? undefined : text;
}
