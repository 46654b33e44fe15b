"use strict";
// Fills the page from the embedded data, and ties timeline, table and movie together.
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const { reel, movie, events, timeline } = data;
const scene = events.filter((e) => !e.instrument);
Charts.setTimes(reel.is_utc, timeline.t[0], timeline.t[timeline.t.length - 1]);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// ---- Head
document.title = `${reel.name}: report`;
at("title").textContent = `${reel.name}: ${scene.length === 1 ? "1 event" : `${data.total_scene} events`}`;
at("subtitle").textContent = [reel.instrument, ...data.facts.filter(([name]) => ["frames", "samples", "time"].includes(name)).map(([, value]) => value)].filter(Boolean).join(" · ");
for (const { name, value, about } of data.tiles) {
  const tile = element("li", `${name} `);
  tile.append(element("b", value), element("small", about));
  at("tiles").append(tile);
}

// ---- What a task is about, if it is not events
const item = reel.is_series ? "sample" : "frame";
for (const { title, about, picture } of data.first) {
  const section = element("section"), image = new Image();
  image.src = picture;
  image.alt = about;
  image.className = "wide";
  section.append(element("h2", title), image, element("p", about, "quiet"));
  at("timeline").parentElement.before(section);
}
at("pointing").textContent = movie ? "Point at a curve for its time and value, click to move the movie there, drag to look closer."
  : "Point at a curve for its time and value, drag to look closer.";

// ---- Timeline and the curves below it
const gaps = timeline.score.flatMap((score, i) => (score === null ? [[timeline.t[Math.max(i - 1, 0)], timeline.t[Math.min(i + 1, timeline.t.length - 1)]]] : []));
const spans = (level) => scene.filter((e) => e.level === level).map((e) => [e.times[0], e.times[2]]);
const legend = [["low", "low event", spans("low")], ["high", "high event", spans("high")], ["label", "labelled", data.labels],
  ["flare", "flare of the catalogue", data.flares.map((f) => [f.times[0], f.times[2]])], ["gap", "no score", gaps]];

function marks(u) {
  for (const [name, , list] of legend) {
    if (name === "flare") Charts.bars(u, list, name, 0.75, 0, 0.05);
    else if (name === "label") Charts.bars(u, list, name, 0.9, 0.96, 1);
    else Charts.bars(u, list, name, name === "gap" ? 0.25 : 0.28);
  }
  for (const flare of data.flares) Charts.text(u, flare.class, flare.times[1], 0.1, "flare");
}

const charts = [Charts.overTime(at("timeline"), {
  about: `Score of every ${item} over time; thresholds ${Charts.short(data.thresholds.low)} and ${Charts.short(data.thresholds.high)}; the events are listed in the table.`,
  t: timeline.t, curves: { score: timeline.score }, unit: `${item} score`, height: 260, marks, clicked: seek,
  y: { distr: 4, asinh: data.thresholds.high, range: (_, low, high) => [0, 1.15 * Math.max(high ?? 0, data.thresholds.high)] },
  lines: [{ value: data.thresholds.low, name: "low" }, { value: data.thresholds.high, name: "high" }],
})];
for (const panel of data.panels) {
  charts.push(Charts.overTime(at("panels"), {
    about: `${Object.keys(panel.curves).join(", ")} over time`, t: panel.t, curves: panel.curves, unit: panel.unit,
    height: data.panels.length > 3 ? 130 : 170, clicked: seek, y: panel.log ? { distr: 3 } : {},
    marks: (u) => { for (const [name, , list] of legend.slice(0, 3)) Charts.bars(u, list, name, name === "label" ? 0.9 : 0.2, name === "label" ? 0.94 : 0, 1); },
  }));
}
for (const [name, words, list] of legend.filter(([, , list]) => list.length)) {
  const item = element("span"), patch = element("i");
  patch.style.background = `var(--${name})`;
  item.append(patch, `${words} (${list.length})`);
  at("legend").append(item);
}
const ends = [timeline.t[0], timeline.t[timeline.t.length - 1]];
const look = (from, to) => charts.forEach((chart) => chart.setScale("x", { min: Math.max(from, ends[0]), max: Math.min(to, ends[1]) }));
at("whole").addEventListener("click", () => look(...ends));

// ---- Movie
const video = at("movie"), nowLines = charts.map((chart) => {
  const line = element("div", undefined, "now");
  line.hidden = true;
  chart.over.append(line);
  chart.hooks.setScale = [...(chart.hooks.setScale || []), () => moveNow()];
  return line;
});
let now = null;

function nearest(list, value) {
  let low = 0, high = list.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1; else high = middle;
  }
  return low > 0 && value - list[low - 1] < list[low] - value ? low - 1 : low;
}

function show(t, picture) {
  now = t;
  moveNow();
  if (movie && picture !== null) {
    video.pause();
    video.currentTime = (picture + 0.5) / movie.fps;
  }
}

function seek(t) {
  let i = nearest(timeline.t, t), step = 0;
  while (timeline.shown[i] === null && Math.abs(step) < timeline.t.length) { step = step > 0 ? -step : 1 - step; i = Math.min(Math.max(i + step, 0), timeline.t.length - 1); }
  show(timeline.t[i], timeline.shown[i]);
}

function moveNow() {
  charts.forEach((chart, i) => {
    const { min, max } = chart.scales.x;
    nowLines[i].hidden = now === null || now < min || now > max;
    if (!nowLines[i].hidden) nowLines[i].style.left = `${chart.valToPos(now, "x")}px`;
  });
  at("moment").textContent = now === null ? "" : Charts.clock(now);
}

if (movie) {
  const inMovie = timeline.shown.flatMap((shown, i) => (shown === null ? [] : [[shown, timeline.t[i]]]));
  const pictures = inMovie.map(([shown]) => shown);
  video.src = movie.src;
  video.addEventListener("timeupdate", () => {
    if (video.paused || !pictures.length) return;
    now = inMovie[nearest(pictures, Math.floor(video.currentTime * movie.fps))][1];
    moveNow();
  });
  video.addEventListener("error", () => {
    at("movie-missing").textContent = `${movie.src} could not be played; it belongs beside this page`;
    at("movie-missing").hidden = false;
  });
} else {
  at("movie-section").hidden = true;
  at("watch").className = "alone";
}

// ---- Events
const table = EventTable.make(at("events"), {
  events, reel, flares: data.flares, chosen: (event, moment) => { show(event.times[moment], event.shown[moment]); reveal(event); },
});

// Look at the event's surroundings when it lies outside of what is shown.
function reveal(event) {
  const { min, max } = charts[0].scales.x;
  if (event.times[1] < min || event.times[1] > max) {
    const half = (max - min) / 2;
    look(event.times[1] - half, event.times[1] + half);
  }
}

at("events-note").textContent = data.total_events > events.length ? `the strongest ${events.length} of ${data.total_events}; events.csv has all` : "";
at("camera").addEventListener("change", (e) => table.setCamera(e.target.checked));
at("camera").parentElement.hidden = scene.length === events.length;
at("next").addEventListener("click", () => table.step(1));
at("previous").addEventListener("click", () => table.step(-1));
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.tagName === "INPUT") return;
  if (e.key === "n") table.step(1);
  if (e.key === "p") table.step(-1);
});

// ---- Sheet of the strongest events
for (const entry of data.sheet) {
  const event = events.find((e) => e.event === entry.event), card = element("article", undefined, "card");
  const title = element("h3"), button = element("button", `event ${event.event}: ${Charts.brief(event.times[1])}`);
  button.type = "button";
  button.addEventListener("click", () => table.choose(event, 1));
  const where = reel.is_series ? event.variables : EventTable.place(event), flare = event.flares.length ? `flare ${event.flares.join(" ")}` : "";
  title.append(button, element("span", [event.kind, where, flare, `score ${Charts.short(event.score)}`].filter(Boolean).join(" · ")));
  card.append(title);
  at("sheet").append(card);
  if (entry.pictures) card.append(pictureRow(entry.pictures, event));
  for (const [name, { values, model }] of Object.entries(entry.curves || {})) {
    Charts.overTime(card, {
      about: model ? `${name} and its reconstruction around event ${event.event}` : `${name} around event ${event.event}`, t: entry.t, unit: name, height: 130, y: {},
      curves: model ? { [name]: values, reconstruction: model } : { [name]: values }, marks: (u) => Charts.bars(u, [[event.times[0], event.times[2]]], event.level, 0.28),
    });
  }
}
at("sheet-section").hidden = !data.sheet.length;

function pictureRow(pictures, event) {
  const row = element("div", undefined, "row");
  for (const [name, source] of Object.entries(pictures)) {
    const figure = element("figure"), image = new Image();
    image.src = source;
    image.alt = `${name} of event ${event.event}`;
    figure.append(image, element("figcaption", name));
    row.append(figure);
  }
  return row;
}

// ---- Calibration
const { calibration, training } = data;
if (calibration) {
  const lines = [{ value: data.thresholds.low, name: "low" }, { value: data.thresholds.high, name: "high" }];
  Charts.plain(at("plots"), {
    about: `Histogram of the score that quiet validation ${item}s reach, with both thresholds`,
    title: `How high ${calibration.frames} quiet validation ${item}s reach`, xName: "score", steps: [`${item}s`], verticals: lines,
    curves: [[`${item}s`, calibration.edges, [...calibration.counts, 0]]],
    x: { range: () => [0, 1.05 * Math.max(data.thresholds.high, calibration.edges[calibration.edges.length - 1])] },
  });
  const rates = (calibration.promised_per_day || []).map((value, i) => ({ value, name: ["low", "high"][i] }));
  Charts.plain(at("plots"), {
    about: "Events a day over the threshold, counted in quiet data and by the rule that chose the thresholds", title: "Quiet events a day over the threshold",
    xName: "threshold", curves: [["counted", calibration.counted.level, calibration.counted.per_day], ["rule used", calibration.fitted.level, calibration.fitted.per_day]],
    y: { distr: 3 }, verticals: lines, lines: rates,
  });
}
if (training) {
  Charts.plain(at("plots"), {
    about: "Training and validation loss by epoch", title: "Training", xName: "epoch", y: { distr: 3 },
    curves: [["training loss", training.epoch, training.train_loss], ["validation loss", training.epoch, training.val_loss]],
  });
}

function fill(holder, heads, rows) {
  const made = element("table"), head = made.createTHead().insertRow(), body = made.createTBody();
  for (const name of heads) {
    const th = element("th", name);
    th.scope = "col";
    head.append(th);
  }
  for (const cells of rows) {
    const tr = body.insertRow();
    for (const cell of cells) tr.insertCell().textContent = cell;
  }
  holder.append(made);
  return body;
}
const unit = data.false_alarms[0].unit;
fill(at("alarms"), ["false alarms", `low threshold, per ${unit}`, `high threshold, per ${unit}`],
  data.false_alarms.map((row) => [row.source, ...[row.low, row.high].map((rate) => typeof rate === "string" ? rate : Charts.short(rate))]));

// ---- Flares and facts
at("flares-section").hidden = !data.flares.length;
const flareRows = fill(at("flares"), ["class", "start", "peak", "end", "status"],
  data.flares.map((f) => [f.class, ...f.times.map((t) => Charts.brief(t)), f.status]));
[...flareRows.rows].forEach((tr, i) => tr.addEventListener("click", () => seek(data.flares[i].times[1])));
for (const [name, value] of data.facts) at("facts").append(element("dt", name), element("dd", value));
at("config").textContent = data.config;
