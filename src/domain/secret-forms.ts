/**
 * The shapes in which a secret's text shows up in logs, bodies and errors: as it is, percent-encoded by the various
 * encoders in use, base64 at each of the three alignments inside a longer text, JSON-escaped (also twice), hexadecimal, and
 * line by line where it has several lines. Only web-standard globals, so that the room stays pure.
 */

const upTo = 32_768;

/** Every distinct form of the text, the text itself first. */
export function formsOf(text: string): readonly string[] {
  const bytes = new TextEncoder().encode(text);
  const forms = [
    text,
    ...percentForms(text),
    ...base64Forms(bytes),
    ...jsonForms(text),
    ...hexForms(bytes),
    ...lines(text),
  ];
  return [...new Set(forms)].filter((form) => form.length >= 4);
}

/** encodeURI, encodeURIComponent, RFC 3986, HTML forms and URL user info differ in what they leave alone. */
function percentForms(text: string): readonly string[] {
  const wellFormed = text.toWellFormed();
  const component = encodeURIComponent(wellFormed);
  const strict = component.replace(/[!'()*]/g, percentOf);
  const form = new URLSearchParams([["", wellFormed]]).toString().slice(1);
  const userInfo = new URL("http://host");
  userInfo.password = wellFormed;
  const forms = [component, strict, strict.replaceAll("~", "%7E"), form, encodeURI(wellFormed), userInfo.password];
  return [...forms, ...forms.map(lowerPercent)];
}

const percentOf = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
const lowerPercent = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase());

/** Inside a longer base64 text a secret starts at one of three bit offsets; characters shared with a neighbour are left out. */
function base64Forms(bytes: Uint8Array): readonly string[] {
  const whole = base64(bytes);
  const cores = [0, 1, 2].map((before) => {
    const shifted = new Uint8Array(before + bytes.length);
    shifted.set(bytes, before);
    return base64(shifted).slice(Math.ceil((before * 8) / 6), Math.floor((shifted.length * 8) / 6));
  });
  const standard = [whole, whole.replace(/=+$/, ""), ...cores];
  return [...standard, ...standard.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))];
}

function base64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let from = 0; from < bytes.length; from += upTo) {
    parts.push(String.fromCharCode(...bytes.subarray(from, from + upTo)));
  }
  return btoa(parts.join(""));
}

/** With and without the escapes that some encoders add: `\/`, and `\u00e9` for what is not ASCII. */
function jsonForms(text: string): readonly string[] {
  const once = escaped(text);
  const lowerAscii = once.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const upperAscii = once.replace(
    /[^ -~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}`,
  );
  const forms = [once, lowerAscii, upperAscii, once.replaceAll("/", "\\/")];
  return [...forms, ...forms.map(escaped)];
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

function hexForms(bytes: Uint8Array): readonly string[] {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex, hex.toUpperCase()];
}

/** Programs print a key file line by line. Armour lines (`-----BEGIN …`) are no secret. */
function lines(text: string): readonly string[] {
  if (!text.includes("\n")) return [];
  return text.split(/\r?\n/).filter((line) => line.length >= 8 && !line.startsWith("-----"));
}
