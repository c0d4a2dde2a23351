/** Most answers that are remembered: all time zones and locales that there are have room. */
const MOST = 2000;

/**
 * A function of a text, slow and without side effects, that remembers its answers: for values of which many users have the same. When it
 * knows too many it forgets them all, so that texts without sense cannot fill the memory.
 */
export function memoize<Answer>(work: (text: string) => Answer): (text: string) => Answer {
  const answers = new Map<string, Answer>();
  return (text) => {
    const known = answers.get(text);
    if (known !== undefined || answers.has(text)) return known as Answer;
    const answer = work(text);
    if (answers.size >= MOST) answers.clear();
    answers.set(text, answer);
    return answer;
  };
}
