/**
 * A secret value that cannot be printed. It shows its name in templates, JSON, string conversion and Node's inspect; only
 * `reveal()` yields the text, so that every use can be searched for (principles.md, 10).
 */
export class Secret {
  readonly name: string;
  readonly #text: string;

  constructor(name: string, text: string) {
    this.name = name;
    this.#text = text;
  }

  /** The secret's text. Call it only where the value leaves for its user (a child's environment, a header). */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return `[${this.name}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.toPrimitive](): string {
    return this.toString();
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}
