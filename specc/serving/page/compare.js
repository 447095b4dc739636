// The comparison so far, expectations, and the recipe's own comparisons.
import { ask, byId, cellOf, fill, make, picture, prose, query, significant } from "./dom.js";
import { write } from "./sql.js";

let ofQuestions = null;
let ofOwn = null;  // experiment whose comparisons are listed

export async function showComparison(experiment) {
  const choice = byId("question"), number = ofQuestions === experiment ? Number(choice.value || 0) : 0;
  ofQuestions = experiment;
  let found;
  if (!byId("compared").firstChild) byId("compared").replaceChildren(make("p", { class: "soft" }, "comparing …"));
  try {
    found = await ask(`api/comparison${query({ experiment, number })}`);
  } catch (error) {
    byId("compared").replaceChildren(make("p", { class: "soft" }, error.message + (error.fields?.help ? `: ${error.fields.help}` : "")));
    return;
  }
  const { value } = found;
  if ([...choice.options].map((each) => each.textContent).join("\n") !== value.questions.join("\n")) {
    choice.replaceChildren(...value.questions.map((title, place) => make("option", { value: place }, title)));
  }
  choice.value = String(value.number);
  const stamp = JSON.stringify([experiment, value]);
  if (byId("compared").dataset.shown === stamp) return;
  byId("compared").dataset.shown = stamp;
  byId("compared").replaceChildren(...(value.compared ? answer(value) : [make("p", { class: "soft" }, "nothing to compare yet: the experiment has no evaluation, or no second group")]));
}

function answer(value) {
  const { compared } = value;
  const parts = [make("p", { class: "headline" }, ...prose(compared.headline))];
  if (value.picture) parts.push(make("div", { class: "picture" }, picture(value.picture)));
  for (const note of compared.notes) parts.push(make("p", { class: "note" }, ...prose(note)));
  const table = make("table");
  if (compared.points) listPoints(table, compared);
  else listGroups(table, compared);
  parts.push(make("div", { class: "scroll" }, table));
  const listed = (compared.points || compared.groups).length;
  if (value.groups > listed) parts.push(make("p", { class: "soft" }, `${listed} of ${value.groups} groups are listed`));
  parts.push(query_of(compared.sql));
  return parts;
}

function listPoints(table, { title, x, y, points }) {
  const many = new Set(points.map((each) => each.series)).size > 1;
  const rows = points.map((each) => make("tr", { class: each.dominated ? "ended" : null },
    make("td", { class: "label" }, each.name),
    ...(many ? [make("td", {}, each.series)] : []),
    make("td", { class: "n" }, significant(each.x)),
    make("td", { class: "n" }, significant(each.y)),
    make("td", { class: "n" }, String(each.n)),
    make("td", {}, each.strictly ? "dominated in both" : each.dominated ? "dominated" : each.on_hull ? "on the frontier and its hull" : "on the frontier")));
  fill(table, [["group", ""], ...(many ? [["series", ""]] : []), [x, "n"], [y, "n"], ["seeds", "n"], ["", ""]], rows, title);
}

function listGroups(table, compared) {
  const rows = compared.groups.map((group) => {
    const lacking = Object.entries(group.lacking).map(([state, count]) => `${count} ${state}`).join(", ");
    return make("tr", {},
      make("td", { class: "label" }, group.name, group.selected ? make("span", { class: "soft" }, " selected") : null),
      make("td", { class: "n" }, significant(group.mean)),
      make("td", { class: "n soft" }, group.half === null ? "" : `± ${significant(group.half, 3)}`),
      make("td", { class: "n" }, String(group.n)),
      make("td", { class: lacking ? "bad" : "" }, lacking),
      make("td", { class: "text" }, ...prose(compared.told[group.name] || (group.name === compared.baseline ? "baseline" : ""))));
  });
  fill(table, [["group", ""], ["mean", "n"], [`${100 * compared.level}% over seeds`, "n"], ["seeds", "n"], ["not there", ""], ["against the baseline", ""]], rows, compared.title);
}

function query_of(sql) {
  return make("details", {}, make("summary", {}, "its query"), make("pre", {}, sql), make("button", { type: "button", onclick: () => write(sql) }, "open in SQL"));
}

export function showExpectations(expectations) {
  const signs = { met: ["✓ met", "good"], "not met": ["✗ not met", "bad"], "not run": ["– not run", "soft"] };
  const items = expectations.flatMap((each) => {
    const [text, kind] = signs[each.outcome] || [each.outcome || "– not run", "soft"];
    const numbers = each.left_value !== null && each.right_value !== null ? `  (${significant(each.left_value, 4)} against ${significant(each.right_value, 4)}${each.margin ? `, margin ${significant(each.margin, 4)}` : ""})` : "";
    return [make("dt", { class: kind }, text), make("dd", {}, each.text, make("span", { class: "soft" }, numbers + (each.reason ? `: ${each.reason}` : "")))];
  });
  byId("expectations").replaceChildren(items.length ? make("dl", { class: "outcome" }, ...items) : make("p", { class: "soft" }, "the recipe expects nothing"));
}

export async function showOwn(experiment) {
  const choice = byId("own"), place = byId("own-answer");
  try {
    const { value } = await ask(`api/own${query({ experiment, name: ofOwn === experiment ? choice.value : "" })}`);
    ofOwn = experiment;
    if ([...choice.options].map((each) => each.value).join("\n") !== value.names.join("\n")) {
      choice.replaceChildren(...value.names.map((name) => make("option", { value: name }, name)));
    }
    choice.disabled = !value.names.length;
    if (!value.names.length) {
      place.replaceChildren(make("p", { class: "soft" }, "the recipe declares none"));
      return;
    }
    choice.value = value.name;
    const numeric = value.columns.map((_, column) => value.rows.some((row) => typeof row[column] === "number"));
    const table = make("table");
    fill(table, value.columns.map((name, column) => [name, numeric[column] ? "n" : ""]), value.rows.map((row) => make("tr", {}, ...row.map((cell, column) => cellOf(cell, numeric[column])))), value.name);
    place.replaceChildren(make("div", { class: "scroll" }, table), ...(value.more ? [make("p", { class: "soft" }, "the first rows; the query gives all")] : []), query_of(value.sql));
  } catch (error) {
    place.replaceChildren(make("p", { class: "soft" }, ...prose(error.message + (error.fields?.help ? `: ${error.fields.help}` : ""))));
  }
}
