// The matrix: a row for each provider, a column for each route, and what is going on in each pair.

const cells = new Map();
let shape = "";
const WORTH_A_LOOK = 0.01; // a rate of errors

function spark(history, tall) {
  const wide = 300;
  const high = tall ? 80 : 34;
  const rows = history.length ? history : [];
  const most = Math.max(1, ...rows.map((row) => Math.max(row[1], row[2])));
  const x = (index) => (rows.length < 2 ? wide : (index * wide) / (rows.length - 1));
  const y = (count) => high - 6 - (count / most) * (high - 9);
  const points = (column) => rows.map((row, index) => `${x(index).toFixed(1)},${y(row[column]).toFixed(1)}`).join(" ");
  const wrong = rows.flatMap((row, index) =>
    row[3] + row[5] > 0 ? [drawn("rect", { class: "wrong", x: Math.max(0, x(index) - 2), y: high - 4, width: 4, height: 4 })] : [],
  );
  const all = (column) => rows.reduce((sum, row) => sum + row[column], 0);
  return drawn(
    "svg",
    {
      class: tall ? "spark tall" : "spark",
      viewBox: `0 0 ${wide} ${high}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `Requests of the last ten minutes: core ${number(all(1))}, LiteLLM ${number(all(2))}`,
    },
    drawn("line", { class: "axis", x1: 0, x2: wide, y1: high - 5.5, y2: high - 5.5 }),
    ...[["litellm", 2], ["core", 1]].filter(([, column]) => all(column)).map(([name, column]) => drawn("polyline", { class: name, points: points(column) })),
    ...wrong,
  );
}

/** Names and values of a pair for both engines: the core's, LiteLLM's. */
function figures(pair) {
  const { rust, python } = pair.engines;
  return [
    ["requests", number(rust.requests), number(python.requests)],
    ["errors", percent(rust.errors, rust.requests), percent(python.errors, python.requests)],
    ["p50", milliseconds(rust.p50_ms), milliseconds(python.p50_ms)],
    ["p95", milliseconds(rust.p95_ms), milliseconds(python.p95_ms)],
  ];
}

function figureTable(pair, role) {
  const body = el("tbody", {});
  const table = el(
    "table",
    { class: "figures", role },
    el("thead", {}, el("tr", {}, el("td", {}), el("th", { class: "core", scope: "col" }, "core"), el("th", { class: "litellm", scope: "col" }, "LiteLLM"))),
    body,
  );
  const rows = figures(pair).map(([name]) => {
    const values = [el("td", {}), el("td", {})];
    body.append(el("tr", {}, el("th", { scope: "row" }, name), ...values));
    return values;
  });
  const update = (now) => {
    figures(now).forEach(([, ...values], row) => values.forEach((value, column) => write(rows[row][column], value)));
    const { rust, python } = now.engines;
    const worse = rust.errors / rust.requests > Math.max(WORTH_A_LOOK, python.requests ? python.errors / python.requests : 0);
    rows[1][0].classList.toggle("worse", worse);
  };
  return { table, update };
}

const gateText = (pair) => (pair.translated === false ? "LiteLLM only" : pair.gate.open ? "✓ gate open" : "✗ gate closed");
const mismatchText = (shadow) => (shadow.compared ? `${number(shadow.mismatches)} of ${number(shadow.compared)} differ` : "");
const servedByBoth = (pair) => pair.engines.rust.requests + pair.engines.python.requests;

const spoken = (name, { requests, errors, p50_ms: p50 }) =>
  requests ? `${name} ${number(requests)} requests, ${percent(errors, requests)} errors, p50 ${milliseconds(p50)}` : `${name} no requests`;

function summary(pair) {
  const marks = [pair.tripped && `tripped: ${pair.tripped.reason}`, pair.forced && "forced without proof"].filter(Boolean);
  const { rust, python } = pair.engines;
  return [
    `${pair.path.slice(1)} at ${pair.provider}: ${modeText(pair.mode)}`,
    ...marks,
    gateText(pair).replace(/^\W+/, ""),
    spoken("core", rust),
    spoken("LiteLLM", python),
    mismatchText(pair.shadow),
  ]
    .filter(Boolean)
    .join("; ");
}

function makeCell(pair) {
  const mode = el("span", { class: "mode" });
  const flag = el("span", { class: "flag" });
  const gate = el("span", { class: "gate" });
  const share = el("span", {});
  const bar = el("div", { class: "share" }, share);
  const served = el("span", { class: "muted" });
  const mismatches = el("span", { class: "muted" });
  const curve = el("div", {});
  const { table, update } = figureTable(pair, "presentation"); // the cell's label says it
  const button = el(
    "button",
    { type: "button", class: "cell", "data-pair": pair.pair, onclick: () => openPanel(pair.pair) },
    el("span", { class: "route" }, pair.path.slice(1)),
    el("span", { class: "line" }, mode, flag, gate),
    bar,
    el("span", { class: "line small" }, served, mismatches),
    table,
    curve,
  );
  let drawnFor = "";
  const refresh = (now) => {
    button.setAttribute("aria-label", summary(now));
    write(mode, modeText(now.mode));
    mode.className = `mode ${now.share > 0 ? "to-core" : "to-litellm"}`;
    write(flag, now.tripped ? "▲ tripped" : now.forced ? "⚠ forced" : "");
    flag.className = now.tripped ? "flag trip" : "flag force";
    flag.hidden = !now.tripped && !now.forced;
    button.className = `cell${now.tripped ? " tripped" : now.forced ? " forced" : ""}`;
    write(gate, gateText(now));
    gate.className = now.gate.open ? "gate open" : "gate";
    const all = servedByBoth(now);
    bar.className = all ? "share" : "share idle";
    share.style.setProperty("--share", `${all ? (100 * now.engines.rust.requests) / all : 0}%`);
    write(served, all ? `${percent(now.engines.rust.requests, all)} by the core` : "no requests");
    table.hidden = !all;
    curve.hidden = !now.history.some((row) => row[1] + row[2]);
    write(mismatches, mismatchText(now.shadow));
    mismatches.className = now.shadow.mismatches ? "bad-text" : "muted";
    update(now);
    const key = JSON.stringify(now.history);
    if (key !== drawnFor) curve.replaceChildren(spark(now.history, false));
    drawnFor = key;
  };
  return { button, refresh };
}

function drawMatrix(status) {
  const paths = [...new Map(status.pairs.map((pair) => [pair.route, pair.path])).entries()];
  const providers = [...new Set(status.pairs.map((pair) => pair.provider))];
  const now = JSON.stringify([paths, status.pairs.map((pair) => pair.pair)]);
  if (now !== shape) {
    shape = now;
    layOut(status, paths, providers);
  }
  for (const pair of status.pairs) cells.get(pair.pair).refresh(pair);
}

function layOut(status, paths, providers) {
  const focused = document.activeElement && document.activeElement.dataset.pair;
  const byPair = new Map(status.pairs.map((pair) => [pair.pair, pair]));
  cells.clear();
  const heads = el(
    "div",
    { class: "row heads", role: "row" },
    el("span", { role: "columnheader" }, "provider"),
    paths.map(([, path]) => el("span", { role: "columnheader" }, path.slice(1))),
  );
  const rows = providers.map((provider) => {
    const named = status.pairs.find((pair) => pair.provider === provider).groups;
    const groups = named.length > 3 ? `${named.length} groups` : named.join(", ");
    return el(
      "div",
      { class: "row", role: "row" },
      el("div", { role: "rowheader" }, provider, el("small", {}, groups)),
      paths.map(([route]) => {
        const pair = byPair.get(`${route}/${provider}`);
        if (!pair) return el("div", { role: "cell", class: "none" }, "LiteLLM only");
        const cell = makeCell(pair);
        cells.set(pair.pair, cell);
        return el("div", { role: "cell" }, cell.button);
      }),
    );
  });
  const matrix = byId("matrix");
  matrix.style.setProperty("--columns", String(paths.length));
  matrix.replaceChildren(heads, ...rows);
  if (focused && cells.has(focused)) cells.get(focused).button.focus();
}

function nextTry(trip) {
  if (trip.half_open) return "is being tried again";
  return trip.retry_at ? `is tried again ${moment(trip.retry_at)}` : "stays so until somebody sets it";
}

/** What must not be overlooked, above the matrix. */
function drawMarked(status) {
  const lines = status.switches.flatMap((one) => [
    ...(one.tripped ? [["tripped-note", `▲ tripped: ${one.pattern}`, `${one.tripped.reason}; was ${modeText(one.tripped.from)}, ${nextTry(one.tripped)}`]] : []),
    ...(one.forced ? [["forced-note", `⚠ forced: ${one.pattern}`, `${modeText(one.mode)} without proof of parity${one.note ? `: ${one.note}` : ""}`]] : []),
  ]);
  if (status.store_failing) lines.unshift(["tripped-note", "▲ the store cannot be reached", `${status.store}: the last known switches stay in force, and none can be set`]);
  const list = byId("marked");
  const now = JSON.stringify(lines);
  if (list.dataset.shown === now) return;
  list.dataset.shown = now;
  list.replaceChildren(...lines.map(([kind, title, text]) => el("li", { class: kind }, el("strong", {}, title), el("span", {}, text))));
}
