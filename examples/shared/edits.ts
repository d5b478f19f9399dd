/**
 * How a release of an example differs from the one it is based on: whole files, or exact replacements. A replacement whose
 * text is not there exactly once is an error, so the releases cannot drift from the source in `app/` unnoticed.
 */
export type Edit =
  | { readonly file: string; readonly content: string }
  | { readonly file: string; readonly replace: string; readonly by: string };

/** What one release changes. */
export interface Change {
  readonly tag: string;
  readonly edits: readonly Edit[];
}

/** Path, with `/` → content. */
export type Tree = ReadonlyMap<string, string>;

/** The base's files with the edits made; throws where an edit does not fit. */
export function applyEdits(base: Tree, release: Change): Tree {
  const tree = new Map(base);
  for (const edit of [...release.edits, versionEdit(base, release.tag)]) {
    tree.set(edit.file, "content" in edit ? edit.content : replaced(tree, edit, release.tag));
  }
  return tree;
}

function replaced(tree: Tree, edit: Extract<Edit, { replace: string }>, tag: string): string {
  const parts = (tree.get(edit.file) ?? "").split(edit.replace);
  if (parts.length !== 2) {
    throw new Error(`${tag}: ${edit.file} holds ${parts.length - 1} times, not once: ${edit.replace}`);
  }
  return parts.join(edit.by);
}

/** package.json carries the version without its `v`. */
function versionEdit(base: Tree, tag: string): Edit {
  const content = (base.get("package.json") ?? "").replace(/"version": "[^"]*"/, `"version": "${tag.slice(1)}"`);
  return { file: "package.json", content };
}
