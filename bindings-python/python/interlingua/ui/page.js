// The page: the key, and asking for the status again and again while somebody can see it.

const POLL_MS = 2000;
let latest = null;
let timer;
let asking = null;

function showOnly(name) {
  for (const id of ["keyless", "login", "board"]) byId(id).hidden = id !== name;
  byId("lock").hidden = name !== "board";
}

function forget(message) {
  sessionStorage.removeItem(KEY_NAME);
  clearTimeout(timer);
  latest = null;
  byId("panel").close();
  byId("matrix").replaceChildren();
  byId("marked").replaceChildren();
  delete byId("marked").dataset.shown;
  shape = "";
  cells.clear();
  write(byId("facts"), "");
  trouble("");
  showOnly("login");
  write(byId("refused"), message);
  byId("key").focus();
}

function trouble(text) {
  byId("trouble").hidden = !text;
  write(byId("trouble"), text);
  document.body.classList.toggle("stale", Boolean(text));
}

/** One question at a time: whoever asks meanwhile waits for the next one. */
async function poll() {
  while (asking) await asking;
  asking = askForStatus();
  try {
    await asking;
  } finally {
    asking = null;
  }
}

async function askForStatus() {
  clearTimeout(timer);
  const key = sessionStorage.getItem(KEY_NAME);
  if (!key) return;
  try {
    const status = await ask("GET", "status");
    if (sessionStorage.getItem(KEY_NAME) !== key) return;
    latest = status;
    trouble("");
    draw();
  } catch (problem) {
    if (problem instanceof Refused && [400, 401, 403].includes(problem.status)) {
      forget(problem.message);
      return;
    }
    trouble(`The gateway does not answer (${problem.message}). What is shown is old; it is asked again.`);
  }
  if (!document.hidden) timer = setTimeout(poll, POLL_MS);
}

function draw() {
  if (byId("board").hidden) showOnly("board");
  const { version, workers, python_engine: python, store, time } = latest;
  const litellm = `LiteLLM: ${python.description}${python.running ? "" : ", not running"}`;
  write(byId("facts"), [version, `${workers} ${workers === 1 ? "worker" : "workers"}`, litellm, `kept in ${store}`, moment(time)].join(" · "));
  drawMarked(latest);
  drawMatrix(latest);
  const pair = shown && byId("panel").open && latest.pairs.find((one) => one.pair === shown.name);
  if (pair && shown.refresh) shown.refresh(pair);
}

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = byId("key").value.trim();
  byId("key").value = "";
  write(byId("refused"), "");
  // A header can hold nothing else.
  if (!/^[\x21-\x7e]+$/.test(key)) {
    write(byId("refused"), "A key has no spaces and no letters beyond ASCII.");
    return;
  }
  sessionStorage.setItem(KEY_NAME, key);
  await poll();
  if (latest) byId("matrix").focus({ preventScroll: true });
});
byId("lock").addEventListener("click", () => forget(""));
byId("panel").addEventListener("close", () => {
  const name = shown && shown.name;
  shown = null;
  byId("panel").replaceChildren();
  if (name && cells.has(name)) cells.get(name).button.focus();
});
byId("panel").addEventListener("click", (event) => {
  if (event.target === byId("panel")) byId("panel").close(); // beside it
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else poll();
});

if (document.documentElement.dataset.masterKey === "none") {
  showOnly("keyless");
} else if (sessionStorage.getItem(KEY_NAME)) {
  poll();
} else {
  showOnly("login");
  byId("key").focus();
}
