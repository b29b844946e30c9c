const ACTOR = /^(?! )[^\p{C}]{1,100}(?<! )$/u;

/** Whether an operator can be known by this name: 1 to 100 characters that can be seen, and spaces between them. */
export function isActorName(text: string): boolean {
  return ACTOR.test(text);
}
