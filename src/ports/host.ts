/** A machine's vital signs (F4). */
export interface HostFacts {
  readonly name: string;
  readonly freeDiskBytes: number;
  readonly freeMemoryBytes: number;
  readonly totalMemoryBytes: number;
  /** 1-minute load average divided by the number of processors. */
  readonly loadPerCpu: number;
}

export interface Host {
  readonly name: string;
  facts(folder: string, signal: AbortSignal): Promise<HostFacts>;
}
