// Lines, points and bars from rows of numbers. Series differ in colour, shape and dash.
import { draw, make, significant } from "./dom.js";

const COLOURS = 7;
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2"];
const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];

export const colour = (number) => `var(--c${number % COLOURS})`;
const dash = (number) => DASHES[number % DASHES.length];

export function shape(kind, x, y, size, number) {
  const paint = { fill: colour(number), stroke: "none" };
  const corner = (points) => draw("path", { d: `M${points.map(([px, py]) => `${(x + px * size).toFixed(1)} ${(y + py * size).toFixed(1)}`).join("L")}Z`, ...paint });
  switch (SHAPES[kind % SHAPES.length]) {
    case "circle": return draw("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: size, ...paint });
    case "square": return corner([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]);
    case "triangle": return corner([[0, -1.1], [1.05, 0.8], [-1.05, 0.8]]);
    case "diamond": return corner([[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]]);
    default: return draw("path", { d: `M${x - size} ${y - size}L${x + size} ${y + size}M${x - size} ${y + size}L${x + size} ${y - size}`, stroke: colour(number), "stroke-width": 2, fill: "none" });
  }
}

// What stands for a series in a table or legend.
export function sign(number) {
  const picture = draw("svg", { width: 30, height: 14, viewBox: "0 0 30 14", class: "sign", "aria-hidden": "true" });
  picture.append(draw("path", { d: "M1 7H29", stroke: colour(number), "stroke-width": 2, "stroke-dasharray": dash(number), fill: "none" }), shape(number, 15, 7, 3.6, number));
  return picture;
}

export function sparkline(points, number) {
  const width = 90, height = 20, values = points.filter(([, y]) => y !== null);
  const picture = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "sign", "aria-hidden": "true" });
  if (values.length < 2) return picture;
  const [x0, x1] = range(values.map(([x]) => x)), [y0, y1] = range(values.map(([, y]) => y));
  const place = ([x, y]) => `${(2 + (x - x0) / (x1 - x0 || 1) * (width - 4)).toFixed(1)} ${(height - 3 - (y - y0) / (y1 - y0 || 1) * (height - 6)).toFixed(1)}`;
  picture.append(draw("path", { d: `M${values.map(place).join("L")}`, stroke: colour(number), "stroke-width": 1.5, fill: "none" }));
  return picture;
}

function range(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { if (value < low) low = value; if (value > high) high = value; }
  return low <= high ? [low, high] : [0, 1];
}

// Round numbers that lie in a range, about as many as wanted.
export function ticks(low, high, wanted) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(1, wanted), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  const found = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number++) found.push(Number((number * step).toPrecision(12)));
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const factor of [1, 2, 5]) {
      const value = factor * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) found.push(Number(value.toPrecision(6)));
    }
  }
  return found.length >= 2 ? found : ticks(low, high, 4);
}

const short = (value) => {
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e15) {
    const [unit, name] = size >= 1e12 ? [1e12, "T"] : size >= 1e9 ? [1e9, "B"] : size >= 1e6 ? [1e6, "M"] : [1e3, "K"];
    return `${Number((value / unit).toPrecision(6))}${name}`;
  }
  return significant(value, 6);
};

// Draws into a box. kind: line, scatter or bar. series: [{name, points: [[x, y], ...], number, faint}];
// of bars x is a place in `names`. Returns how many points were left out because they are not finite.
export function plot(box, { kind, series, names, xLabel, yLabel, log, title, height = 300 }) {
  const usable = series.map((each) => ({ ...each, points: each.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0)) }));
  const total = series.reduce((sum, each) => sum + each.points.length, 0);
  const all = usable.flatMap((each) => each.points);
  const width = Math.max(300, box.clientWidth || 860);
  const left = 64, right = 14, top = 12, bottom = 44;
  const tall = height - bottom, wide = width - right;
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", "font-size": 12, role: "img", "aria-label": title });
  if (!all.length) {
    const text = draw("text", { x: width / 2, y: height / 2, class: "soft middle" });
    text.append("nothing to draw yet");
    picture.append(text);
    box.replaceChildren(picture);
    return total;
  }
  const across = (y) => (log ? Math.log10(y) : y);
  let [x0, x1] = kind === "bar" ? [-0.5, names.length - 0.5] : range(all.map(([x]) => x));
  let [y0, y1] = range(all.map(([, y]) => y));
  if (kind === "bar" && !log) [y0, y1] = [Math.min(0, y0), Math.max(0, y1)];
  if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
  else if (kind === "scatter") [x0, x1] = [x0 - 0.03 * (x1 - x0), x1 + 0.03 * (x1 - x0)];
  const room = (across(y1) - across(y0)) * 0.05 || Math.abs(across(y1)) * 0.05 || 0.5;
  const low = kind === "bar" && !log && y0 === 0 ? 0 : across(y0) - room, high = kind === "bar" && y1 === 0 ? 0 : across(y1) + room;
  const px = (x) => left + (x - x0) / (x1 - x0) * (wide - left);
  const py = (y) => tall - (across(y) - low) / (high - low) * (tall - top);
  const label = (x, y, text, classes) => { const element = draw("text", { x: x.toFixed(1), y: y.toFixed(1), class: classes }); element.append(text); picture.append(element); };

  for (const tick of log ? logTicks(10 ** low, 10 ** high) : ticks(low, high, 5)) {
    picture.append(draw("path", { class: "grid", d: `M${left} ${py(tick).toFixed(1)}H${wide}` }));
    label(left - 7, py(tick) + 4, short(tick), "soft end");
  }
  if (kind === "bar") {
    const every = Math.ceil(names.length / Math.max(1, Math.floor((wide - left) / 70)));
    names.forEach((name, place) => { if (place % every === 0) label(px(place), tall + 17, name.length > 14 ? `${name.slice(0, 13)}…` : name, "soft middle"); });
  } else {
    for (const tick of ticks(x0, x1, 8)) {
      picture.append(draw("path", { class: "axis", d: `M${px(tick).toFixed(1)} ${tall}v4` }));
      label(px(tick), tall + 17, short(tick), "soft middle");
    }
  }
  picture.append(draw("path", { class: "axis", d: `M${left} ${tall}H${wide}` }));
  label((left + wide) / 2, height - 6, xLabel, "soft middle");
  const turned = draw("text", { transform: `translate(13 ${(tall + top) / 2}) rotate(-90)`, class: "soft middle" });
  turned.append(yLabel);
  picture.append(turned);

  const places = [];
  usable.forEach((each, order) => {
    const group = draw("g", { class: each.faint ? "ended" : "series" });
    const number = each.number ?? order;
    if (kind === "bar") {
      const thick = Math.max(1, 0.8 * (px(1) - px(0)) / usable.length);
      for (const [x, y] of each.points) {
        const from = px(x) - 0.4 * (px(1) - px(0)) + order * thick, zero = log ? tall : py(0);
        group.append(draw("rect", { x: from.toFixed(1), width: Math.max(0.5, thick - (thick > 4 ? 1 : 0)).toFixed(1), y: Math.min(py(y), zero).toFixed(1), height: Math.max(0.5, Math.abs(py(y) - zero)).toFixed(1), fill: colour(number) }));
        places.push([from + thick / 2, py(y), each, x, y]);
      }
    } else {
      if (kind === "line" && each.points.length > 1) {
        group.append(draw("path", { d: `M${each.points.map(([x, y]) => `${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join("L")}`, fill: "none", stroke: colour(number), "stroke-width": 1.7, "stroke-dasharray": dash(number), "stroke-linejoin": "round" }));
      }
      const marked = kind === "scatter" || each.points.length <= 40 ? each.points : [each.points.at(-1)];
      for (const [x, y] of marked) group.append(shape(number, px(x), py(y), kind === "scatter" ? 3.4 : 2.8, number));
      for (const [x, y] of each.points) places.push([px(x), py(y), each, x, y]);
    }
    picture.append(group);
  });

  const tip = make("div", { class: "tip", hidden: true });
  const mark = draw("circle", { r: 5, fill: "none", stroke: "var(--ink)", "stroke-width": 1.5, visibility: "hidden" });
  picture.append(mark);
  const hide = () => { tip.hidden = true; mark.setAttribute("visibility", "hidden"); };
  picture.addEventListener("pointermove", (event) => {
    const frame = picture.getBoundingClientRect(), scale = frame.width / width;
    const x = (event.clientX - frame.left) / scale, y = (event.clientY - frame.top) / scale;
    let best = null, least = 40 * 40;
    for (const place of places) {
      const far = (place[0] - x) ** 2 + (place[1] - y) ** 2;
      if (far < least) { least = far; best = place; }
    }
    if (!best) return hide();
    const [bx, by, each, vx, vy] = best;
    mark.setAttribute("cx", bx);
    mark.setAttribute("cy", by);
    mark.setAttribute("visibility", "visible");
    tip.textContent = `${each.name ? `${each.name}: ` : ""}${kind === "bar" ? names[vx] : short(vx)}, ${significant(vy)}`;
    tip.hidden = false;
    const inside = Math.min(bx * scale + 12, frame.width - tip.offsetWidth - 4);
    tip.style.left = `${Math.max(0, inside)}px`;
    tip.style.top = `${Math.max(0, by * scale - tip.offsetHeight - 10)}px`;
  });
  picture.addEventListener("pointerleave", hide);
  box.replaceChildren(make("div", { class: "plotbox" }, picture, tip));
  return total - all.length;
}

export function legend(series) {
  return make("ul", { class: "legend" }, ...series.map((each, order) => make("li", {}, sign(each.number ?? order), each.name)));
}
