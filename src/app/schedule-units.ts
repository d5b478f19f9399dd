/**
 * Who calls `sluice schedule run` until a server does: a systemd timer, or a generated workflow (workflow-files.ts). Both come often
 * and find nothing to do; what is due is decided by the ledger, so that a missed call is made up for by the next one.
 */
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { SluiceError } from "../domain/errors.ts";

export interface CallerFile {
  readonly name: string;
  readonly text: string;
}

export interface CallerPlace {
  readonly project: string;
  /** Absolute. */
  readonly projectFolder: string;
  /** What a backup writes to outside of the project's folder. */
  readonly otherFolders: readonly string[];
}

/** Nothing in it means anything to systemd. */
const plain = /^[A-Za-z0-9_/.@+-]+$/;

function plainWord(word: string): string {
  if (plain.test(word)) return word;
  throw new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "app.schedule-units",
    message: `${JSON.stringify(word)} has characters that mean something to systemd; only A-Z a-z 0-9 _ / . @ + - are written.`,
    hint: "Move or link the folder to such a name, and name it: sluice schedule systemd --project <folder>",
  });
}

const mainFile = (): string => fileURLToPath(new URL(`../cli/main${import.meta.url.slice(-3)}`, import.meta.url));

export function systemdUnits({ project, projectFolder, otherFolders }: CallerPlace): readonly CallerFile[] {
  const name = plainWord(`sluice-${project}-schedule`);
  const folder = plainWord(projectFolder);
  const writable = [folder, ...otherFolders.map(plainWord)].join(" ");
  const command = [process.execPath, mainFile()].map(plainWord).join(" ");
  const service = `[Unit]
Description=Sluice: what is due for ${plainWord(project)}
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
User=${plainWord(userInfo().username)}
WorkingDirectory=${folder}
# Secrets, as NAME=value; readable for root alone.
EnvironmentFile=-/etc/sluice/${plainWord(project)}.env
ExecStart=${command} schedule run --project ${folder}
# The ledger's own database outlives the call.
KillMode=process
TimeoutStartSec=6h
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=${writable}
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
`;
  const timer = `[Unit]
Description=Sluice: asks every five minutes what is due for ${plainWord(project)}

[Timer]
OnCalendar=*:0/5
Persistent=yes
RandomizedDelaySec=20

[Install]
WantedBy=timers.target
`;
  return [
    { name: `${name}.service`, text: service },
    { name: `${name}.timer`, text: timer },
  ];
}
