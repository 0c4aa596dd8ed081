// The panel of one pair: its traffic, its mode, its proof, who has changed it, and its differences.

const PAGE = 20;
let shown = null;

const patternAbout = (pattern, pair) => {
  const [name] = pattern.split("@");
  return [pair.pair, `${pair.route}/*`, `*/${pair.provider}`, "*/*", "*"].includes(name);
};

function openPanel(name) {
  const pair = latest.pairs.find((one) => one.pair === name);
  if (!pair) return;
  const panel = byId("panel");
  const close = el("button", { type: "button", onclick: () => panel.close() }, "Close");
  const title = el("h2", { id: "panel-title", tabindex: -1 }, `${pair.path.slice(1)} at ${pair.provider}`);
  const body = el("div", {});
  panel.classList.remove("wide");
  panel.replaceChildren(el("div", { class: "panel-head" }, title, close), body);
  shown = { name, body, refresh: null };
  showPair();
  if (!panel.open) panel.showModal();
  title.focus();
}

function showPair() {
  const pair = latest.pairs.find((one) => one.pair === shown.name);
  const mine = shown;
  const changed = async (text) => {
    await poll();
    tell(text);
    if (shown !== mine) return; // the panel was closed meanwhile
    showPair();
    byId("panel-title").focus();
  };
  const state = el("p", {});
  const traffic = figureTable(pair);
  const curve = el("div", {});
  const shadow = el("dl", { class: "proof" });
  const audit = el("ul", { class: "list" }, el("li", { class: "muted" }, "…"));
  const found = el("div", {}, el("p", { class: "muted" }, "…"));
  shown.body.replaceChildren(
    el(
      "div",
      { class: "panel-body" },
      el("section", {}, el("h3", {}, "Now"), state, el("div", { class: "now" }, traffic.table, shadow), curve),
      el("section", {}, el("h3", {}, "Change the mode"), modeForm(pair, changed)),
      switchesSection(pair, changed),
      el("section", {}, el("h3", {}, "Differences"), found),
      proofSection(pair.gate),
      el("section", {}, el("h3", {}, "Audit trail"), audit),
    ),
  );
  shown.refresh = (now) => {
    write(state, stateText(now));
    state.className = now.tripped ? "bad-text" : "";
    traffic.update(now);
    curve.replaceChildren(spark(now.history, true));
    shadow.replaceChildren(...shadowRows(now.shadow));
  };
  shown.refresh(pair);
  loadAudit(pair, audit);
  loadDifferences(pair, found);
}

function stateText(pair) {
  const by = pair.by === "default" ? "by default" : `by the switch ${pair.by} (${pair.source})`;
  const marks = [pair.forced && "Forced without proof.", pair.tripped && `Tripped ${moment(pair.tripped.at)}: ${pair.tripped.reason}.`];
  const back = pair.tripped && `Was ${modeText(pair.tripped.from)}, ${nextTry(pair.tripped)}.`;
  return [`${modeText(pair.mode)}, ${by}.`, ...marks, back].filter(Boolean).join(" ");
}

function shadowRows(shadow) {
  const names = { sampled: "sampled by shadow", compared: "compared", identical: "identical", explained: "explained by the ledger", mismatches: "mismatches", declined: "declined by the core", dropped: "dropped, no room", failed: "not comparable" };
  const told = Object.entries(names).filter(([name]) => shadow[name] || name === "compared" || name === "mismatches");
  return told.flatMap(([name, text]) => [el("dt", {}, text), el("dd", { class: name === "mismatches" && shadow[name] ? "bad-text" : null }, number(shadow[name]))]);
}

function proofSection(gate) {
  const rows = [
    ["gate", gate.open ? "✓ open" : "✗ closed: nothing is proven"],
    ["cases", number(gate.cases)],
    ["date", gate.date || NOTHING],
    ["oracle", gate.oracle ? `LiteLLM ${gate.oracle}` : NOTHING],
    ["corpora", (gate.corpora || []).map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(", ") || NOTHING],
  ];
  return el(
    "section",
    {},
    el("h3", {}, "Proof"),
    el("dl", { class: "proof" }, rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    gate.features && gate.features.length ? el("ul", { class: "chips", "aria-label": "Proven features" }, gate.features.map((name) => el("li", {}, name))) : null,
  );
}

function switchesSection(pair, changed) {
  const about = latest.switches.filter((one) => patternAbout(one.pattern, pair));
  const problem = el("p", { class: "bad-text", role: "alert" });
  return el(
    "section",
    {},
    el("h3", {}, "Switches about it"),
    problem,
    about.length
      ? el(
          "ul",
          { class: "list" },
          about.map((one) => {
            const marks = [one.forced && "⚠ forced", one.tripped && "▲ tripped"].filter(Boolean).join(", ");
            const since = one.since ? `since ${moment(one.since)}` : "";
            return el(
              "li",
              {},
              el("code", {}, one.pattern),
              ` ${modeText(one.mode)} `,
              el("strong", {}, marks),
              el("div", {}, el("small", {}, [one.source, since, one.by, one.note].filter(Boolean).join(" · "))),
              one.source === "stored" ? resetButton(one.pattern, changed, (text) => write(problem, text)) : null,
            );
          }),
        )
      : el("p", { class: "muted" }, "None: auto is the default."),
  );
}

async function loadAudit(pair, list) {
  try {
    const { audit } = await ask("GET", "audit?limit=200");
    const about = audit.filter((entry) => patternAbout(entry.pattern, pair)).slice(0, PAGE);
    list.replaceChildren(
      ...about.map((entry) =>
        el(
          "li",
          {},
          el("code", {}, entry.pattern),
          ` ${entry.from ? modeText(entry.from) : "not set"} → ${entry.to ? modeText(entry.to) : "not set"}${entry.forced ? ", ⚠ forced" : ""}`,
          el("div", {}, el("small", {}, [moment(entry.time), entry.by || entry.who, entry.note].filter(Boolean).join(" · "))),
        ),
      ),
    );
    if (!about.length) list.replaceChildren(el("li", { class: "muted" }, "Nobody has changed it here."));
  } catch (problem) {
    list.replaceChildren(el("li", { class: "bad-text" }, problem.message));
  }
}

async function loadDifferences(pair, place, before) {
  const panel = byId("panel");
  const mine = shown;
  const show = async (id) => {
    try {
      const one = await ask("GET", `differences/${id}`);
      if (shown !== mine) return; // the panel was closed meanwhile
      panel.classList.add("wide");
      shown.refresh = null;
      shown.body.replaceChildren(differenceView(one, back));
      panel.scrollTop = 0;
      shown.body.querySelector("button").focus();
    } catch (problem) {
      tell(problem.message);
    }
  };
  const back = () => {
    panel.classList.remove("wide");
    showPair();
    byId("panel-title").focus();
  };
  try {
    const query = new URLSearchParams({ pair: pair.pair, limit: String(PAGE) });
    if (before) query.set("before", String(before));
    const { differences } = await ask("GET", `differences?${query}`);
    const items = differences.map((one) => differenceItem(one, show));
    if (!before) place.replaceChildren(items.length ? el("ul", { class: "list" }) : el("p", { class: "muted" }, "None: whatever was compared is identical or explained."));
    const list = place.querySelector("ul");
    if (list) list.append(...items);
    if (differences.length === PAGE) {
      const more = el("button", { type: "button", onclick: () => (more.remove(), loadDifferences(pair, place, differences.at(-1).id)) }, "Older ones");
      place.append(more);
    }
  } catch (problem) {
    place.replaceChildren(el("p", { class: "bad-text" }, problem.message));
  }
}
