/** How the configuration reads the files it names; given by the caller, so that nothing here touches the disk. */

/** The text of a file; throws when it cannot be read. Paths are as written (relative to the project) or absolute. */
export type ReadFile = (path: string) => string;
