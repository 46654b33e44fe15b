"use strict";
// Charts of the report, by uPlot. Colours are read when something is drawn, so that dark and light can change.
const Charts = (() => {
  const all = [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const LINES = ["#1c6fb3", "#d9480f", "#2f9e44", "#8250df", "#b88700", "#0c8599", "#c2255c", "#5c677d"];
  const SYNC = uPlot.sync("time");

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
      cursor: { sync: { key: SYNC.key }, drag: { x: true, y: false }, focus: { prox: -1 } },
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
    SYNC.sub(chart);
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

  return { overTime, plain, bars, text, clock, brief, short, setTimes };
})();
