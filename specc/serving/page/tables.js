// A table of which the server sends a page at a time: find, filter, order.
import { ask, cellOf, compact, duration, fill, make, query, whole } from "./dom.js";

let made = 0;

export class PagedTable {
  constructor(box, address, { find, states, order, hidden }) {
    this.address = address;
    this.hidden = hidden;
    this.asked = { text: "", state: "", order, down: 0, page: 0 };
    this.experiment = "";
    this.serial = 0;
    const id = `find-${made++}`;
    this.text = make("input", { type: "search", id, placeholder: find, size: 34, autocomplete: "off", oninput: () => this.later() });
    this.table = make("table");
    this.place = make("span", { role: "status" });
    this.back = make("button", { type: "button", onclick: () => this.turn(-1) }, "previous");
    this.on = make("button", { type: "button", onclick: () => this.turn(1) }, "next");
    const tools = [make("label", { for: id }, "find "), this.text];
    if (states) {
      this.state = make("select", { "aria-label": "state", onchange: () => { this.asked.state = this.state.value; this.first(); this.load(); } },
        make("option", { value: "" }, "any state"), ...states.map((each) => make("option", { value: each }, each)));
      tools.push(this.state);
    }
    box.replaceChildren(make("div", { class: "line" }, ...tools), make("div", { class: "scroll" }, this.table), make("div", { class: "pages" }, this.back, this.on, this.place));
  }

  first() { this.asked.page = 0; }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => { this.asked.text = this.text.value; this.first(); this.load(); }, 250);
  }

  turn(by) {
    this.asked.page = Math.max(0, this.asked.page + by);
    this.load();
  }

  async load(experiment = this.experiment) {
    this.experiment = experiment;
    const serial = ++this.serial;
    let found;
    try {
      found = await ask(`${this.address}${query({ experiment, ...this.asked, down: this.asked.down || "" })}`);
    } catch (error) {
      if (serial === this.serial) this.place.textContent = error.message;
      return;
    }
    if (serial === this.serial) this.show(found.value);
  }

  show(value) {
    const last = Math.max(0, Math.ceil(value.total / value.size) - 1);
    if (this.asked.page > last) { this.asked.page = last; this.load(); return; }
    const shown = value.columns.map((name, column) => [name, column]).filter(([name]) => !this.hidden.includes(name));
    const numeric = value.columns.map((_, column) => value.rows.some((row) => typeof row[column] === "number"));
    const heads = shown.map(([name, column]) => {
      const ordered = this.asked.order === name;
      const arrow = ordered ? (this.asked.down ? " ▾" : " ▴") : "";
      return make("th", { scope: "col", class: numeric[column] ? "n" : "", "aria-sort": ordered ? (this.asked.down ? "descending" : "ascending") : null },
        make("button", { type: "button", class: "plain", onclick: () => this.orderBy(name) }, name.replace(/_seconds$/, " time") + arrow));
    });
    const cell = (name, value, column) => {
      if (value !== null && name.endsWith("_seconds")) return make("td", { class: "n" }, duration(value));
      if (value !== null && ["tokens", "flops"].includes(name)) return make("td", { class: "n" }, value >= 1e13 ? value.toExponential(1) : compact(value));
      if (name === "label") return make("td", { class: "label" }, value);
      if (name === "state") return make("td", { class: value === "done" ? "good" : value === "failed" ? "bad" : "" }, value);
      return cellOf(value, numeric[column]);
    };
    const focused = document.activeElement?.closest?.("th")?.textContent;
    fill(this.table, heads, value.rows.map((row) => make("tr", {}, ...shown.map(([name, column]) => cell(name, row[column], column)))));
    if (focused) for (const head of heads) if (head.textContent.slice(0, -2).trim() === focused.replace(/ [▾▴]$/, "") || head.textContent === focused) head.firstChild.focus();
    const from = value.total ? value.page * value.size + 1 : 0;
    this.place.textContent = value.total ? `${whole(from)} to ${whole(Math.min(value.total, from + value.size - 1))} of ${whole(value.total)}` : "none";
    this.back.disabled = value.page === 0;
    this.on.disabled = value.page >= last;
  }

  orderBy(name) {
    this.asked.down = this.asked.order === name && !this.asked.down ? 1 : 0;
    this.asked.order = name;
    this.first();
    this.load();
  }
}
