/**
 * H4: which checks a smoke suite runs, in one table. An environment names its suite; any cell can be overridden there, and
 * a single check may name the smallest suite it belongs to.
 */
import { type SmokeCheckSettings, type SmokeSuite, smokeSuites } from "./settings.ts";

/** The declared checks, and two that come from other parts of the configuration. */
export type SmokeKind = SmokeCheckSettings["kind"] | "journey" | "database";

export type SmokeRow = Readonly<Record<SmokeSuite, boolean>>;

export const smokeTable = {
  http: { essential: true, full: true, extended: true, about: "an address answers with its status and body (H1)" },
  database: { essential: true, full: true, extended: true, about: "every database answers (H2)" },
  tcp: { essential: true, full: true, extended: true, about: "a dependency accepts connections (H2)" },
  tls: {
    essential: false,
    full: true,
    extended: true,
    about: "the certificate is valid and does not expire soon (H5)",
  },
  "https-enforced": { essential: false, full: true, extended: true, about: "plain HTTP is sent on to HTTPS (H5)" },
  cors: { essential: false, full: true, extended: true, about: "other origins are answered as intended (H5)" },
  "response-time": { essential: false, full: false, extended: true, about: "a series of answers within a limit (H5)" },
  journey: { essential: false, full: false, extended: true, about: "what a user does, step by step (H6)" },
} as const satisfies Record<SmokeKind, SmokeRow & { readonly about: string }>;

export type SmokeOverrides = { readonly [kind in SmokeKind]?: Partial<SmokeRow> };

export interface SmokeCandidate {
  readonly kind: SmokeKind;
  /** The smallest suite it runs in; absent: as the table says for its kind. */
  readonly suite?: SmokeSuite;
}

/** The checks of a suite in the order declared. An overridden cell comes before the check's own suite, that before the table. */
export function checksOfSuite<Candidate extends SmokeCandidate>(
  checks: readonly Candidate[],
  suite: SmokeSuite,
  overrides: SmokeOverrides = {},
): readonly Candidate[] {
  return checks.filter((check) => {
    const own = check.suite === undefined ? smokeTable[check.kind][suite] : rank(check.suite) <= rank(suite);
    return overrides[check.kind]?.[suite] ?? own;
  });
}

const rank = (suite: SmokeSuite): number => smokeSuites.indexOf(suite);
