/** What a single layer says while it works, as progress or as a stream of objects. */
import type { Reporter } from "../app/model.ts";
import { stripControl } from "../domain/redactor.ts";
import { glyph } from "./render/words.ts";
import type { Session } from "./session.ts";

export const reporterOf = (session: Session): Reporter => ({
  signal: session.interrupted,
  tell: (title, tone) =>
    session.output.event({ type: "progress", title, tone }, `  ${glyph(tone)} ${stripControl(title)}`),
});
