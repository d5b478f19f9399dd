/**
 * The User-Agent of Sluice's own HTTP checks. They ask the same addresses as users do, so whoever counts traffic for a verdict leaves
 * them out: a canary that nobody but its own health checks visited would pass with the errors of nobody.
 */
export const checkUserAgent = "sluice-check";
