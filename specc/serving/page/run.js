// How the run stands, what runs, and the budget.
import { byId, compact, duration, fill, make, significant, whole } from "./dom.js";
import { plot, sign, sparkline } from "./plot.js";

let latest = null;
let announced = "";
const numbers = new Map();  // key of a step -> number of its colour, kept while it is shown

byId("log").addEventListener("change", () => { if (latest) showRun(latest, true); });

window.addEventListener("resize", () => { if (latest) showRun(latest, true); });

function numberOf(keys) {
  for (const key of [...numbers.keys()]) if (!keys.includes(key)) numbers.delete(key);
  const taken = new Set(numbers.values());
  for (const key of keys) {
    if (numbers.has(key)) continue;
    let free = 0;
    while (taken.has(free)) free += 1;
    numbers.set(key, free);
    taken.add(free);
  }
  return numbers;
}

export function showRun(value, fresh) {
  latest = value;
  const { status } = value;
  if (!fresh) return;
  if (!status) {
    byId("badge").textContent = "no run";
    byId("badge").className = "badge";
    byId("counts").textContent = value.generation === null ? "" : "no run is recorded in this workspace";
    byId("progress").hidden = true;
    showCurves(value, { state: "", running: [], running_more: 0 });
    return;
  }
  byId("progress").hidden = false;
  const { counts } = status;
  const badge = byId("badge");
  badge.textContent = status.state;
  badge.className = `badge ${status.state}`;
  badge.title = `run ${status.run} ${value.words}`;
  const bar = byId("progress"), share = (number) => `${100 * number / Math.max(1, counts.total)}%`;
  const [done, running, failed] = bar.children;
  done.style.width = share(counts.done + counts.reused);
  running.style.width = share(counts.running);
  failed.style.width = share(counts.failed + counts.blocked);
  bar.setAttribute("aria-valuemax", counts.total);
  bar.setAttribute("aria-valuenow", counts.done + counts.reused);
  const parts = [`${whole(counts.done + counts.reused)} of ${whole(counts.total)} steps done`];
  for (const [number, word] of [[counts.reused, "reused"], [counts.running, "running"], [counts.failed, "failed"], [counts.blocked, "blocked"]]) {
    if (number) parts.push(`${whole(number)} ${word}`);
  }
  byId("counts").textContent = parts.join(", ");
  const speed = status.state === "running" && status.tokens_per_second;
  const facts = [
    ["run", byId("name").textContent === status.experiment ? `${status.run}` : `${status.run} of ${status.experiment}`],
    ["time", duration(status.elapsed_seconds)],
    ["left", status.state === "running" ? (status.seconds_left === null ? "not known yet" : `about ${duration(status.seconds_left)}`) : null],
    ["tokens/s", speed ? compact(Math.round(status.tokens_per_second)) : null],
    ["workers", status.workers || null],
    ["begun", new Date(status.started).toLocaleString()],
  ];
  byId("numbers").replaceChildren(...facts.filter(([, text]) => text !== null && text !== "").map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(text)))));
  const news = `run ${status.run} ${value.words}${counts.failed ? `, ${counts.failed} steps failed` : ""}`;
  if (news !== announced) byId("announced").textContent = announced = news;
  showFailures(status);
  showCurves(value, status);
}

function showFailures(status) {
  const told = [];
  if (status.error) told.push(make("p", { class: "trouble" }, status.error + (status.help ? `: ${status.help}` : "")));
  if (["killed", "interrupted"].includes(status.state)) {
    told.push(make("p", { class: "note" }, `the run ${status.state === "killed" ? "was killed" : "was interrupted"}; finished steps are kept. Go on with: `, make("code", {}, status.again || `specc run ${status.spec}`)));
  }
  for (const failure of status.failures) {
    const arms = failure.arms.length ? `; without a result: ${failure.arms.join(", ")}${failure.arms_more ? ` and ${failure.arms_more} more` : ""}` : "";
    told.push(make("p", { class: "trouble" }, make("strong", {}, failure.label), `: ${failure.message}${arms}`, failure.help ? make("span", { class: "soft" }, ` ${failure.help}`) : null));
  }
  if (status.failures_more) told.push(make("p", { class: "soft" }, `and ${status.failures_more} failed steps more: see Steps`));
  byId("failures").replaceChildren(...told);
}

function showCurves(value, status) {
  const running = status.state === "running";
  const curves = [...value.curves, ...value.ended];
  const numbered = numberOf(curves.map((each) => each.key));
  const series = [
    ...value.ended.map((each) => ({ name: each.label, points: each.points, number: numbered.get(each.key), faint: running })),
    ...value.curves.map((each) => ({ name: each.label, points: each.points, number: numbered.get(each.key) })),
  ];
  const log = byId("log").checked;
  const left = plot(byId("curves"), { kind: "line", series, xLabel: "training steps of the stage", yLabel: "loss, nats per token", log, title: `training loss of ${series.length} steps over their training steps; the table below has the latest values` });
  const strides = Math.max(1, ...curves.map((each) => each.stride));
  byId("loss-note").textContent = [
    running ? "of what runs" + (value.ended.length ? ", and faint of what ended last" : "") : series.length ? "of the steps that ended last" : "",
    strides > 1 ? `a point is the mean of up to ${strides} logged steps` : "",
    left ? `${left} points are not finite` : "",
  ].filter(Boolean).join("; ");

  const points = new Map(curves.map((each) => [each.key, each.points]));
  const row = (key, label, cells, faint) => make("tr", { class: faint ? "ended" : null }, make("td", { class: "label" }, numbered.has(key) ? sign(numbered.get(key)) : null, label), ...cells);
  const rows = status.running.map((step) => row(step.key, step.label, [
    make("td", { class: "at" }, ...(step.of ? [meter(step.step / step.of, "steps"), `${step.step.toLocaleString("en")} / ${step.of.toLocaleString("en")}`] : ["…"])),
    make("td", { class: "n" }, step.loss === null ? "" : step.loss.toFixed(4)),
    make("td", {}, numbered.has(step.key) ? sparkline(points.get(step.key), numbered.get(step.key)) : null),
    make("td", { class: "n" }, step.tokens_per_second ? compact(Math.round(step.tokens_per_second)) : ""),
  ]));
  for (const each of value.ended) {
    const last = each.points.at(-1);
    rows.push(row(each.key, each.label, [
      make("td", { class: "at" }, `ended at ${last[0].toLocaleString("en")}`),
      make("td", { class: "n" }, last[1] === null ? "not finite" : significant(last[1], 5)),
      make("td", {}, sparkline(each.points, numbered.get(each.key))),
      make("td", {}),
    ], running));
  }
  if (status.running_more) rows.push(make("tr", {}, make("td", { colspan: 5, class: "soft" }, `and ${status.running_more} more that run`)));
  fill(byId("running"), [["step", ""], ["training steps", ""], ["loss", "n"], ["", ""], ["tokens/s", "n"]], rows, "Steps that run, and those that ended last");
}

function meter(share, kind = "") {
  const filled = make("span", { class: share >= 1 ? "done" : "part" });
  filled.style.width = `${Math.min(100, 100 * share)}%`;
  return make("span", { class: `meter ${kind}`, "aria-hidden": "true" }, filled);
}

export function showOverview(value) {
  const rows = value.budget.map((each) => {
    const counted = each.counted ?? 0;
    // a stage that may end early is done with less than was planned
    const share = each.ends_early && each.arms_done === each.arms ? 1 : each.planned ? counted / each.planned : 1;
    const differ = each.arms_differ && !each.ends_early;
    return make("tr", {},
      make("td", {}, each.stage),
      make("td", { class: "label" }, each.corpus + (each.replay_of ? `, again from ${each.replay_of}` : "")),
      make("td", { class: "n", title: each.planned.toLocaleString("en") }, compact(each.planned)),
      make("td", { class: "n", title: counted.toLocaleString("en") }, compact(counted)),
      make("td", {}, meter(share), " ", differ ? make("strong", { class: "bad" }, `${each.arms_differ} arms differ`) : each.ends_early ? make("span", { class: "soft" }, "may end early") : `${Math.floor(100 * share)}%`),
      make("td", { class: "n" }, `${whole(each.arms_done)} / ${whole(each.arms)}`));
  });
  fill(byId("budget"), [["stage", ""], ["corpus", ""], ["planned", "n"], ["counted", "n"], ["", ""], ["arms done", "n"]], rows, "Tokens planned and counted, over all arms");
  byId("budget-note").textContent = rows.length ? "Tokens over all arms; what arms share counts in each of them. A stage is counted when it is done." : "no budget yet";
  const work = value.operations.map((each) => make("tr", {},
    make("td", {}, each.op),
    make("td", { class: "n" }, `${whole(each.done)} / ${whole(each.steps)}`),
    make("td", {}, each.failed ? make("strong", { class: "bad" }, `${each.failed} failed`) : ""),
    make("td", { class: "n" }, duration(each.wall_seconds)),
    make("td", { class: "n" }, each.flops ? each.flops.toExponential(1) : "")));
  fill(byId("operations"), [["operation", ""], ["done", "n"], ["", ""], ["time", "n"], ["FLOPs", "n"]], work, "Steps by operation");
  const notes = [`${whole(value.results_done)} of ${whole(value.results)} results are there`, `${whole(value.arms_done)} of ${whole(value.arms)} arms are complete`];
  if (value.diverged) notes.push(`${value.diverged} results are not a number: training diverged`);
  byId("results").textContent = notes.join("; ");
}
