/** The folder of one deployment's files (D7): logs, reports, the record. Every line passes the redactor before it is written. */
export interface RunFolder {
  /** Where the files lie, for people. */
  readonly location: string;
  append(file: string, text: string): Promise<void>;
  /** Replaces the file as a whole, atomically. */
  write(file: string, text: string): Promise<void>;
}
