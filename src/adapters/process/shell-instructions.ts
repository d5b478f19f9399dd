/**
 * What a person types when Sluice is down (X9): plain `sh` lines that start and stop a revision as we would. Secrets are
 * named, never written: they come from the shell or from a file that the person keeps.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Secret } from "../../domain/secret.ts";
import type { RunSpec } from "../../ports/target.ts";
import { type InstanceRecord, type InstanceRecords, tokenVariable } from "./instance-records.ts";
import { workingFolder } from "./spawn-instance.ts";

interface Place {
  readonly root: string;
  readonly host: string;
  readonly records: InstanceRecords;
}

export function shellInstructions(spec: RunSpec, place: Place): { readonly start: string[]; readonly stop: string[] } {
  const indexes = Array.from({ length: spec.instances }, (_, index) => index);
  return { start: indexes.flatMap((index) => startLines(spec, place, index)), stop: stopLines(spec, place) };
}

/** Only asked for where something has to be started: a way back to what still runs must not stop for want of a secret. */
function secretLines(spec: RunSpec, place: Place): readonly string[] {
  const names = Object.entries(spec.environment).flatMap(([name, value]) => (value instanceof Secret ? [name] : []));
  if (names.length === 0) return [];
  const file = join(place.root, `${spec.component}.env`);
  return [
    `# Needed: ${names.join(", ")}, from this shell or from a file of NAME='value' lines that you keep at ${file}`,
    `if [ -f ${quoted(file)} ]; then set -a; . ${quoted(file)}; set +a; fi`,
    ...names.map((name) => `: "\${${name}:?set ${name} first}"`),
  ];
}

function startLines(spec: RunSpec, place: Place, index: number): readonly string[] {
  const log = place.records.logFile(spec.component, spec.revision, index);
  // Named after the component too: one script starts several of them.
  const port = `PORT_${spec.component.replaceAll(/[^A-Za-z0-9]/g, "_").toUpperCase()}_${index}`;
  const token = `${place.records.tokenPrefix(spec.component, spec.revision)}${index}/by-hand`;
  const environment = Object.entries(spec.environment).flatMap(([name, value]) =>
    value instanceof Secret ? [`${name}="$${name}"`] : [`${name}=${quoted(value, port)}`],
  );
  const ours = [
    `PORT="$${port}"`,
    `SLUICE_VERSION=${quoted(spec.version)}`,
    `SLUICE_COMPONENT=${quoted(spec.component)}`,
  ];
  const identity = [`SLUICE_REVISION=${quoted(spec.revision)}`, `${tokenVariable}=${quoted(token)}`];
  const command = spec.command.map((word) => quoted(word, port)).join(" ");
  const probe = `"http://${place.host}:$${port}"${quoted(spec.ready.path)}`;
  const ask = "curl -s -o /dev/null -w '%{http_code}'";
  const start = [
    ...secretLines(spec, place),
    `mkdir -p ${quoted(dirname(log))}`,
    `(cd ${quoted(workingFolder(spec))} && ${[...environment, ...ours, ...identity].join(" ")} setsid ${command} >>${quoted(log)} 2>&1 </dev/null &)`,
    `${ask} --retry 30 --retry-delay 1 --retry-connrefused ${probe}; echo "  ${spec.component} must answer ${spec.ready.expectStatus}"`,
  ];
  return [
    `${port}=\${${port}:-${usualPort(spec, place, index)}}`,
    `if [ "$(${ask} ${probe})" = ${spec.ready.expectStatus} ]; then echo ${quoted(`${spec.component} ${spec.version} is running`)}; else`,
    ...start.map((line) => `  ${line}`),
    "fi",
  ];
}

/** Everything of the revision carries its token, whoever started it. Asked first, then killed. */
function stopLines(spec: RunSpec, place: Place): string[] {
  const pattern = `^${tokenVariable}=${place.records.tokenPrefix(spec.component, spec.revision)}`.replaceAll(
    /[.[\]*\\]/g,
    "\\$&",
  );
  const find = `grep -lzs ${quoted(pattern)} /proc/[0-9]*/environ | cut -d/ -f3`;
  const seconds = Math.ceil(spec.stopTimeoutMs / 1000);
  return [
    `for pid in $(${find}); do kill -TERM "$pid"; done`,
    `for second in $(seq ${seconds}); do [ -z "$(${find})" ] && break; sleep 1; done`,
    `for pid in $(${find}); do kill -KILL "$pid"; done`,
  ];
}

/** The port it had, if it ran here before; else one that is always the same for this revision and outside the usual range. */
function usualPort(spec: RunSpec, place: Place, index: number): number {
  const file = place.records.file(spec.component, spec.revision, index);
  if (existsSync(file)) return (JSON.parse(readFileSync(file, "utf8")) as InstanceRecord).port;
  const spread = [...`${basename(file)}/${spec.component}`].reduce(
    (sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 10_000,
    7,
  );
  return 20_000 + spread;
}

/** One shell word. With `port`, `{port}` inside becomes that variable's value. */
function quoted(text: string, port?: string): string {
  const literal = (part: string) => (part === "" ? "" : `'${part.replaceAll("'", `'\\''`)}'`);
  const parts = port === undefined ? [text] : text.split("{port}");
  return parts.map(literal).join(`"$${port}"`) || "''";
}
