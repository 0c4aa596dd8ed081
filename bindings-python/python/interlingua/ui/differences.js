// Differences between the core and LiteLLM that no rule of the ledger explains, side by side.

const FEW = 3;
const MAX_ROWS = 4000;

/** Two values as text on lines: rows of [path, what the core has, what LiteLLM has, do they differ]. Values that are stored as their type and length may
 * differ and look the same: ``known`` has the paths. */
function rowsOf(ours, theirs, path, indent, label, rows, known) {
  if (rows.length >= MAX_ROWS) return;
  const kind = (value) => (Array.isArray(value) ? "list" : value !== null && typeof value === "object" ? "object" : "leaf");
  const open = (value) => (kind(value) === "list" ? "[" : "{");
  const shut = (value) => (kind(value) === "list" ? "]" : "}");
  const pad = "  ".repeat(indent);
  const both = ours !== undefined && theirs !== undefined;
  if (both && kind(ours) !== "leaf" && kind(ours) === kind(theirs)) {
    rows.push([path, pad + label + open(ours), pad + label + open(theirs), false]);
    const names = kind(ours) === "list" ? Array.from({ length: Math.max(ours.length, theirs.length) }, (_, index) => index) : [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
    for (const name of names) {
      const inner = kind(ours) === "list" ? `${path}[${name}]` : path ? `${path}.${name}` : name;
      const has = (value) => (Object.hasOwn(value, name) ? value[name] : undefined);
      rowsOf(has(ours), has(theirs), inner, indent + 1, kind(ours) === "list" ? "" : `${JSON.stringify(name)}: `, rows, known);
    }
    rows.push([path, pad + shut(ours), pad + shut(theirs), false]);
    return;
  }
  const text = (value) => (value === undefined ? null : pad + label + JSON.stringify(value, null, 2).replaceAll("\n", `\n${pad}`));
  const [left, right] = [text(ours), text(theirs)];
  rows.push([path, left, right, left !== right || known.has(path)]);
}

function rowElement([path, ours, theirs, differs]) {
  const side = (name, text) =>
    el("div", { class: text === null ? "mono absent" : "mono" }, el("span", { class: "side-name" }, `${name}: `), text === null ? "(not there)" : text);
  return el("div", { class: differs ? "pair differs" : "pair", "data-path": path }, el("span", { "aria-label": differs ? "differs" : null }, differs ? "≠" : ""), side("core", ours), side("LiteLLM", theirs));
}

function sideBySide(layer, known) {
  const rows = [];
  rowsOf(layer.ours === null ? undefined : layer.ours, layer.theirs === null ? undefined : layer.theirs, "", 0, "", rows, known);
  const near = (index) => rows.slice(Math.max(0, index - FEW), index + FEW + 1).some((row) => row[3]);
  const body = el("div", { class: "sides" }, el("div", { class: "pair heads" }, el("span", {}), el("span", { class: "core" }, "core"), el("span", { class: "litellm" }, "LiteLLM")));
  let hidden = [];
  const fold = () => {
    const kept = hidden;
    hidden = [];
    if (kept.length <= FEW) {
      body.append(...kept.map(rowElement));
      return;
    }
    const button = el("button", { type: "button", class: "fold", onclick: () => button.replaceWith(...kept.map(rowElement)) }, `${kept.length} equal lines`);
    body.append(button);
  };
  rows.forEach((row, index) => {
    if (near(index)) {
      fold();
      body.append(rowElement(row));
    } else {
      hidden.push(row);
    }
  });
  fold();
  if (rows.length >= MAX_ROWS) body.append(el("p", { class: "muted" }, `Only the first ${MAX_ROWS} lines are shown.`));
  return body;
}

function copyable(command) {
  const button = el(
    "button",
    {
      type: "button",
      onclick: async () => {
        try {
          await navigator.clipboard.writeText(command);
          write(button, "Copied");
        } catch {
          getSelection().selectAllChildren(code); // without a secure origin there is no clipboard
          write(button, "Selected");
        }
      },
      onblur: () => write(button, "Copy"),
    },
    "Copy",
  );
  const code = el("code", {}, command);
  return el("div", { class: "command" }, el("pre", {}, code), button);
}

/** A value in a few words. */
const brief = (value) => {
  const text = value === undefined || value === null ? "nothing" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
};
const pathText = (one) => `${one.layer}: ${one.path || "(all of it)"}`;

function differenceItem(one, show) {
  const paths = one.paths || [];
  return el(
    "li",
    {},
    el(
      "button",
      { type: "button", class: "item", "data-difference": one.id, onclick: () => show(one.id) },
      el("span", { class: "mono" }, paths.length ? pathText(paths[0]) : "difference"),
      el("small", {}, [`#${one.id}`, moment(one.time), one.group, one.model, paths.length > 1 && `${paths.length} places`].filter(Boolean).join(" · ")),
    ),
  );
}

/** One difference in full: where, both layers, and what makes a fixture case of it. */
function differenceView(one, back) {
  const within = (name) => new Set((one.paths || []).filter((path) => path.layer === name).map((path) => path.path));
  const layers = Object.entries(one.layers || {}).filter(([name]) => within(name).size);
  return el(
    "div",
    { class: "panel-body" },
    el("div", { class: "actions" }, el("button", { type: "button", onclick: back }, "← All differences")),
    el(
      "section",
      {},
      el("h3", {}, `Difference #${one.id}`),
      el("p", { class: "muted" }, [moment(one.time), one.pair, one.group, one.model].filter(Boolean).join(" · ")),
      el("ul", { class: "chips", "aria-label": "Features of the request" }, (one.features || []).map((name) => el("li", {}, name))),
      el("ul", { class: "list", "aria-label": "Where they differ" }, (one.paths || []).map((path) => el("li", {}, el("span", { class: "mono" }, pathText(path)), " ", el("small", {}, `core ${brief(path.ours)}, LiteLLM ${brief(path.theirs)}`)))),
      one.content === false && el("p", { class: "muted" }, "Values are replaced by their types and lengths; migration.shadow.content: true keeps them."),
      el("p", {}, "This makes a fixture case of it:"),
      copyable(one.command || `interlingua record difference ${one.id} --to cases`),
    ),
    layers.map(([name, layer]) => el("section", {}, el("h3", {}, name === "request" ? "What the provider is sent" : name === "answer" ? "What the client is answered" : name), sideBySide(layer, within(name)))),
  );
}
