// Elements, numbers and requests. Text of the recipe only ever becomes text: nothing here parses markup.

export const byId = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

// A sentence; what stands between backticks is a name.
export const prose = (text) => text.split("`").map((part, place) => (place % 2 ? make("code", {}, part) : part));

// A picture that the server has drawn, as an element. It holds no script: the page's policy runs none.
export function picture(text) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  return parsed.localName === "svg" ? document.importNode(parsed, true) : document.createTextNode("");
}

// ---- numbers
export const whole = (value) => (value ?? 0).toLocaleString("en");

export function compact(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size < 10000) return Number.isInteger(value) ? value.toLocaleString("en") : significant(value);
  for (const [unit, name] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]]) {
    if (size >= unit) return `${Number((value / unit).toPrecision(4))}${name}`;
  }
  return String(value);
}

export function significant(value, digits = 5) {
  if (typeof value !== "number") return value === null || value === undefined ? "" : String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e9) ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const all = Math.round(seconds), two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(all / 3600), minutes = Math.floor(all / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

// ---- requests
const known = new Map();
export class Refused extends Error {
  constructor(fields, status) {
    super(fields.error || "no answer");
    this.fields = fields;
    this.status = status;
  }
}

// The answer of an address: {value, fresh}; not sent again while it is the same.
export async function ask(address) {
  const before = known.get(address);
  const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(90000), headers: before ? { "If-None-Match": before.tag } : {} });
  if (answer.status === 304 && before) return { value: before.value, fresh: false };
  const value = await read(answer);
  if (known.size > 40) known.delete(known.keys().next().value);
  known.set(address, { tag: answer.headers.get("ETag"), value });
  return { value, fresh: true };
}

async function read(answer) {
  let value;
  try {
    value = await answer.json();
  } catch {
    throw new Refused({ error: answer.status === 403 ? "this page's session has ended; open the address that `specc ui` printed" : `no answer (${answer.status})` }, answer.status);
  }
  if (!answer.ok) throw new Refused(value, answer.status);
  return value;
}

const posting = (fields) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields) });
export const post = async (address, fields) => read(await fetch(address, posting(fields)));
export async function postForText(address, fields) {
  const answer = await fetch(address, posting(fields));
  return answer.ok ? answer.blob() : read(answer);
}

export function query(fields) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== "" && value !== null && value !== undefined) parameters.set(name, value);
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

// ---- tables
export function cellOf(value, numeric) {
  if (value === null || value === undefined) return make("td", { class: numeric ? "n null" : "null" });
  if (typeof value === "number") return make("td", { class: "n" }, significant(value));
  if (typeof value === "boolean") return make("td", {}, String(value));
  return make("td", { class: numeric ? "n" : "text" }, value);
}

export function fill(table, heads, rows, caption) {
  const head = make("tr", {}, ...heads.map((each) => (each instanceof Node ? each : make("th", { scope: "col", class: each[1] }, each[0]))));
  const title = caption ? [make("caption", { class: "unseen" }, caption)] : [];
  table.replaceChildren(...title, make("thead", {}, head), make("tbody", {}, ...rows));
}

export function remember(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch { /* a browser that keeps nothing */ }
  return null;
}
