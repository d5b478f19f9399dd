/** The folder of one deployment's files (D7): logs, reports, the record. Every line passes the redactor before it is written. */
export interface RunFolder {
  /** Where the files lie, for people. */
  readonly location: string;
  /** Never rejects for the disk's sake: a line that cannot be logged must not turn traffic. The ledger has the story. */
  append(file: string, text: string): Promise<void>;
  /** Replaces the file as a whole, atomically; nothing is left of one that could not be written. */
  write(file: string, text: string): Promise<void>;
}
