/** What besides the weights decides which version serves a request, and where clients reach a component. */

/** A user keeps its version while the weights stay, and goes only towards the version whose weight rises. */
export type StickySettings =
  | {
      /** The router's own cookie, given to whoever has none. */
      readonly kind: "cookie";
      readonly name: string;
      /** Browsers send it over TLS only. */
      readonly secure: boolean;
      /** The component sees it too. */
      readonly forward: boolean;
    }
  /** By the value of a header that somebody before the router sets, e.g. the user's id; without it by chance. */
  | { readonly kind: "header"; readonly name: string };

export interface TesterSettings {
  /** Its value is `candidate`, `stable` or a version, then a blank and the token where one is asked for. */
  readonly header: string;
  /** Null: everybody who knows the header may choose. */
  readonly token: { readonly secret: string } | null;
}

export interface RouteSettings {
  readonly host: string;
  readonly port: number;
  /** Absent: every request goes by the weights, whoever asks. */
  readonly sticky?: StickySettings;
  /** Absent: nobody can choose. */
  readonly testers?: TesterSettings;
}
