// The form that changes a switch. Nothing is sent before the second step has been confirmed.

const MODES = [
  ["python", "LiteLLM serves everything."],
  ["shadow", "LiteLLM serves; the core's translation is compared, nothing else changes."],
  ["canary", "A share of the clients is served by the core, always the same ones."],
  ["rust", "The core serves everything; what it cannot do is an error."],
  ["auto", "The core serves what is proven, LiteLLM all else."],
];

const needsProof = (mode) => mode === "rust" || mode.startsWith("canary");

function modeForm(pair, changed) {
  const now = pair.mode.split("=")[0];
  const start = now === "canary" ? pair.mode.slice(7) : "10";
  const radios = MODES.map(([name, text]) => {
    const radio = el("input", { type: "radio", name: "mode", value: name, checked: name === now });
    return el("label", { class: "choice" }, radio, el("span", {}, name), el("small", {}, text));
  });
  const slider = el("input", { type: "range", min: 1, max: 100, step: 1, value: start, "aria-label": "Share of the clients in percent, as a slider" });
  const share = el("input", { type: "number", id: "share", min: 0.01, max: 100, step: "any", value: start, required: true, inputmode: "decimal" });
  const canary = el("div", { class: "percent" }, el("label", { for: "share" }, "Share of the clients, in percent"), slider, share);
  slider.addEventListener("input", () => (share.value = slider.value));
  share.addEventListener("input", () => (slider.value = share.value));

  const scope = el(
    "select",
    { id: "scope" },
    el("option", { value: pair.pair }, `all of ${pair.pair}`),
    pair.groups.map((group) => el("option", { value: `${pair.pair}@${group}` }, `only the group ${group}`)),
  );
  const force = el("input", { type: "checkbox", id: "force" });
  const forceBox = el(
    "div",
    { class: "force-box" },
    el("label", { class: "check" }, force, el("span", {}, "Serve without proof. The gate of this pair is closed: nothing shows that answers stay the same. Say why in the note.")),
  );
  const note = el("input", { id: "note", maxlength: 500, autocomplete: "off" });
  const error = el("p", { class: "bad-text", role: "alert" });
  const submit = el("button", { type: "submit", class: "main" }, "Change …");
  const confirmation = el("div", { hidden: true });

  const chosen = () => {
    const mode = form.elements.mode.value;
    return mode === "canary" ? `canary=${Number(share.value)}` : mode;
  };
  const adapt = () => {
    const mode = form.elements.mode.value;
    canary.hidden = share.disabled = mode !== "canary";
    const unproven = needsProof(mode) && !pair.gate.open;
    forceBox.hidden = !unproven;
    force.required = unproven;
    note.required = unproven;
    confirmation.hidden = true;
    submit.hidden = false;
    write(error, "");
  };

  const send = async () => {
    const forced = !forceBox.hidden && force.checked;
    const query = new URLSearchParams(forced ? { force: "true" } : {});
    if (note.value.trim()) query.set("note", note.value.trim());
    try {
      await ask("PUT", `switches${query.size ? `?${query}` : ""}`, { [scope.value]: chosen() });
    } catch (problem) {
      adapt();
      write(error, problem.message);
      submit.focus();
      return;
    }
    changed(`${scope.value} is set to ${modeText(chosen())}`);
  };
  const askAgain = () => {
    const forced = !forceBox.hidden && force.checked;
    const yes = el("button", { type: "button", class: "main", onclick: send }, "Yes, change it");
    const no = el("button", { type: "button", onclick: () => (adapt(), submit.focus()) }, "No");
    confirmation.replaceChildren(
      el(
        "div",
        { class: "confirm", role: "group", "aria-label": "Confirm the change" },
        el("p", {}, `Set ${scope.value} from ${modeText(pair.mode)} to `, el("strong", {}, modeText(chosen())), forced ? " without proof of parity?" : "?"),
        el("div", { class: "actions" }, yes, no),
      ),
    );
    confirmation.hidden = false;
    submit.hidden = true;
    yes.focus();
  };
  if (pair.translated === false) return el("p", {}, "The core does not translate this pair: LiteLLM serves it, whatever its switch says.");
  const form = el(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        askAgain();
      },
      onchange: adapt,
    },
    el("fieldset", {}, el("legend", {}, "Mode"), radios),
    canary,
    el("div", {}, el("label", { for: "scope" }, "For"), scope),
    forceBox,
    el("div", {}, el("label", { for: "note" }, "Note for the audit trail"), note),
    error,
    el("div", { class: "actions" }, submit),
    confirmation,
  );
  form.style.setProperty("display", "grid");
  form.style.setProperty("gap", ".8rem");
  adapt();
  return form;
}

/** Forget what was set live: the config counts again. */
function resetButton(pattern, changed, failed) {
  let sure = false;
  const button = el(
    "button",
    {
      type: "button",
      onclick: async () => {
        if (!sure) {
          sure = true;
          write(button, `Really forget ${pattern}?`);
          return;
        }
        try {
          await ask("DELETE", `switches/${pattern.split("/").map(encodeURIComponent).join("/")}`);
        } catch (problem) {
          failed(problem.message);
          return;
        }
        changed(`${pattern} is forgotten: the config counts again`);
      },
      onblur: () => {
        sure = false;
        write(button, "Back to the config");
      },
    },
    "Back to the config",
  );
  return button;
}
