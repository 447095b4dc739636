"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const picture = document.getElementById("picture");
  const view = document.getElementById("view");
  const facts = document.getElementById("facts");
  const find = document.getElementById("find");
  const found = document.getElementById("found");
  const width = Number(picture.dataset.width);
  const height = Number(picture.dataset.height);
  const nodes = data.nodes.map((_, number) => document.getElementById("n" + number));
  const lines = data.edges.map((_, number) => document.getElementById("e" + number));
  const into = nodes.map(() => []);
  const outOf = nodes.map(() => []);
  data.edges.forEach(([source, target], number) => {
    outOf[source].push([target, number]);
    into[target].push([source, number]);
  });

  // ---- where we look: a point (x, y) of the picture is shown at (x * scale + left, y * scale + top)
  let scale = 1, left = 0, top = 0;
  const show = () => view.setAttribute("transform", `translate(${left} ${top}) scale(${scale})`);
  const zoom = (factor, x, y) => {
    const next = Math.min(4, Math.max(0.01, scale * factor));
    left = x - (x - left) * (next / scale);
    top = y - (y - top) * (next / scale);
    scale = next;
    show();
  };
  const middle = () => [picture.clientWidth / 2, picture.clientHeight / 2];
  const fit = () => {
    const [x, y] = middle();
    scale = Math.min(1.25, 2 * x / width, 2 * y / height);
    left = x - width * scale / 2;
    top = Math.max(0, y - height * scale / 2);
    show();
  };
  const actual = () => {
    const [x] = middle();
    scale = 1;
    left = Math.max(0, x - width / 2);
    top = 0;
    show();
  };
  const bringIn = (node) => {
    const box = node.getBoundingClientRect();
    const frame = picture.getBoundingClientRect();
    const inside = box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
    if (inside && scale >= 0.35) return;
    if (scale < 0.6) zoom(0.9 / scale, ...middle());
    const now = node.getBoundingClientRect();
    left += (frame.left + frame.right) / 2 - (now.left + now.right) / 2;
    top += (frame.top + frame.bottom) / 2 - (now.top + now.bottom) / 2;
    show();
  };

  // ---- what is known of a step
  const line = (tag, text, name) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  let shown = -1;
  const tell = (number) => {
    if (number === shown) return;
    shown = number;
    facts.replaceChildren();
    if (number < 0) return;
    const [op, title, point, names, size, state, cost, key, table] = data.nodes[number];
    facts.append(line("h2", title), line("p", `${op}; ${state}`));
    for (const text of [point, names, size, cost]) if (text) facts.append(line("p", text, "soft"));
    if (key) facts.append(line("code", key));
    const list = document.createElement("dl");
    for (const [name, value] of data.tables[table]) list.append(line("dt", name), line("dd", value));
    facts.append(list);
    const made = [...new Set(into[number].map(([other]) => data.nodes[other][1]))];
    const makes = [...new Set(outOf[number].map(([other]) => data.nodes[other][1]))];
    const some = (titles) => titles.slice(0, 12).join(", ") + (titles.length > 12 ? `, ... ${titles.length - 12} more` : "");
    if (made.length) facts.append(line("p", "from " + some(made), "soft"));
    if (makes.length) facts.append(line("p", "used by " + some(makes), "soft"));
  };

  // ---- lineage
  let chosen = -1;
  const reach = (start, links, seen, drawn) => {
    const waiting = [start];
    while (waiting.length) {
      for (const [other, edge] of links[waiting.pop()]) {
        drawn.add(edge);
        if (!seen.has(other)) { seen.add(other); waiting.push(other); }
      }
    }
  };
  const mark = (number) => {
    if (chosen >= 0) nodes[chosen].classList.remove("chosen");
    chosen = number;
    picture.classList.toggle("marked", number >= 0);
    for (const element of picture.querySelectorAll(".on")) element.classList.remove("on");
    if (number < 0) return;
    const behind = new Set([number]), ahead = new Set([number]), drawn = new Set();
    reach(number, into, behind, drawn);
    reach(number, outOf, ahead, drawn);
    for (const other of [...behind, ...ahead]) nodes[other].classList.add("on");
    for (const edge of drawn) lines[edge].classList.add("on");
    nodes[number].classList.add("chosen");
    tell(number);
  };
  const numberOf = (target) => {
    const node = target instanceof Element ? target.closest(".node") : null;
    return node ? Number(node.id.slice(1)) : -1;
  };

  // ---- mouse and touch
  const fingers = new Map();
  let moved = false;
  picture.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    moved = false;
  });
  picture.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (chosen < 0) tell(numberOf(event.target));
      return;
    }
    const now = [event.clientX, event.clientY];
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const length = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
      const frame = picture.getBoundingClientRect();
      zoom(length(now) / length(before), (now[0] + other[0]) / 2 - frame.left, (now[1] + other[1]) / 2 - frame.top);
      moved = true;
    } else if (moved || Math.hypot(now[0] - before[0], now[1] - before[1]) > 3) {
      if (!moved) picture.setPointerCapture(event.pointerId);
      moved = true;
      picture.classList.add("moving");
      left += now[0] - before[0];
      top += now[1] - before[1];
      show();
    } else {
      return;
    }
    fingers.set(event.pointerId, now);
  });
  for (const ended of ["pointerup", "pointercancel"]) {
    picture.addEventListener(ended, (event) => {
      fingers.delete(event.pointerId);
      picture.classList.remove("moving");
    });
  }
  picture.addEventListener("click", (event) => {
    if (moved) return;
    const number = numberOf(event.target);
    mark(number === chosen ? -1 : number);
    if (number >= 0) focusOn(number);
  });
  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    const frame = picture.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });

  // ---- keyboard: one step at a time can be reached with Tab, the others from there
  let current = 0;
  const focusOn = (number) => {
    if (!nodes.length) return;
    nodes[current].setAttribute("tabindex", "-1");
    current = number;
    nodes[current].setAttribute("tabindex", "0");
    nodes[current].focus({ preventScroll: true });
  };
  nodes.forEach((node, number) => {
    const [op, title, point, , size, state] = data.nodes[number];
    node.setAttribute("tabindex", number ? "-1" : "0");
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", [op, title, point, size, state].filter(Boolean).join(", "));
    node.querySelector("title").remove();  // the panel tells it
  });
  const places = nodes.map((node) => {
    const [x, y] = node.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
    return [x, y];
  });
  const nearest = (number, x, y) => {
    // the nearest step in a direction, sideways counted three times
    let best = -1, least = Infinity;
    places.forEach(([otherX, otherY], other) => {
      const dx = otherX - places[number][0], dy = otherY - places[number][1];
      const along = dx * x + dy * y, aside = Math.abs(dx * y) + Math.abs(dy * x);
      if (other !== number && along > 1 && along + 3 * aside < least) { least = along + 3 * aside; best = other; }
    });
    return best;
  };
  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  picture.addEventListener("focusin", (event) => {
    const number = numberOf(event.target);
    if (number < 0) return;
    current = number;
    if (nodes[number].matches(":focus-visible")) { tell(number); bringIn(nodes[number]); }
  });
  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = directions[event.key];
    if (direction) {
      const next = nearest(current, ...direction);
      if (next >= 0) focusOn(next);
    } else if (event.key === "Enter" || event.key === " ") {
      mark(chosen === current ? -1 : current);
    } else {
      return;
    }
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { mark(-1); find.value = ""; search(); }
    if (event.target === find) return;
    if (event.key === "+" || event.key === "=") zoom(1.25, ...middle());
    if (event.key === "-") zoom(0.8, ...middle());
    if (event.key === "0") fit();
    if (event.key === "/") { find.focus(); event.preventDefault(); }
  });

  // ---- find
  let hits = [], hit = 0;
  const search = () => {
    for (const number of hits) nodes[number].classList.remove("hit");
    const wanted = find.value.trim().toLowerCase();
    hits = [];
    hit = -1;
    if (wanted) {
      data.nodes.forEach((node, number) => {
        if (node.slice(0, 8).join(" ").toLowerCase().includes(wanted)) hits.push(number);
      });
      for (const number of hits) nodes[number].classList.add("hit");
    }
    found.textContent = wanted ? (hits.length === 1 ? "1 found" : `${hits.length} found`) : "";
  };
  find.addEventListener("input", search);
  find.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !hits.length) return;
    hit = (hit + 1) % hits.length;
    tell(hits[hit]);
    bringIn(nodes[hits[hit]]);
    found.textContent = `${hit + 1} of ${hits.length}`;
  });

  document.getElementById("closer").addEventListener("click", () => zoom(1.25, ...middle()));
  document.getElementById("farther").addEventListener("click", () => zoom(0.8, ...middle()));
  document.getElementById("whole").addEventListener("click", fit);
  document.getElementById("actual").addEventListener("click", actual);
  fit();
  if (scale < 0.45) {
    actual();
    if (nodes.length) bringIn(nodes[0]);
  }
})();
