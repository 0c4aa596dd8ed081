// Making elements, writing numbers, and asking the gateway. All texts become text nodes: nothing here is parsed as HTML.

const byId = (id) => document.getElementById(id);

function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function drawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Only what has changed is written: a reader's cursor and a selection stay where they are. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const whole = new Intl.NumberFormat("en");
const NOTHING = "–";

const number = (value) => (value === null || value === undefined ? NOTHING : whole.format(value));
const percent = (part, all) => {
  if (!all) return NOTHING;
  const value = (100 * part) / all;
  const digits = value === 0 || value >= 9.95 ? 0 : value < 0.095 ? 2 : 1;
  return `${value.toFixed(digits)} %`;
};
const milliseconds = (value) => {
  if (value === null || value === undefined) return NOTHING;
  return value >= 9950 ? `${(value / 1000).toFixed(0)} s` : `${value >= 99.5 ? value.toFixed(0) : value.toPrecision(2)} ms`;
};
const moment = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const modeText = (mode) => (mode.startsWith("canary=") ? `canary ${mode.slice(7)} %` : mode);

const KEY_NAME = "interlingua.master-key";
const ASK_SECONDS = 15;

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Ask below /interlingua/. The key goes into a header, never into an address. */
async function ask(method, path, body) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(KEY_NAME) || ""}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(`interlingua/${path}`, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(ASK_SECONDS * 1000),
  });
  const document = await answer.json().catch(() => null);
  if (!answer.ok) {
    const message = document && document.error && document.error.message;
    throw new Refused(answer.status, typeof message === "string" ? message : `the gateway answers ${answer.status}`);
  }
  return document;
}

let silence;
function tell(text) {
  write(byId("told"), text);
  clearTimeout(silence);
  silence = setTimeout(() => write(byId("told"), ""), 6000);
}
