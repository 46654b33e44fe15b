// The review page: what is asked of the server, the keys, and the detail view.

import { applyAll, dropClip, frameOf, makeClip, player, showFrame, step } from "./clip.js";
import { Grid } from "./grid.js";

const { exposure, histogram, number, shortTime, verdicts } = Charts;

const $ = (id) => document.getElementById(id);
const POLL_MS = 4000;
const LOW_PX = 500; // in less height the filters are folded away at first, so that windows have room
let reels = [], statistics = [], reel = null, overview = null, open = null, unreachable = false;
let marked = null, dragged = null; // of the timeline: the range [from, to] and where a drag began, as fractions

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    unreachable = true;
    throw say("The server does not answer; what you judge now is not saved.", true);
  }
  if (unreachable) say("The server answers again.");
  unreachable = false;
  if (!answer.ok) throw say(await answer.text(), true);
  return answer.json();
}

function say(text, isError = false) {
  for (const line of document.querySelectorAll(".status")) {
    line.textContent = text;
    line.classList.toggle("error", isError);
  }
  return new Error(text);
}

const grid = new Grid($("scroller"), $("grid"), async (ids) =>
  (await ask(`/api/reels/${reel.number}/windows?ids=${ids.join(",")}`)).windows, counts);

const order = () => ask(`/api/reels/${reel.number}/order?${new URLSearchParams(new FormData($("query")))}`);

function show({ windows }) {
  grid.show(windows, reel, statistics.find((name) => name === $("query").elements.sort.value));
  counts();
  verdicts($("timeline"), overview.timeline.bins, marked);
}

async function list() {
  show(await order());
  say("");
  await look();
}

// Counts, timeline and histograms anew, when anything changed on disk: by this page, another one or the command line.
async function look() {
  const found = await ask(`/api/reels/${reel.number}/summary?known=${overview?.revision ?? ""}`);
  if (!("bins" in (found.timeline ?? {}))) return counts();
  overview = found;
  counts();
  $("from").textContent = withClock(found.timeline.from);
  $("to").textContent = withClock(found.timeline.to);
  verdicts($("timeline"), found.timeline.bins, marked);
  grid.refresh();
}

function counts() {
  const { windows, rejected, kept, left } = overview;
  const selected = grid.selected().length;
  const shown = grid.ids.length < windows ? `${grid.ids.length} of ${windows} shown` : `${windows} windows`;
  const parts = [shown, selected > 1 && `${selected} selected`, `${kept} kept`, `${rejected} rejected`];
  const strong = Object.assign(document.createElement("b"), { textContent: `${left} left to train on` });
  $("counts").replaceChildren(`${parts.filter(Boolean).join(" · ")} · `, strong);
}

const hasUtc = () => overview.timeline.from.includes("T");
const withClock = (text) => (hasUtc() ? `${shortTime(text)} UTC` : text);
// The channels of a solar reel are named by their wavelengths.
const channelNames = () => reel.channels.map((name) => (/^\d+$/.test(name) ? `${name} Å` : name)).join(", ");

async function judge(verdict) {
  const windows = open ? [open.window] : grid.selected();
  if (!windows.length) return;
  await ask(`/api/reels/${reel.number}/verdicts`, { windows, verdict });
  const before = overview.left;
  await look();
  const word = verdict === "keep" ? "kept" : "rejected";
  const change = overview.left - before;
  const effect = change ? `, ${change > 0 ? "+" : ""}${change} windows to train on` : "";
  say(`${windows.length === 1 ? `Window ${windows[0]}` : `${windows.length} windows`} ${word}${effect}.`);
  if (open) await showDetail(open.window);
  else if (windows.length === 1) grid.move(grid.current + 1);
}

async function undo() {
  const { undone } = await ask(`/api/reels/${reel.number}/undo`, {});
  await look();
  const which = undone.length > 1 ? `${undone.length} windows` : `window ${undone[0]}`;
  say(undone.length ? `Verdict on ${which} taken back.` : "Nothing to undo.");
  const at = grid.ids.indexOf(undone[0]);
  if (open) await showDetail(open.window);
  else if (at >= 0) grid.move(at);
}

async function showDetail(window) {
  open = await ask(`/api/reels/${reel.number}/windows/${window}`);
  $("detail-title").textContent =
    `Window ${open.window} · ${channelNames()} · ${shortTime(open.times[0])} to ${withClock(open.times.at(-1))}`;
  const lost = open.verdict !== "reject" && !open.usable;
  $("verdict").textContent = { keep: "kept", reject: "rejected" }[open.verdict] ?? "not judged";
  $("verdict").className = lost ? "lost" : open.verdict;
  $("reason").textContent = [
    open.by && (open.by === "user" ? open.reason : `by ${open.by}: ${open.reason}`),
    lost && "left out, because it shares frames with a rejected window",
  ].filter(Boolean).join("; ");
  $("clips").querySelectorAll(".picture").forEach(dropClip);
  const parts = [["before", open.before], ["this window", open], ["after", open.after], ["quiet one", open.quiet]];
  $("clips").replaceChildren(...parts.filter(([, row]) => row).map(([name, row]) => clipFigure(name, row)));
  $("scrub").max = open.times.length - 1;
  $("scrubber").hidden = reel.is_series;
  $("histograms").replaceChildren(...Object.entries(overview.histograms)
    .map(([name, data]) => histogram(name, data, open[name], open.z[name])));
  const curve = !reel.is_series && exposure(open.exptime_s, shortTime(open.times[0]), shortTime(open.times.at(-1)));
  $("exposure").replaceChildren(...[curve].filter(Boolean));
  if (!$("detail").open) {
    $("detail").showModal();
    $("detail").focus(); // not its first button, so that Space and Enter mean the same as in the grid
  }
  const { bins, length_s } = overview.timeline;
  verdicts($("place"), bins, [open.from_s / length_s, open.to_s / length_s]);
}

function clipFigure(name, row) {
  const made = document.createElement("figure"), caption = document.createElement("figcaption");
  made.classList.toggle("this", row === open);
  const gap = row.stretch !== open.stretch ? ", beyond a gap" : "";
  const title = Object.assign(document.createElement("b"), { textContent: name });
  const time = row.time_utc ? shortTime(row.time_utc) : `frame ${row.start}`;
  caption.append(title, ` ${row.window} · ${time}${gap}`);
  made.append(makeClip(reel.number, row, reel.is_series, `clip ${name}`), caption);
  return made;
}

// The time of the frame that the open clip shows, while it plays and while it is stepped.
function followFrame() {
  const movie = open && $("clips").querySelector(".this video");
  if (movie) {
    const index = Math.min(frameOf(movie), open.times.length - 1);
    const exptime = open.exptime_s[index];
    $("scrub").value = index;
    $("moment").textContent = withClock(open.times[index]) + (exptime === null ? "" : `, exposure ${number(exptime)} s`);
    $("exposure").querySelector(".now")?.setAttribute("d", `M${(200 * index) / Math.max(open.times.length - 1, 1)} 0V80`);
  }
  requestAnimationFrame(followFrame);
}

function play(playing = !player.playing) {
  player.playing = playing;
  for (const button of document.querySelectorAll("[data-key=' ']")) button.firstChild.data = playing ? "Pause " : "Play ";
  applyAll();
}

function faster(by) {
  const menu = $("speed");
  menu.selectedIndex = Math.max(0, Math.min(menu.options.length - 1, menu.selectedIndex + by));
  menu.dispatchEvent(new Event("change"));
}

function stepFrames(by) {
  play(false);
  step(by);
}

const move = (by) => (event) => {
  if (!open) return grid.move(grid.current + by(), event.shiftKey);
  const place = grid.ids.indexOf(open.window) + by();
  if (place >= 0 && place < grid.ids.length) {
    grid.move(place, false);
    return showDetail(grid.ids[place]);
  }
};

const KEYS = {
  arrowright: move(() => 1), n: move(() => 1), arrowleft: move(() => -1), p: move(() => -1),
  arrowdown: move(() => grid.columns), arrowup: move(() => -grid.columns),
  pagedown: move(() => grid.columns * grid.pageRows), pageup: move(() => -grid.columns * grid.pageRows),
  home: move(() => -grid.ids.length), end: move(() => grid.ids.length),
  k: () => judge("keep"), x: () => judge("reject"), r: () => judge("reject"), u: undo,
  " ": () => play(), "[": () => faster(-1), "]": () => faster(1), ",": () => stepFrames(-1), ".": () => stepFrames(1),
  enter: () => grid.ids.length && !open && showDetail(grid.ids[grid.current]), "?": () => $("keys").showModal(),
};

// One action after the other, so that quick keys are saved in the order in which they were pressed.
let last = Promise.resolve();
const inTurn = (action) => (last = last.then(action).catch((error) => say(error.message, true)));

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && key === "a" && event.target === $("scroller")) {
    event.preventDefault();
    return grid.selectAll();
  }
  const control = event.target.closest("select, input, button, summary");
  const pressed = control && ["BUTTON", "SUMMARY"].includes(control.tagName);
  const typing = control && (!pressed || key === " " || key === "enter");
  const held = event.repeat && ["k", "x", "r", "u", " "].includes(key); // a key left down judges one window, not many
  if (event.ctrlKey || event.metaKey || event.altKey || typing || held || $("keys").open || !(key in KEYS)) return;
  event.preventDefault();
  inTurn(() => KEYS[key](event));
});

$("grid").addEventListener("click", (event) => {
  const cell = event.target.closest(".cell");
  if (cell) grid.move(Number(cell.dataset.position), event.shiftKey);
});
$("grid").addEventListener("dblclick", () => inTurn(KEYS.enter));
for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("click", (event) => inTurn(() => KEYS[button.dataset.key](event)));
}
$("speed").addEventListener("change", (event) => { player.speed = Number(event.target.value); applyAll(); });
$("scrub").addEventListener("input", (event) => { play(false); showFrame(Number(event.target.value), $("clips")); });
$("detail").addEventListener("close", () => {
  open = null;
  $("clips").querySelectorAll(".picture").forEach(dropClip);
  $("scroller").focus();
});
document.querySelectorAll("[data-close]").forEach((b) => b.addEventListener("click", () => b.closest("dialog").close()));
$("reel").addEventListener("change", (event) => inTurn(() => choose(Number(event.target.value))));
$("query").addEventListener("submit", (event) => event.preventDefault());
$("query").addEventListener("change", (event) => {
  if (event.target.className === "time") marked = null; // typed, not dragged
  inTurn(list);
});
$("query").addEventListener("reset", () => {
  marked = null;
  setTimeout(() => inTurn(list)); // the fields are empty only after this event
});
window.addEventListener("resize", () => overview && verdicts($("timeline"), overview.timeline.bins, marked));

// A range dragged over the timeline fills in the two times; a click without dragging empties them.
const fraction = (event) => Math.max(0, Math.min(1, event.offsetX / $("timeline").clientWidth));

$("timeline").addEventListener("pointerdown", (event) => {
  dragged = fraction(event);
  $("timeline").setPointerCapture(event.pointerId);
});
$("timeline").addEventListener("pointermove", (event) => {
  if (dragged === null || !overview) return;
  marked = [dragged, fraction(event)].sort((a, b) => a - b);
  verdicts($("timeline"), overview.timeline.bins, marked);
});
$("timeline").addEventListener("lostpointercapture", () => {
  dragged = null;
  if (marked && marked[1] - marked[0] < 0.002) marked = null;
  const { after, before } = $("query").elements;
  [after.value, before.value] = marked ? marked.map(timeAt) : ["", ""];
  inTurn(list);
});

function timeAt(part) {
  const { from, length_s } = overview.timeline;
  if (!hasUtc()) return (part * length_s).toFixed(1);
  return new Date(Date.parse(`${from}Z`) + 1000 * part * length_s).toISOString().slice(0, 19);
}

async function choose(index) {
  reel = { number: index, name: reels[index] };
  overview = marked = null;
  grid.show([], reel);
  const { stretch, after, before } = $("query").elements;
  stretch.value = after.value = before.value = "";
  const [found] = await Promise.all([order(), look()]);
  Object.assign(reel, overview);
  document.documentElement.style.setProperty("--aspect", reel.aspect);
  const names = Array.from({ length: Math.min(reel.stretches, 500) }, (_, i) => new Option(`stretch ${i}`, i));
  stretch.replaceChildren(new Option("all", ""), ...names);
  stretch.disabled = reel.stretches < 2;
  $("clock").textContent = hasUtc() ? "UTC" : "Seconds";
  [after.placeholder, before.placeholder] = hasUtc() ? [reel.timeline.from, reel.timeline.to].map((t) => t.slice(0, 19)) : ["from", "to"];
  show(found);
}

async function start() {
  $("filters").open = window.innerHeight > LOW_PX;
  const found = await ask("/api/reels");
  ({ reels, statistics } = found);
  player.fps = found.fps;
  $("reel").append(...reels.map((name, i) => new Option(name, i)));
  for (const menu of [$("query").elements.sort, $("query").elements.statistic]) {
    menu.append(...statistics.map((name) => new Option(name, name)));
  }
  play(player.playing);
  await choose(0);
  $("scroller").focus();
  setInterval(() => document.hidden || inTurn(look), POLL_MS);
  requestAnimationFrame(followFrame);
}

inTurn(start);
