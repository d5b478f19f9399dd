/** F1–F9: all checks side by side, all results shown, each failure with what to do. What each may do is the environment's table. */
import { ruleOnFence } from "../../domain/attempt.ts";
import type { CheckName } from "../../domain/checks.ts";
import { humanBytes } from "../../domain/duration.ts";
import { failureOf } from "../../domain/errors.ts";
import type { Finding } from "../../domain/plan.ts";
import type { Serving } from "../../domain/serving.ts";
import { fail, pass, unknown } from "../../domain/verdict.ts";
import { roomsForProof } from "../copy-room.ts";
import type { Parts } from "../parts.ts";
import { treeOf } from "../release-tree.ts";
import type { Stage } from "../stage.ts";
import { type Answer, type GateInput, isDeclared, stagingProbe, vulnerabilityProbe } from "./gate-probes.ts";
import { describeHolder } from "./lock.ts";

interface PreflightInput extends GateInput {
  readonly deploymentId: string;
  readonly serving: Serving | null;
}

type Probe = (parts: Parts, input: PreflightInput, signal: AbortSignal) => Promise<Answer>;

export const preflight: Stage<PreflightInput, PreflightInput, readonly Finding[]> = {
  name: "preflight",
  touches: "nothing",
  plan: ({ settings }) => [
    `${Object.values(settings.checks).filter((action) => action !== "off").length} checks side by side (${settings.strictness})`,
  ],
  expectedMs: () => 1_000,
  prepare: (input) => input,
  async run(input, { parts, signal, log, progress }) {
    const findings = await Promise.all(
      (Object.entries(probes) as [CheckName, Probe][])
        .filter(([check]) => parts.settings.checks[check] !== "off" && isDeclared(check, parts))
        .map(([check, probe]) => find(check, probe, parts, input, signal)),
    );
    for (const finding of findings) {
      await log(
        "preflight.log",
        `${finding.verdict.padEnd(7)} ${finding.check.padEnd(20)} ${finding.detail} ${finding.hint}`,
      );
    }
    for (const finding of findings.filter(({ verdict }) => verdict !== "pass")) {
      const tone = finding.action === "block" ? "bad" : "warn";
      await progress(`${finding.check}: ${finding.detail}`, { hint: finding.hint }, tone);
    }
    return findings;
  },
  summary: (findings) => {
    const passed = findings.filter(({ verdict }) => verdict === "pass").length;
    return `${passed} of ${findings.length} checks passed`;
  },
};

async function find(
  check: CheckName,
  probe: Probe,
  parts: Parts,
  input: PreflightInput,
  signal: AbortSignal,
): Promise<Finding> {
  const action = parts.settings.checks[check];
  try {
    const { verdict, detail, hint } = await probe(parts, input, signal);
    return { check, action, verdict: verdict.kind, detail, hint: hint ?? "" };
  } catch (thrown) {
    signal.throwIfAborted();
    const failure = failureOf(thrown, `preflight.${check}`);
    return { check, action, verdict: "fail", detail: `${failure.message} (${failure.code})`, hint: failure.hint };
  }
}

const ok = (detail: string): Answer => ({ verdict: pass, detail });
const bad = (detail: string, hint: string): Answer => ({ verdict: fail(detail), detail, hint });

function secretsProbe(required: boolean): Probe {
  return async (parts) => {
    const missing = parts.secrets.missing().filter((secret) => secret.required === required);
    const total = parts.settings.secrets.filter((secret) => secret.required === required).length;
    if (missing.length === 0) return ok(`${total} present`);
    const names = missing.map(({ name, source }) => `${name} (${source})`).join(", ");
    return bad(`missing or empty: ${names}`, "Set each of them where it is looked for, then: sluice check");
  };
}

/** `migration-lint` is judged by the plan, which reads the migrations. */
const probes: Readonly<Record<Exclude<CheckName, "migration-lint">, Probe>> = {
  secrets: secretsProbe(true),
  "optional-secrets": secretsProbe(false),

  "clean-tree": async ({ source }, _input, signal) => {
    const paths = await source.dirtyPaths(signal);
    if (paths.length === 0) return ok("no uncommitted changes");
    const shown = paths.slice(0, 5).join(", ");
    return bad(
      `${paths.length} uncommitted: ${shown}${paths.length > 5 ? ", …" : ""}`,
      "Commit or stash them: git status",
    );
  },

  ci: async ({ ciGate }, { release }, signal) => {
    if (ciGate === undefined)
      return {
        verdict: unknown("no CI gate"),
        detail: "no CI gate is configured",
        hint: "Set ci.checks or ci.command of the environment: sluice validate",
      };
    const { verdict, detail } = await ciGate.passed(release.commit, signal);
    return { verdict, detail, hint: `CI must pass for ${release.commit.slice(0, 12)} itself, then start again` };
  },

  staging: stagingProbe,

  vulnerabilities: vulnerabilityProbe,

  target: async ({ target, ledger, settings }, _input, signal) => {
    const fence = await target.fence(signal);
    const ruling = ruleOnFence(fence, { ledgerId: ledger.id, n: Number.MAX_SAFE_INTEGER, deploymentId: "" });
    if (ruling === "foreign") return foreign("target", fence?.ledgerId, fence?.deploymentId, settings.environment);
    await target.observe(signal);
    return ok(fence ? `last used by ${fence.deploymentId}` : "never used before");
  },

  router: async ({ routers, ledger, settings }, _input, signal) => {
    for (const [component, router] of routers) {
      const fence = await router.fence(signal);
      const ruling = ruleOnFence(fence, { ledgerId: ledger.id, n: Number.MAX_SAFE_INTEGER, deploymentId: "" });
      if (ruling === "foreign")
        return foreign(`router of ${component}`, fence?.ledgerId, fence?.deploymentId, settings.environment);
      await router.observe(signal);
    }
    return ok([...routers].map(([component, router]) => `${component} at ${router.url}`).join(", ") || "no routes");
  },

  "no-active-deployment": async ({ ledger, settings }, { deploymentId }) => {
    const holder = await ledger.lock(settings.environment);
    if (holder === undefined || holder.deploymentId === deploymentId) return ok("the lock is free");
    if (settings.lock.onBusy === "queue" && holder.kind === "deployment")
      return ok(`will queue behind ${describeHolder(holder)}`);
    return bad(`LOCK_HELD by ${describeHolder(holder)}`, `Follow it: sluice logs ${holder.deploymentId} --follow`);
  },

  artifacts: async ({ target, settings }, { artifacts }, signal) => {
    if (settings.build === "with-migrations") return ok("built beside the migrations");
    for (const artifact of artifacts) {
      const { available, reason } = await target.available(artifact, signal);
      if (!available)
        return bad(
          `${artifact.component}: ${reason}`,
          `Build it again: sluice build ${settings.environment} <version>`,
        );
    }
    return ok(`${artifacts.length} with the digest of the build`);
  },

  disk: async ({ hosts, settings }, _input, signal) => {
    for (const host of hosts) {
      const { freeDiskBytes } = await host.facts(settings.target.root, signal);
      if (freeDiskBytes < settings.disk.minFreeBytes) {
        return bad(
          `${host.name} has ${humanBytes(freeDiskBytes)} free, less than ${humanBytes(settings.disk.minFreeBytes)}`,
          `Free some, or lower environments.${settings.environment}.disk.minFree: df -h`,
        );
      }
    }
    return ok(
      `at least ${humanBytes(settings.disk.minFreeBytes)} free on ${hosts.length} host${hosts.length === 1 ? "" : "s"}`,
    );
  },

  memory: async ({ hosts, settings }, _input, signal) => {
    for (const host of hosts) {
      const { freeMemoryBytes } = await host.facts(settings.target.root, signal);
      if (freeMemoryBytes < settings.memory.minFreeBytes) {
        return bad(
          `${host.name} has ${humanBytes(freeMemoryBytes)} of memory free, less than ${humanBytes(settings.memory.minFreeBytes)}`,
          "Stop something, or start on a larger host: free -h",
        );
      }
    }
    return ok("enough everywhere");
  },

  load: async ({ hosts, settings }, _input, signal) => {
    for (const host of hosts) {
      const { loadPerCpu } = await host.facts(settings.target.root, signal);
      if (loadPerCpu > settings.load.maxPerCpu) {
        return bad(`${host.name} has a load of ${loadPerCpu.toFixed(1)} per processor`, "See what runs there: uptime");
      }
    }
    return ok("no host is overloaded");
  },

  database: async ({ databases }, _input, signal) => {
    const facts = await Promise.all(databases.map((database) => database.facts(signal)));
    return ok(
      facts
        .map(
          ({ kind, name, sizeBytes }) =>
            `${kind} ${name} ${sizeBytes === 0 ? "of unknown size" : humanBytes(sizeBytes)}`,
        )
        .join(", ") || "none declared",
    );
  },

  "backup-store": async ({ backups, databases, settings }, _input, signal) => {
    if (databases.length === 0 || settings.backup.policy === "none") return ok("not needed");
    const free = await backups.freeBytes(signal);
    const facts = await Promise.all(databases.map((database) => database.facts(signal)));
    const needed = facts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (free !== undefined && free < needed) {
      return bad(
        `${backups.name} has ${humanBytes(free)} free for ${humanBytes(needed)} of databases`,
        "Make room: sluice backup list",
      );
    }
    // B1: an older pg_dump than its server is found before anybody approves, not after.
    const tools = await Promise.all(databases.map((database) => database.tools(signal)));
    const rooms = await roomsForProof({ databases, settings }, signal);
    const short = rooms.find(({ kind }) => kind === "short");
    if (short)
      return bad(`the proof has no room: ${short.words}`, "Make room on the disk of the database, then: sluice check");
    const unknown = rooms.flatMap(({ kind, words }) => (kind === "unknown" ? [words] : []));
    const known = free === undefined ? [] : [`${humanBytes(free)} free`];
    return ok([backups.name, ...known, ...tools, ...unknown].join(", "));
  },

  migrations: async (parts, input, signal) => {
    if (parts.migrators.length === 0) return ok("none declared");
    const tree = await treeOf(parts, input, signal);
    const found = await Promise.all(
      parts.migrators.map(async ({ database, troubles }) =>
        ((await troubles?.(tree, signal)) ?? []).map((trouble) => ({ database, ...trouble })),
      ),
    );
    const detail = found.flat().map((trouble) => `${trouble.database}: ${trouble.detail}`);
    const stop = found.flat().find(({ severity }) => severity === "stop");
    if (stop) return bad(detail.join("; "), stop.hint);
    return ok(detail.length > 0 ? `can run, but ${detail.join("; ")}` : "nothing stands against them");
  },

  "previous-available": async ({ target }, { serving }, signal) => {
    if (serving === null) return ok("first deployment: there is no version to go back to");
    for (const component of serving.components) {
      const { available, reason } = await target.available(component.artifact, signal);
      if (!available)
        return bad(
          `${component.component} ${component.version}: ${reason}`,
          "Without it a rollback cannot start it again. Rebuild it: sluice build",
        );
    }
    return ok(`${serving.version} can be started again`);
  },
};

function foreign(
  what: string,
  ledgerId: string | undefined,
  deploymentId: string | undefined,
  environment: string,
): Answer {
  return bad(
    `LEDGER_FOREIGN: the ${what} belongs to ledger ${ledgerId} (last used by ${deploymentId})`,
    `Deploy from there, or continue here: sluice lock take-over ${environment} --reason "…"`,
  );
}
