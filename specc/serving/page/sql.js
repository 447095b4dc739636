// The SQL pane: a query, its answers as tables or pictures, completion, history, and the tables there are.
import { ask, byId, cellOf, duration, fill, make, post, postForText, prose, query, remember } from "./dom.js";
import { legend, plot } from "./plot.js";

const KEYWORDS = "select from where group by order having limit offset join left using on as and or not in is null case when then else end with distinct union all count avg min max sum stddev_samp quantile_cont filter over partition between like asc desc pivot unpivot".split(" ");
const PAGE = 100;
const MOST_DRAWN = 4000;
const MOST_SERIES = 14;
const area = byId("query"), asked = byId("asked"), suggestions = byId("suggestions");
let experiment = () => "";
let names = [];
let running = null;
let history = [];
let place = 0;
let opened = false;

try { history = JSON.parse(remember("history") || "[]").filter((each) => typeof each === "string"); } catch { history = []; }

export function openPane(whose) {
  experiment = whose;
  if (opened) return;
  opened = true;
  if (!area.value) area.value = "select recipe, stage, eval, count(*) as results, avg(value) as mean\nfrom results\ngroup by all\norder by all";
  showHistory();
}

export function write(sql) {
  area.value = sql;
  location.hash = "sql";
  setTimeout(() => { area.focus(); run(); });
}

// ---- asking
const identity = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function run() {
  const sql = area.value;
  if (running || !sql.trim()) return;
  running = identity();
  keep(sql);
  busy(true);
  const began = performance.now();
  const clock = setInterval(() => { asked.textContent = `running, ${duration((performance.now() - began) / 1000)}`; }, 200);
  try {
    const value = await post("api/query", { sql, id: running, experiment: experiment() });
    const rows = value.answers.reduce((sum, each) => sum + each.rows.length, 0);
    asked.textContent = `${rows.toLocaleString("en")} rows, ${duration((performance.now() - began) / 1000)}`;
    byId("answers").replaceChildren(...value.answers.map((each, number) => shown(each, number)));
  } catch (error) {
    asked.textContent = "";
    tell(error, sql);
  } finally {
    clearInterval(clock);
    running = null;
    busy(false);
  }
}

function tell(error, sql) {
  const { help, position } = error.fields || {};
  byId("answers").replaceChildren(make("p", { class: "trouble", role: "alert" }, ...prose(error.message + (help ? `; ${help}` : ""))));
  if (Number.isInteger(position)) {
    // positions count characters; a text area counts units of UTF-16
    const before = Array.from(sql).slice(0, position).join("").length;
    const word = /^\w+/.exec(sql.slice(before));
    area.setSelectionRange(before, before + (word ? word[0].length : 1));
    area.focus();
  }
}

function busy(is) {
  byId("ask").disabled = is;
  byId("cancel").disabled = !is;
  byId("download").disabled = is;
}

async function download() {
  const sql = area.value;
  if (running || !sql.trim()) return;
  running = identity();
  busy(true);
  asked.textContent = "writing a file";
  try {
    const blob = await postForText("api/csv", { sql, id: running, experiment: experiment() });
    const address = URL.createObjectURL(blob);
    make("a", { href: address, download: "answer.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
    asked.textContent = `${blob.size.toLocaleString("en")} bytes of CSV`;
  } catch (error) {
    asked.textContent = "";
    tell(error, sql);
  } finally {
    running = null;
    busy(false);
  }
}

byId("ask").addEventListener("click", run);
byId("cancel").addEventListener("click", () => { if (running) post("api/cancel", { id: running }).catch(() => {}); });
byId("download").addEventListener("click", download);

// ---- answers
function shown(answer, number) {
  const numeric = answer.columns.map((_, column) => answer.rows.some((row) => typeof row[column] === "number"));
  const picked = choose(answer, numeric);
  const body = make("div");
  const views = make("span", { role: "group", "aria-label": "as" });
  const as = (view) => {
    for (const each of views.children) each.setAttribute("aria-pressed", String(each.dataset.view === view));
    for (const each of views.children) each.classList.toggle("main", each.dataset.view === view);
    body.replaceChildren(view === "table" ? paged(answer, numeric) : pictured(answer, numeric, picked));
    remember("view", view);
  };
  views.append(
    make("button", { type: "button", "data-view": "table", onclick: () => as("table") }, "table"), " ",
    make("button", { type: "button", "data-view": "plot", onclick: () => as("plot"), disabled: !picked }, "plot"));
  for (const text of [...views.childNodes]) if (text.nodeType === 3) text.remove();
  const count = `${answer.rows.length.toLocaleString("en")}${answer.more ? " rows, cut; the CSV has all" : answer.rows.length === 1 ? " row" : " rows"}`;
  const part = make("section", { "aria-label": `answer ${number + 1}` }, make("div", { class: "line" }, views, make("span", { class: "soft" }, count)), body);
  as(picked && remember("view") === "plot" ? "plot" : "table");
  return part;
}

function paged(answer, numeric) {
  const table = make("table"), where = make("span", { class: "soft" });
  let page = 0;
  const back = make("button", { type: "button", onclick: () => turn(-1) }, "previous");
  const on = make("button", { type: "button", onclick: () => turn(1) }, "next");
  const last = Math.max(0, Math.ceil(answer.rows.length / PAGE) - 1);
  const turn = (by) => {
    page = Math.min(last, Math.max(0, page + by));
    const rows = answer.rows.slice(page * PAGE, (page + 1) * PAGE);
    fill(table, answer.columns.map((name, column) => [name, numeric[column] ? "n" : ""]), rows.map((row) => make("tr", {}, ...row.map((value, column) => cellOf(value, numeric[column])))), "Answer");
    for (const [column, head] of [...table.tHead.rows[0].cells].entries()) head.title = answer.types[column];
    where.textContent = `rows ${page * PAGE + 1} to ${page * PAGE + rows.length}`;
    back.disabled = page === 0;
    on.disabled = page === last;
  };
  turn(0);
  return make("div", {}, make("div", { class: "scroll" }, table), last ? make("div", { class: "pages" }, back, on, where) : null);
}

// What to draw, by the columns: a category and a number are bars; numbers over numbers are a line where each
// series has each x once and in order, else points. Null if there is nothing to draw.
export function choose(answer, numeric) {
  const numbers = answer.columns.map((_, column) => column).filter((column) => numeric[column]);
  const others = answer.columns.map((_, column) => column).filter((column) => !numeric[column] && answer.rows.some((row) => row[column] !== null));
  const times = others.filter((column) => /^(TIMESTAMP|DATE)/.test(answer.types[column]));
  const texts = others.filter((column) => !times.includes(column));
  if (!answer.rows.length || !numbers.length) return null;
  if (times.length) return { kind: "line", x: times[0], y: numbers[0], series: texts[0] ?? -1 };
  const constant = (column) => new Set(answer.rows.map((row) => row[column])).size < 2;
  const named = texts.filter((column) => !constant(column) || texts.length === 1);
  if (numbers.length === 1) return named.length ? { kind: "bar", x: named[0], y: numbers[0], series: named[1] ?? -1 } : { kind: "line", x: -1, y: numbers[0], series: -1 };
  const [x, ...rest] = numbers;
  const y = rest.at(-1);
  if (named.length && constant(x)) return { kind: "bar", x: named[0], y, series: named[1] ?? -1 };
  const series = named.find((column) => new Set(answer.rows.map((row) => row[column])).size <= MOST_SERIES) ?? -1;
  const orderly = [...group(answer.rows, series).values()].every((rows) => rows.every((row, at) => at === 0 || row[x] > rows[at - 1][x]));
  return { kind: orderly && answer.rows.length > 2 ? "line" : "scatter", x, y, series };
}

function group(rows, column) {
  const groups = new Map();
  for (const row of rows) {
    const name = column < 0 ? "" : row[column] === null ? "null" : String(row[column]);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return groups;
}

function pictured(answer, numeric, picked) {
  const box = make("div", { class: "plot" }), key = make("div"), note = make("p", { class: "soft" });
  const select = (label, value, options) => {
    const choice = make("select", { onchange: () => { picked[label] = /^-?\d+$/.test(choice.value) ? Number(choice.value) : choice.value; again(); } }, ...options.map(([name, text]) => make("option", { value: name }, text)));
    choice.value = String(value);
    return make("label", {}, `${label} `, choice);
  };
  const columns = answer.columns.map((name, column) => [column, name]);
  const again = () => {
    const timed = picked.x >= 0 && /^(TIMESTAMP|DATE)/.test(answer.types[picked.x]);
    const rows = answer.rows.slice(0, MOST_DRAWN);
    const groups = [...group(rows, picked.series)];
    const kept = groups.slice(0, MOST_SERIES);
    const names = [];
    const placed = new Map();
    const first = timed ? Math.min(...rows.map((row) => Date.parse(`${row[picked.x]}Z`)).filter(Number.isFinite)) : 0;
    const across = (row, at) => {
      if (picked.kind === "bar") {
        const name = picked.x < 0 ? String(at + 1) : row[picked.x] === null ? "null" : String(row[picked.x]);
        if (!placed.has(name)) { placed.set(name, names.length); names.push(name); }
        return placed.get(name);
      }
      return picked.x < 0 ? at : timed ? (Date.parse(`${row[picked.x]}Z`) - first) / 1000 : row[picked.x];
    };
    const series = kept.map(([name, members]) => ({ name, points: members.map((row, at) => [across(row, at), typeof row[picked.y] === "number" ? row[picked.y] : NaN]) }));
    const xLabel = picked.x < 0 ? "row" : answer.columns[picked.x] + (timed ? ", seconds since the first" : "");
    const lost = plot(box, { kind: picked.kind, series, names, xLabel, yLabel: answer.columns[picked.y], log: false, title: `${answer.columns[picked.y]} over ${xLabel}; the table has the values`, height: 340 });
    key.replaceChildren(...(picked.series >= 0 ? [legend(series)] : []));
    note.textContent = [
      answer.rows.length > MOST_DRAWN ? `the first ${MOST_DRAWN.toLocaleString("en")} rows are drawn` : "",
      groups.length > kept.length ? `${kept.length} of ${groups.length} series are drawn` : "",
      lost ? `${lost} values are no finite numbers` : "",
    ].filter(Boolean).join("; ");
  };
  setTimeout(again);  // once it is in the page, and has a width
  const numbers = columns.filter(([column]) => numeric[column]);
  return make("div", {},
    make("div", { class: "line" },
      select("kind", picked.kind, [["line", "line"], ["scatter", "points"], ["bar", "bars"]]),
      select("x", picked.x, [[-1, "row"], ...columns]),
      select("y", picked.y, numbers),
      select("series", picked.series, [[-1, "none"], ...columns])),
    box, key, note);
}

// ---- completion
export async function schemaChanged(whose) {
  try {
    const { value, fresh } = await ask(`api/names${query({ experiment: whose })}`);
    if (!fresh && names.length) return;
    names = [...new Set([
      ...value.tables.map((table) => table.name),
      ...value.tables.flatMap((table) => table.columns.map((column) => column.name)),
      ...value.functions.map((each) => each.name.replace(/\(.*/, "(")),
      ...KEYWORDS,
    ])];
    showTables(value);
  } catch { /* told by the page */ }
}

const plain = /^[A-Za-z_][A-Za-z_0-9]*\(?$/;
const spelled = (name) => (plain.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

function beginning() {
  const before = area.value.slice(0, area.selectionStart);
  return /[A-Za-z_][A-Za-z_0-9]*$/.exec(before)?.[0] || "";
}

function offers() {
  const begun = beginning().toLowerCase();
  if (begun.length < 2 || area.selectionStart !== area.selectionEnd) return [];
  return names.filter((name) => name.toLowerCase().startsWith(begun) && name.toLowerCase() !== begun).slice(0, 8);
}

function offer() {
  suggestions.replaceChildren(...offers().map((name) => make("button", { type: "button", tabindex: -1, onclick: () => complete(name) }, name)));
}

function complete(name) {
  const begun = beginning(), at = area.selectionStart;
  area.focus();
  area.setRangeText(spelled(name), at - begun.length, at, "end");
  offer();
}

area.addEventListener("input", offer);
area.addEventListener("click", offer);
area.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") run();
  else if (event.ctrlKey && event.key === " ") { const [first] = offers(); if (first) complete(first); }
  else if (event.ctrlKey && event.key === "ArrowUp") recall(-1);
  else if (event.ctrlKey && event.key === "ArrowDown") recall(1);
  else return;
  event.preventDefault();
});

// ---- history: kept by this browser, for this address
function keep(sql) {
  history = [...history.filter((each) => each !== sql), sql].slice(-50);
  place = history.length;
  remember("history", JSON.stringify(history));
  showHistory();
}

function recall(by) {
  if (!history.length) return;
  place = Math.min(history.length, Math.max(0, (place || history.length) + by));
  area.value = history[place] ?? "";
}

function showHistory() {
  byId("past").replaceChildren(...history.toReversed().map((sql) => make("li", {}, make("button", { type: "button", class: "plain", onclick: () => { area.value = sql; area.focus(); } }, sql))));
}

function showTables(value) {
  const insert = (name) => make("button", { type: "button", class: "plain", onclick: () => { area.setRangeText(spelled(name), area.selectionStart, area.selectionEnd, "end"); area.focus(); } }, name);
  byId("tables").replaceChildren(
    ...value.tables.map((table) => make("details", {}, make("summary", { title: table.doc }, table.name),
      make("p", { class: "soft" }, table.doc),
      make("ul", {}, ...table.columns.map((column) => make("li", { title: column.doc }, insert(column.name), make("span", { class: "soft" }, ` ${column.type.toLowerCase()}`)))))),
    ...(value.functions.length ? [make("details", {}, make("summary", {}, "functions"), make("ul", {}, ...value.functions.map((each) => make("li", { title: each.doc }, make("code", {}, each.name), make("span", { class: "soft" }, ` ${each.doc}`)))))] : []));
}
