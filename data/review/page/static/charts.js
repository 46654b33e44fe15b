// Small pictures: the timeline on a canvas, histograms and the exposure curve as SVG.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = { g: "--back", n: "--none", u: "--open", k: "--keep", l: "--lost", r: "--reject" };

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

// Verdicts over time; `mark` is [from, to] in fractions of the whole, drawn as a frame around the window.
export function drawTimeline(canvas, bins, mark = null) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
  const context = canvas.getContext("2d");
  const fills = Object.fromEntries(Object.entries(COLOURS).map(([state, name]) => [state, colour(name)]));
  const width = canvas.width / bins.length;
  for (let i = 0; i < bins.length; i++) {
    context.fillStyle = fills[bins[i]];
    context.fillRect(Math.floor(i * width), 0, Math.ceil(width) + 1, canvas.height);
  }
  if (mark) {
    const left = mark[0] * canvas.width;
    context.strokeStyle = colour("--text");
    context.lineWidth = 2 * scale;
    context.strokeRect(left, scale, Math.max(3 * scale, (mark[1] - mark[0]) * canvas.width), canvas.height - 2 * scale);
  }
}

function element(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

const newChart = () => element("svg", { class: "chart", viewBox: "0 0 200 80", preserveAspectRatio: "none", role: "img" });

// A chart between its words and its axis: `from` and `to` are what its left and right edge stand for.
function figure(chart, name, words, from, to) {
  const made = document.createElement("figure"), caption = document.createElement("figcaption");
  const axis = document.createElement("div"), strong = document.createElement("b");
  chart.setAttribute("aria-label", `${name} ${words}; ${from} to ${to}`);
  strong.textContent = name;
  caption.append(strong, ` ${words}`);
  axis.className = "axis";
  axis.append(...[from, to].map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  made.append(caption, chart, axis);
  return made;
}

export const number = (value) => (value === null ? "missing" : Number(value).toPrecision(4));

// 2012-07-19T05:30:00.340 as people read it; the fraction is of no use here.
export const shortTime = (text) => text.replace(/^(\d{4}-\d\d-\d\d)T([\d:]+)(\.\d+)?$/, "$1 $2");

// All windows grey, rejected ones red, and a line where this window lies. Heights are roots, so that single ones show.
export function histogram(name, { edges, all, rejected }, value, z) {
  const chart = newChart();
  const [low, high] = [edges[0], edges.at(-1)];
  const constant = low === high;
  const height = (count) => 76 * Math.sqrt(count / Math.max(...all));
  const [left, width] = constant ? [94, 12] : [0, 200 / all.length];
  all.forEach((count, i) => {
    for (const [n, fill] of [[count, "--open"], [rejected[i], "--reject"]]) {
      if (n) element("rect", { x: left + i * width, y: 80 - height(n), width, height: height(n), fill: `var(${fill})` }, chart);
    }
  });
  if (value !== null) {
    const x = constant ? 100 : Math.max(1, Math.min(199, (200 * (value - low)) / (high - low)));
    element("path", { d: `M${x} 0V80`, stroke: "var(--accent)", "stroke-width": 2, "vector-effect": "non-scaling-stroke" }, chart);
  }
  const words = number(value) + (z === null ? "" : `, z ${z >= 0 ? "+" : ""}${z.toFixed(1)}`);
  return figure(chart, name, words, ...(constant ? ["the same in all windows", ""] : [number(low), number(high)]));
}

// Exposure time of the window's frames, from zero up, or null when none is known.
export function exposure(values, from, to) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return null;
  const chart = newChart();
  const top = Math.max(...known) * 1.1 || 1;
  let path = "", pen = "M";
  values.forEach((value, i) => {
    if (value === null) return void (pen = "M");
    path += `${pen}${(200 * i) / Math.max(values.length - 1, 1)} ${80 - (80 * value) / top}`;
    pen = "L";
  });
  const line = { fill: "none", "vector-effect": "non-scaling-stroke" };
  element("path", { ...line, class: "now", stroke: "var(--open)" }, chart);
  element("path", { ...line, d: path, stroke: "var(--accent)", "stroke-width": 2 }, chart);
  const [low, high] = [Math.min(...known), Math.max(...known)].map(number);
  return figure(chart, "exposure", low === high ? `${low} s` : `${low} to ${high} s`, from, to);
}
