/**
 * The actions of others that generated workflows use, each at one commit. The commits are those that the tags of the named
 * versions point at in the actions' own repositories, read on 2026-11-21; a newer version is a change of this table.
 */
export const pinnedActions = {
  checkout: { uses: "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", version: "v7.0.1" },
  "setup-node": { uses: "actions/setup-node@820762786026740c76f36085b0efc47a31fe5020", version: "v7.0.0" },
  "upload-artifact": { uses: "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", version: "v7.0.0" },
} as const;
