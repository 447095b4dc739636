"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, inside) => [...(inside || document).querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const said = byId("said");
  const say = (text) => { said.textContent = ""; said.textContent = text; };

  // ---- what needs this script is shown only now
  for (const element of all("#tools, .copy, .csv")) element.hidden = false;

  // ---- colours
  const theme = byId("theme");
  const themes = [["", "system"], ["light", "light"], ["dark", "dark"]];
  let chosen = 0;
  const paint = () => {
    root.classList.remove("light", "dark");
    if (themes[chosen][0]) root.classList.add(themes[chosen][0]);
    theme.textContent = "Colours: " + themes[chosen][1];
    theme.setAttribute("aria-label", "Colours: " + (chosen ? themes[chosen][1] : "as the system has them"));
  };
  theme.addEventListener("click", () => { chosen = (chosen + 1) % themes.length; paint(); });
  addEventListener("beforeprint", () => root.classList.add("light"));
  addEventListener("afterprint", paint);

  // ---- marks: where in the sweep each lies, and what is told of it
  const placed = all("[data-v]").map((element) => ({ element, values: JSON.parse(element.dataset.v) }));
  const marks = all(".chart .m");
  const told = new Map();
  for (const mark of marks) {
    const title = mark.querySelector("title");
    told.set(mark, title.textContent);
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  for (const node of all("svg.specc .node")) {
    const title = node.querySelector("title");
    told.set(node, title.textContent);
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", title.textContent.split("\n")[0]);
    title.remove();
  }
  for (const picture of all(".picture > svg")) {
    // The title of a whole picture would be shown wherever the mouse rests.
    const title = picture.querySelector(":scope > title");
    if (!title) continue;
    picture.setAttribute("role", "group");
    picture.removeAttribute("aria-labelledby");
    picture.setAttribute("aria-label", title.textContent);
    title.remove();
  }

  // ---- tooltip
  const tip = byId("tip");
  const place = (x, y) => {
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(6, Math.min(x + 14, innerWidth - box.width - 6)) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? Math.max(6, y - box.height - 12) : y + 18) + "px";
  };
  const tell = (element, x, y) => {
    tip.textContent = told.get(element);
    tip.hidden = false;
    place(x, y);
  };
  const hush = () => { tip.hidden = true; };

  // ---- one arm in all figures: what shares a value and contradicts none
  const agree = (one, other) => {
    let shared = 0;
    for (const name in one) {
      if (!(name in other)) continue;
      if (one[name] !== other[name]) return false;
      shared += 1;
    }
    return shared > 0;
  };
  let pinned = null;
  let shown = null;
  const light = (element) => {
    const mark = element || pinned;
    if (mark === shown) return;
    shown = mark;
    const values = mark && mark.dataset.v ? JSON.parse(mark.dataset.v) : null;
    root.classList.toggle("pointed", Boolean(values));
    for (const each of placed) each.element.classList.toggle("hot", Boolean(values) && agree(values, each.values));
  };
  const markOf = (target) => (target instanceof Element ? target.closest(".m, .node") : null);
  document.addEventListener("pointerover", (event) => {
    const mark = markOf(event.target);
    if (mark && told.has(mark)) {
      tell(mark, event.clientX, event.clientY);
      light(mark);
    } else {
      hush();
      light(event.target instanceof Element ? event.target.closest("tr[data-v]") : null);
    }
  });
  document.addEventListener("pointermove", (event) => { if (!tip.hidden) place(event.clientX, event.clientY); });
  document.addEventListener("pointerleave", () => { hush(); light(null); });
  document.addEventListener("click", (event) => {
    const mark = markOf(event.target);
    if (mark && told.has(mark) && mark.dataset.v) pinned = pinned === mark ? null : mark;
    else if (!(event.target instanceof Element && event.target.closest("button, select, summary, a, input"))) pinned = null;
    light(mark);
  });

  // ---- keyboard: a figure is one stop; arrows go through its marks
  for (const picture of all(".picture > svg")) {
    const own = all(".m, .node", picture).filter((mark) => told.has(mark));
    own.forEach((mark, number) => mark.setAttribute("tabindex", number ? "-1" : "0"));
    const go = (from, to) => {
      own[from].setAttribute("tabindex", "-1");
      own[to].setAttribute("tabindex", "0");
      own[to].focus({ preventScroll: false });
    };
    picture.addEventListener("keydown", (event) => {
      const at = own.indexOf(document.activeElement);
      if (at < 0) return;
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) go(at, (at + step + own.length) % own.length);
      else if (event.key === "Home") go(at, 0);
      else if (event.key === "End") go(at, own.length - 1);
      else if (event.key === "Enter" || event.key === " ") pinned = pinned === own[at] ? null : own[at];
      else if (event.key === "Escape") { pinned = null; hush(); light(null); return; }
      else return;
      event.preventDefault();
    });
  }
  document.addEventListener("focusin", (event) => {
    const mark = markOf(event.target);
    if (!mark || !told.has(mark)) { hush(); light(null); return; }
    const box = mark.getBoundingClientRect();
    tell(mark, box.left + box.width / 2, box.bottom - 12);
    light(mark);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { pinned = null; hush(); light(null); }
  });

  // ---- narrowing to values of axes
  const selects = all("#tools select");
  const narrowed = byId("narrowed");
  const narrow = () => {
    const wanted = selects.filter((select) => select.value !== "").map((select) => [select.dataset.name, JSON.parse(select.value)]);
    let rows = 0;
    for (const { element, values } of placed) {
      const off = wanted.some(([name, value]) => name in values && values[name] !== value);
      if (element.tagName === "TR") { element.hidden = off; rows += off; }
      else element.classList.toggle("off", off);
    }
    narrowed.textContent = wanted.length ? `${rows} rows hidden` : "";
  };
  for (const select of selects) select.addEventListener("change", narrow);

  // ---- tables: sorted by the buttons in their heads
  const isNumber = (table, column) => table.tHead.rows[0].cells[column].classList.contains("n");
  const valueOf = (table, row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.s ?? cell.textContent.trim();
    if (!isNumber(table, column)) return text;
    const number = Number(text.replaceAll(",", "").replace("−", "-"));
    return text === "" || text === "–" || Number.isNaN(number) ? null : number;
  };
  const sorted = (table, column, head) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].map((row, number) => [valueOf(table, row, column), number, row]);
    rows.sort((one, other) => {
      if (one[0] === null || other[0] === null) return (one[0] === null) - (other[0] === null) || one[1] - other[1];
      const order = typeof one[0] === "number" && typeof other[0] === "number" ? one[0] - other[0]
        : String(one[0]).localeCompare(String(other[0]), "en", { numeric: true });
      return (down ? -order : order) || one[1] - other[1];
    });
    table.tBodies[0].replaceChildren(...rows.map((each) => each[2]));
    say(`sorted by ${head.textContent}, ${down ? "descending" : "ascending"}`);
  };
  for (const table of all("table")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => sorted(table, column, head));
    });
  }

  // ---- copies and downloads
  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      await copied(byId(button.dataset.copy).textContent);
      const before = button.firstChild.textContent;
      button.firstChild.textContent = "Copied";
      say("copied");
      setTimeout(() => { button.firstChild.textContent = before; }, 1500);
    });
  }
  const quoted = (text, isNumber) => {
    // A spreadsheet would run a text that begins like a formula.
    const safe = !isNumber && /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
    return /[",\r\n]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  };
  const csv = (table) => {
    const lines = [[...table.tHead.rows[0].cells].map((head) => quoted(head.textContent, false))];
    for (const row of table.tBodies[0].rows) {
      if (row.hidden) continue;
      lines.push([...row.cells].map((cell, column) => {
        if (!isNumber(table, column)) return quoted(cell.dataset.s ?? cell.textContent.trim(), false);
        const value = valueOf(table, row, column);
        if (value !== null) return cell.dataset.s ?? String(value);
        const text = cell.textContent.trim();
        return text === "–" ? "" : quoted(text, false);
      }));
    }
    return lines.map((line) => line.join(",") + "\r\n").join("");
  };
  for (const button of all(".csv")) {
    button.addEventListener("click", () => {
      const table = byId(button.dataset.csv);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" }));
      link.download = table.dataset.file + ".csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  }
  root.dataset.ready = "yes";
})();
