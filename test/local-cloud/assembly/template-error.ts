/** The template asks for something that the local cloud does not know, so that running it would not mean what deploying it does. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  /** Logical id of the resource, or name of the template's section. */
  readonly logicalId: string;

  constructor(logicalId: string, problem: string) {
    super(`${logicalId}: ${problem}`);
    this.logicalId = logicalId;
  }
}
