/** Milliseconds of processor time that this thread has used: unlike the clock on the wall it is the same on a busy machine. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
