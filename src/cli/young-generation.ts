/**
 * The bytes of a backup go by in buffers outside the heap, which are freed only when V8 looks through its young objects. It does so the
 * more seldom the larger their space has grown, and up to 60 MB of used buffers lay there meanwhile. Set before anything else is
 * loaded, that space stays as small as it begins. What is measured: `npm run bench -- backup`.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--semi-space-growth-factor=1");
