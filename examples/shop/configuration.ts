/** The shop's sluice.yaml. The demo gives ports and database; its waits are seconds where production would have minutes. */
export interface ShopPorts {
  readonly gateway: number;
  readonly catalogue: number;
  readonly auth: number;
}

export interface ShopPlace {
  readonly ports: ShopPorts;
  /** Absent: there is no environment `uat`. Its database is named by SHOP_UAT_DATABASE_URL. */
  readonly uatPorts?: ShopPorts;
  readonly database: { readonly kind: "postgres" | "sqlite"; readonly url: string };
  /** Absolute folder of the `pg` package, for the services. */
  readonly pgModule: string;
  /** Who may approve in the second environment, by their names in the file of allowed signers. */
  readonly approvers: readonly string[];
  readonly allowedSignersFile: string;
}

export function shopConfiguration(place: ShopPlace): string {
  const { ports, database, pgModule } = place;
  const declared =
    database.kind === "postgres"
      ? "{ kind: postgres, url: { secret: SHOP_DATABASE_URL } }"
      : `{ kind: sqlite, file: ${JSON.stringify(database.url.replace(/^sqlite:/, ""))} }`;
  const component = (name: string, environment: string) => `  ${name}:
    build: [["node", "build.mjs"]]
    command: ["node", "server.mjs"]
    workingDirectory: services/${name}
    environment:${environment}
    ready: { path: /health, version: true, interval: 50ms, timeout: 15s }
    stopTimeout: 10s
    route: { port: ${ports[name as keyof typeof ports]} }
`;
  const data = `
      SHOP_DATABASE_URL: { secret: SHOP_DATABASE_URL }
      SHOP_PG_MODULE: ${JSON.stringify(pgModule)}`;
  return `sluice: 1
project: shop

secrets:
  SHOP_DATABASE_URL: { env: SHOP_DATABASE_URL }
  SHOP_TOKEN_SECRET: { env: SHOP_TOKEN_SECRET }

components:
${component("catalogue", data)}
${component("auth", `${data}\n      SHOP_TOKEN_SECRET: { secret: SHOP_TOKEN_SECRET }`)}
${component(
  "gateway",
  `
      CATALOGUE_URL: http://127.0.0.1:${ports.catalogue}
      AUTH_URL: http://127.0.0.1:${ports.auth}`,
)}
databases:
  main: ${declared}

migrations:
  main:
    pending: ["node", "migrate.mjs", "pending"]
    apply: ["node", "migrate.mjs", "up"]
    cleanUp: safe
    environment:
      SHOP_DATABASE_URL: { secret: SHOP_DATABASE_URL }
      SHOP_PG_MODULE: ${JSON.stringify(pgModule)}

notify:
  log: { kind: log-file, file: deployment-logs/notifications.log }

environments:
  production:
    policy: standard
    url: http://127.0.0.1:${ports.gateway}
    tags: ["v*"]
    checks: { ci: off, load: off, migration-lint: block }
    approvals: { required: 0, wait: 0s }
    backup: { policy: verified }
    rollout:
      steps: [{ percent: 5, bake: 5s }, { percent: 50, bake: 4s }, { percent: 100, bake: 2s }]
      # A process that has just started is slow for a while: with a warm-up of seconds its speed can only advise.
      verdict: { bucket: 500ms, grace: 250ms, warmUp: 1s, horizon: 30s, dispersionWithoutHistory: 1, rehearsal: false, advisory: [latency] }
      checkEvery: 500ms
      failureLimit: 3
      drainTimeout: 5s
      limits: { meanLatency: 1s, p95Latency: 2s, minRequests: 20 }
      unknownFor: 20s
      unattended: 10s
      keepStable: 0s
    health:
      - { name: shop, url: "{url}/api/health", status: 200, body: { version: "{version}" }, retries: 1, interval: 200ms, timeout: 5s, overall: 10s }
    smoke:
      suite: extended
      timeout: 20s
      checks:
        - { kind: response-time, name: front page in time, url: "{url}/", samples: 5, max: 2s, suite: essential }
      journeys:
        - name: sign in and order
          suite: essential
          steps:
            - { name: sign in, method: POST, path: /api/auth/login, json: { user: demo, password: demo }, expect: { status: 200 }, save: { token: token } }
            - { name: order, method: POST, path: /api/orders, headers: { authorization: "Bearer {{token}}" }, json: { itemId: 1 }, expect: { status: 201 } }
    observation: { duration: 3s, every: 500ms, failureLimit: 3, minProbes: 5, limits: { errorRate: 0.01, minRequests: 20 } }
    rollback: { window: 60m }
    onCall: ["Ada Okafor <ada@shop.example>"]
${place.uatPorts ? uat(place, place.uatPorts) : ""}`;
}

function uat({ approvers, allowedSignersFile }: ShopPlace, ports: ShopPorts): string {
  return `
  uat:
    policy: standard
    url: http://127.0.0.1:${ports.gateway}
    tags: ["v*"]
    checks: { ci: off, load: off, clean-tree: off, memory: warn, no-active-deployment: block }
    ports: { gateway: ${ports.gateway}, catalogue: ${ports.catalogue}, auth: ${ports.auth} }
    variables: { gateway: { CATALOGUE_URL: "http://127.0.0.1:${ports.catalogue}", AUTH_URL: "http://127.0.0.1:${ports.auth}" } }
    secrets: { SHOP_DATABASE_URL: { env: SHOP_UAT_DATABASE_URL } }
    approvals: { required: 2, approvers: [${approvers.join(", ")}], allowedSigners: ${JSON.stringify(allowedSignersFile)}, wait: 1s, timeout: 5m }
    backup: { policy: none }
    rollout: { steps: [{ percent: 100, bake: 0s }], checkEvery: 500ms, unattended: 10s }
    observation: { duration: 0s }
`;
}
