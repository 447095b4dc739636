// The page: which view is shown, what is asked for how often, and what is told when nothing answers.
import { ask, byId, make, query, remember } from "./dom.js";
import { showOverview, showRun } from "./run.js";
import { showComparison, showExpectations, showOwn } from "./compare.js";
import { PagedTable } from "./tables.js";
import { openPane, schemaChanged } from "./sql.js";

const VIEWS = ["run", "comparison", "steps", "arms", "sql"];
const SECOND = 1000;
const state = { view: "run", experiment: "", generation: null, failing: 0, running: false };
const tables = {
  steps: new PagedTable(byId("steps-table"), "api/steps", {
    find: "label, operation or beginning of a key",
    states: ["done", "failed", "started", "to do"],
    order: "label",
    hidden: ["step"],
  }),
  arms: new PagedTable(byId("arms-table"), "api/arms", { find: "label or recipe", order: "arm", hidden: [] }),
};

function trouble(text) {
  const place = byId("trouble");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

async function followRun() {
  try {
    const { value, fresh } = await ask("api/run");
    state.failing = 0;
    state.running = value.status !== null && value.status.state === "running";
    if (!value.there) trouble("the workspace is not there any more; this page shows what was read last");
    else if (value.trouble) trouble(value.trouble.error + (value.trouble.help ? `: ${value.trouble.help}` : ""));
    else trouble("");
    if (fresh || state.view === "run") showRun(value, fresh);
    if (value.generation !== state.generation) {
      state.generation = value.generation;
      refresh();
    }
  } catch (error) {
    state.failing += 1;
    if (state.failing > 1) trouble(error.status ? error.message : "the page's server does not answer; it may have ended: start `specc ui` again");
  }
}

// What changes with a generation of the results; only what is looked at, one after another, and not at once
// again where that takes long: the run is followed meanwhile.
let refreshing = false, again = false, shown = null;
async function refresh() {
  if (state.generation === null) return;
  if (refreshing) { again = true; return; }
  refreshing = true;
  const began = performance.now();
  try {
    const asked = state.experiment;
    const { value, fresh } = await ask(`api/overview${query({ experiment: asked })}`);
    if (fresh || asked !== shown) {
      shown = asked;
      offerExperiments(value.experiments);
      showOverview(value);
      showExpectations(value.expectations);
      if (asked !== state.experiment) again = true;  // which there are is known only now
    }
    const { experiment, view } = state;
    if (view === "comparison") await Promise.all([showComparison(experiment), showOwn(experiment)]);
    if (tables[view]) await tables[view].load(experiment);
    if (view === "sql") await schemaChanged(experiment);
  } catch (error) {
    trouble(error.message);
  }
  const took = performance.now() - began;
  setTimeout(() => {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }, took > SECOND ? 3 * took : 0);
}

function offerExperiments(experiments) {
  const choice = byId("experiment"), names = experiments.map((each) => each.experiment);
  if (!names.includes(state.experiment)) state.experiment = names[0] || "";
  byId("choice").hidden = names.length < 2;
  if ([...choice.options].map((each) => each.value).join("\n") !== names.join("\n")) {
    choice.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  }
  choice.value = state.experiment;
  const current = experiments.find((each) => each.experiment === state.experiment);
  byId("name").textContent = state.experiment || "specc";
  document.title = state.experiment ? `${state.experiment}: specc` : "specc";
  byId("description").textContent = current ? current.description : "";
  byId("graph").href = `graph${query({ experiment: state.experiment })}`;
  byId("report").href = `report${query({ experiment: state.experiment })}`;
}

function show(view) {
  state.view = VIEWS.includes(view) ? view : "run";
  for (const each of VIEWS) byId(`view-${each}`).hidden = each !== state.view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash.slice(1) === state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (state.view === "sql") openPane(() => state.experiment);
  refreshing = false;
  refresh();
}

byId("experiment").addEventListener("change", (event) => {
  state.experiment = event.target.value;
  for (const table of Object.values(tables)) table.first();
  refresh();
});
byId("question").addEventListener("change", () => showComparison(state.experiment));
byId("own").addEventListener("change", () => showOwn(state.experiment));
window.addEventListener("hashchange", () => { show(location.hash.slice(1)); byId("main").focus(); });

// ---- light or dark: as the system has it, until somebody chooses
const dark = matchMedia("(prefers-color-scheme: dark)");
function scheme(chosen) {
  const root = document.documentElement.classList;
  root.toggle("dark", chosen === "dark");
  root.toggle("light", chosen === "light");
  byId("theme").textContent = (chosen || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
}
scheme(remember("scheme"));
dark.addEventListener("change", () => scheme(remember("scheme")));
byId("theme").addEventListener("click", () => {
  const root = document.documentElement.classList;
  const chosen = root.contains("dark") || (dark.matches && !root.contains("light")) ? "light" : "dark";
  remember("scheme", chosen);
  scheme(chosen);
});

// ---- once a second while somebody looks; slower when nothing runs or nothing answers
async function tick() {
  if (!document.hidden) await followRun();
  setTimeout(tick, state.failing > 3 ? 5 * SECOND : state.running ? SECOND : 2 * SECOND);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) followRun(); });
show(location.hash.slice(1));
tick();
