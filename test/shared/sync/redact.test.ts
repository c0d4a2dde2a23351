import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact } from '../../../shared/sync/redact.ts';

describe('a message of the CRM', () => {
  it.each([
    ['User 99 does not exist', 'User 99 does not exist'],
    ['Unable to save "Ann Lee": owner 99 is inactive', 'Unable to save …: owner 99 is inactive'],
    ["Email 'ann@example.com' is taken", 'Email … is taken'],
    ['Email ann@example.com, is taken', 'Email … is taken'],
    ['Sent to <ann@example.com>', 'Sent to …'],
    ['Phone +1 (212) 555-0123 is wrong', 'Phone +1 (212) … is wrong'],
    ['Contact Ann LEE, of Zürich', 'Contact … … of …'],
    ['java.lang.NullPointerException\n\tat com.example.Ann', 'java.lang.NullPointerException'],
    ['  ', ''],
  ])('%j keeps what is not personal', (message, shown) => {
    expect(redact(message, ['Ann', 'Lee', 'zürich', '{"locality":"Zürich"}'])).toBe(shown);
  });

  it.each([
    ['"the answer" is too long', '… is too long'],
    ["'the answer' is too long", '… is too long'],
    ['`the answer` is too long', '… is too long'],
    ['<the answer> is too long', '… is too long'],
    ['“the answer” is too long', '… is too long'],
    ['"" is too short', '… is too short'],
    ['neither "this" nor "that" is allowed', 'neither … nor … is allowed'],
  ])('%j is shown without the texts in quotes', (message, shown) => {
    expect(redact(message, [])).toBe(shown);
  });

  it.each([
    ['Code 123 is wrong', 'Code 123 is wrong'],
    ['Code 1234 is wrong', 'Code … is wrong'],
    ['Code 12-34 is wrong', 'Code … is wrong'],
    ['Code 12 34 is wrong', 'Code 12 34 is wrong'],
  ])('%j keeps short numbers only', (message, shown) => {
    expect(redact(message, [])).toBe(shown);
  });

  it.each([
    ['田中太郎', ['太郎', '田中']],
    ['王伟', ['伟', '王']],
    ['Zoë-Anne', ['Zoë']],
  ])('hides the name %s without spaces between %j', (written, values) => {
    expect(redact(`Contact ${written} has no owner A`, [...values, 'a'])).toBe('Contact … has no owner A');
  });

  it.each([
    ['Groß', 'GROSS'],
    ['GROSS', 'groß'],
    ['Groß', 'GROẞ'],
    ['GROSS', 'GROẞ'],
    ['Νίκος', 'ΝΊΚΟΣ'],
  ])('hides the name %s where it is written %s', (name, written) => {
    expect(redact(`Contact ${written} is wrong`, [name])).toBe('Contact … is wrong');
  });

  it('keeps its spaces', () => {
    expect(redact('Owner  99\tis  inactive', [])).toBe('Owner  99\tis  inactive');
  });

  it('is whole if the values have no words', () => {
    expect(redact('Date : 99 / 99 is wrong', ['', '?', '-', 'a'])).toBe('Date : 99 / 99 is wrong');
  });

  it('has at most 200 characters, and as many if there are more', () => {
    expect(redact('no '.repeat(1000), [])).toBe('no '.repeat(67).slice(0, 200));
  });

  it('never shows a word of the values, wherever it stands', () => {
    const word = fc.stringMatching(/^[\p{L}]{2,12}$/u);
    fc.assert(
      fc.property(word, word, fc.string({ unit: 'binary' }), (name, other, noise) => {
        const shown = redact(`${other}: cannot save ${name}, ${noise}`, [name]);
        expect(shown.toLowerCase().split(/[^\p{L}\p{M}\p{N}]+/u)).not.toContain(name.toLowerCase());
      }),
    );
  });
});
