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

function figure(label, chart, caption) {
  const made = document.createElement("figure");
  chart.setAttribute("aria-label", label);
  const text = document.createElement("figcaption");
  text.textContent = caption;
  made.append(chart, text);
  return made;
}

const newChart = () => element("svg", { class: "chart", viewBox: "0 0 200 80", preserveAspectRatio: "none", role: "img" });

export const number = (value) => (value === null ? "missing" : Number(value).toPrecision(4));

// All windows grey, rejected ones red, and a line where this window lies. Heights are roots, so that single ones show.
export function histogram(name, data, value, z) {
  const chart = newChart();
  const { edges, all, rejected } = data;
  const span = edges.at(-1) - edges[0] || 1;
  const height = (count) => 76 * Math.sqrt(count / Math.max(...all));
  const width = 200 / all.length;
  all.forEach((count, i) => {
    for (const [n, fill] of [[count, "--open"], [rejected[i], "--reject"]]) {
      if (n) element("rect", { x: i * width, y: 80 - height(n), width, height: height(n), fill: `var(${fill})` }, chart);
    }
  });
  if (value !== null) {
    const x = (200 * (value - edges[0])) / span;
    element("path", { d: `M${x} 0V80`, stroke: "var(--accent)", "stroke-width": 2, fill: "none" }, chart);
  }
  const words = `${name} ${number(value)}` + (z === null ? "" : `, z ${z >= 0 ? "+" : ""}${z.toFixed(1)}`);
  return figure(`Histogram of all windows; ${words}`, chart, `${words} (all: ${number(edges[0])} to ${number(edges.at(-1))})`);
}

// Exposure time of the window's frames, from zero up, or null when none is known.
export function exposure(values) {
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
  element("path", { d: path, stroke: "var(--accent)", "vector-effect": "non-scaling-stroke", "stroke-width": 2, fill: "none" }, chart);
  const words = `Exposure ${number(Math.min(...known))} to ${number(Math.max(...known))} s`;
  return figure(words, chart, words);
}
