"use strict";
// Charts of the pages of review and report: curves by uPlot, small pictures as SVG and on a canvas. Colours are read
// when something is drawn, so that dark and light can change.
const Charts = (() => {
  const all = [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const LINES = ["#1c6fb3", "#d9480f", "#2f9e44", "#8250df", "#b88700", "#0c8599", "#c2255c", "#5c677d"];
  const SYNC = "time";  // charts of this name share cursor and zoom; a page without uPlot has none

  // Formats of times: UTC where the reel has it, else seconds of its clock.
  let utc = true;
  const clock = (t, digits = 0) =>
    utc ? new Date(t * 1000).toISOString().slice(0, digits ? 23 : 19).replace("T", " ") : `${t.toFixed(digits || 2)} s`;
  // Of one day, the time of day is enough.
  let day = null;
  const brief = (t) => (utc && clock(t).startsWith(day) ? clock(t).slice(11) : clock(t));
  const short = (v) => (v === null || v === undefined ? "–" : v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(2).replace(/\.?0+e/, "e") : Number(v.toPrecision(4)).toString());

  // 24-hour labels: [from this step on, format, the same with a new year, day or minute].
  const TIMES = [[86400, "{YYYY}-{MM}-{DD}"], [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}"], [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}"],
    [0.001, "{ss}.{fff}", "\n{YYYY}-{MM}-{DD} {HH}:{mm}"]].map(([step, plain, daily]) => [step, plain, null, null, daily ?? null, null, null, null, 1]);
  const powers = (low, high, digits) => {
    const found = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) for (const d of digits) found.push(Number(`${d}e${e}`));
    return found.filter((v) => v >= low && v <= high);
  };
  // Where lines go on a scale: at powers of ten when it is logarithmic, at 0 and round numbers above its linear part when it is asinh.
  const splits = ({ distr, asinh }) => (distr === 3 ? { splits: (u, i, low, high) => powers(low, high, high / low > 100 ? [1] : [1, 2, 5]) }
    : distr === 4 ? { splits: (u, i, low, high) => [0, ...powers(asinh / 3, high, high / asinh > 30 ? [1, 3] : [1, 2, 5])] } : {});

  const axis = (more) => ({
    stroke: () => colour("quiet"), grid: { stroke: () => colour("line"), width: 1 },
    ticks: { stroke: () => colour("line"), width: 1 }, font: "12px system-ui, sans-serif", ...more,
  });

  function make(place, options, data) {
    const holder = document.createElement("div");
    holder.className = "chart";
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", options.about);
    place.append(holder);
    const chart = new uPlot({ width: Math.max(holder.clientWidth, 100), ...options }, data, holder);
    new ResizeObserver(() => {
      const width = Math.max(holder.clientWidth, 100);
      if (width !== chart.width) chart.setSize({ width, height: options.height });
    }).observe(holder);
    all.push(chart);
    return chart;
  }

  // A chart over the reel's time. marks: function (chart, context) that draws below the curves.
  function overTime(place, { about, t, curves, unit, height, y, marks, lines, clicked }) {
    const names = Object.keys(curves);
    const chart = make(place, {
      about, height,
      tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
      cursor: { sync: { key: SYNC }, drag: { x: true, y: false }, focus: { prox: -1 } },
      scales: { x: { time: utc }, y },
      axes: [axis({ values: utc ? TIMES : (_, s) => s.map((v) => `${v} s`) }), axis({ ...splits(y), label: unit, labelSize: 20, size: 62, values: (_, s) => s.map((v) => (v === null ? "" : short(v))) })],
      series: [
        { label: utc ? "UTC" : "time", value: (_, v) => (v === null ? "–" : clock(v, 3)) },
        ...names.map((name, i) => ({
          label: name, width: 1.2, stroke: () => (names.length === 1 && i === 0 ? colour("curve") : LINES[i % LINES.length]),
          value: (_, v) => short(v), spanGaps: false, points: { show: curves[name].length < 200 },
        })),
      ],
      hooks: { drawClear: [(u) => marks && marks(u, u.ctx)], draw: [(u) => (lines || []).forEach((line) => level(u, line))] },
    }, [t, ...names.map((name) => curves[name])]);
    uPlot.sync(SYNC).sub(chart);
    if (clicked) onClick(chart, clicked);
    return chart;
  }

  // A click that was no drag; the handler gets the time there.
  function onClick(chart, handler) {
    let from = null;
    chart.over.addEventListener("mousedown", (e) => { from = e.clientX; });
    chart.over.addEventListener("mouseup", (e) => {
      if (from !== null && Math.abs(e.clientX - from) < 4) {
        handler(chart.posToVal(e.clientX - chart.over.getBoundingClientRect().left, "x"));
      }
      from = null;
    });
  }

  function level(u, { value, name }) {
    if (value < u.scales.y.min || value > u.scales.y.max) return;
    const y = u.valToPos(value, "y", true);
    u.ctx.save();
    u.ctx.strokeStyle = colour(name);
    u.ctx.lineWidth = devicePixelRatio;
    u.ctx.setLineDash([5 * devicePixelRatio, 3 * devicePixelRatio]);
    u.ctx.beginPath();
    u.ctx.moveTo(u.bbox.left, y);
    u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
    u.ctx.stroke();
    u.ctx.restore();
  }

  // Spans of time as bars from `top` to `bottom`, fractions of the height, at least a pixel wide.
  function bars(u, spans, name, alpha, top = 0, bottom = 1) {
    const { left, width, top: upper, height } = u.bbox;
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(left, upper, width, height);
    u.ctx.clip();
    u.ctx.globalAlpha = alpha;
    u.ctx.fillStyle = colour(name);
    for (const [from, to] of spans) {
      const a = u.valToPos(from, "x", true), b = u.valToPos(to, "x", true);
      if (b >= left && a <= left + width) {
        const wide = Math.max(b - a, 2 * devicePixelRatio);
        u.ctx.fillRect((a + b - wide) / 2, upper + top * height, wide, (bottom - top) * height);
      }
    }
    u.ctx.restore();
  }

  function text(u, words, t, fraction, name) {
    const x = u.valToPos(t, "x", true);
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    u.ctx.save();
    u.ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    u.ctx.fillStyle = colour(name);
    u.ctx.textAlign = "center";
    u.ctx.fillText(words, x, u.bbox.top + fraction * u.bbox.height);
    u.ctx.restore();
  }

  // Curves over any number: lists of [name, x, y]; they need no common x.
  function plain(place, { about, title, curves, xName, height = 220, y = {}, x = {}, steps = [], lines, verticals }) {
    const box = document.createElement("div"), heading = document.createElement("h3");
    heading.textContent = title;
    box.append(heading);
    place.append(box);
    const data = uPlot.join(curves.map(([, xs, ys]) => [xs, ys]));
    return make(box, {
      about, height, cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false, ...x }, y },
      axes: [axis({ label: xName, labelSize: 20 }), axis({ ...splits(y), size: 62, values: (_, s) => s.map((v) => (v === null ? "" : short(v))) })],
      series: [
        { label: xName, value: (_, v) => short(v) },
        ...curves.map(([name], i) => ({
          label: name, width: 1.5, stroke: LINES[i], value: (_, v) => short(v), spanGaps: true, points: { show: false },
          ...(steps.includes(name) ? { paths: uPlot.paths.bars({ size: [1], align: 1 }), fill: LINES[i] + "55", width: 1 } : {}),
        })),
      ],
      hooks: { draw: [(u) => { (lines || []).forEach((line) => level(u, line)); (verticals || []).forEach((line) => bars(u, [[line.value, line.value]], line.name, 0.9)); }] },
    }, data);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach((chart) => chart.redraw()));
  // isUtc: whether times are of UTC; the day of `from` needs no date when `to` lies in it.
  function setTimes(isUtc, from, to) {
    utc = isUtc;
    day = utc && clock(from).slice(0, 10) === clock(to).slice(0, 10) ? clock(from).slice(0, 10) : null;
  }

  // Small pictures: verdicts on a canvas, histograms and the exposure curve as SVG.

  const SVG = "http://www.w3.org/2000/svg";
  const STATES = { g: "back", n: "none", u: "open", k: "keep", l: "lost", r: "reject" };

  // Verdicts over time on a canvas; `mark` is [from, to] in fractions of the whole, drawn as a frame around the window.
  function verdicts(canvas, bins, mark = null) {
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
    const context = canvas.getContext("2d");
    const fills = Object.fromEntries(Object.entries(STATES).map(([state, name]) => [state, colour(name)]));
    const width = canvas.width / bins.length;
    for (let i = 0; i < bins.length; i++) {
      context.fillStyle = fills[bins[i]];
      context.fillRect(Math.floor(i * width), 0, Math.ceil(width) + 1, canvas.height);
    }
    if (mark) {
      const left = mark[0] * canvas.width;
      context.strokeStyle = colour("text");
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

  const number = (value) => (value === null ? "missing" : Number(value).toPrecision(4));

  // 2012-07-19T05:30:00.340 as people read it; the fraction is of no use here.
  const shortTime = (text) => text.replace(/^(\d{4}-\d\d-\d\d)T([\d:]+)(\.\d+)?$/, "$1 $2");

  // All windows grey, rejected ones red, and a line where this window lies. Heights are roots, so that single ones show.
  function histogram(name, { edges, all, rejected }, value, z) {
    const chart = newChart();
    const [low, high] = [edges[0], edges.at(-1)];
    const constant = low === high;
    const height = (count) => 76 * Math.sqrt(count / Math.max(...all));
    const [left, width] = constant ? [94, 12] : [0, 200 / all.length];
    all.forEach((count, i) => {
      for (const [n, fill] of [[count, "open"], [rejected[i], "reject"]]) {
        if (n) element("rect", { x: left + i * width, y: 80 - height(n), width, height: height(n), fill: `var(--${fill})` }, chart);
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
  function exposure(values, from, to) {
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

  return { overTime, plain, bars, text, clock, brief, short, setTimes, verdicts, histogram, exposure, number, shortTime };
})();
