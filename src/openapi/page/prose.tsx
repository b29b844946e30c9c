/** Text of the document: paragraphs, and code between backticks. */
export function Prose({ text }: { text: string }) {
  return (
    <>
      {text.split(/\n+/).map((paragraph) => (
        <p>
          <Words text={paragraph} />
        </p>
      ))}
    </>
  );
}

/** One line of it. */
export function Words({ text }: { text: string }) {
  return <>{text.split("`").map((part, index) => (index % 2 === 0 ? part : <code>{part}</code>))}</>;
}
