/** The databases of an environment: where each is, and what Sluice may do to it. */
type TextOrSecret = string | { readonly secret: string };

export type DatabaseSettings =
  | {
      readonly name: string;
      readonly kind: "postgres";
      readonly url: TextOrSecret;
      readonly roomForCopyBytes?: number;
    }
  | { readonly name: string; readonly kind: "sqlite"; readonly file: string }
  | {
      readonly name: string;
      readonly kind: "mariadb" | "mysql";
      readonly url: TextOrSecret;
      /** Null: commits are never held. */
      readonly holdWritesMs: number | null;
    };
