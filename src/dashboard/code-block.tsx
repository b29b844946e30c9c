/** Text to copy. The button appears where scripts run. */
export function CodeBlock({ id, label, text }: { id: string; label: string; text: string }) {
  return (
    <div class="copyable">
      <pre id={id} tabindex={0}>
        {text}
      </pre>
      <button type="button" class="quiet" data-copy={id} hidden aria-label={`Copy: ${label}`}>
        Copy
      </button>
    </div>
  );
}
