// The review page: what is asked of the server, the keys, and the detail view.

import { drawTimeline, exposure, histogram } from "./charts.js";
import { applyAll, dropClip, frameOf, makeClip, player, showFrame, step } from "./clip.js";
import { Grid } from "./grid.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 4000;
let reels = [], reel = null, overview = null, open = null;

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw say("The server does not answer; what you judge now is not saved.", true);
  }
  if (!answer.ok) throw say(await answer.text(), true);
  return answer.json();
}

function say(text, isError = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", isError);
  return new Error(text);
}

const grid = new Grid($("scroller"), $("grid"), async (ids) =>
  (await ask(`/api/reels/${reel.number}/windows?ids=${ids.join(",")}`)).windows);

async function list() {
  const form = new FormData($("query"));
  form.delete("reel");
  const { windows } = await ask(`/api/reels/${reel.number}/order?${new URLSearchParams(form)}`);
  grid.show(windows, reel);
  await look();
}

// Counts, timeline and histograms anew, when anything changed on disk: by this page, another one or the command line.
async function look() {
  const found = await ask(`/api/reels/${reel.number}/summary?known=${overview?.revision ?? ""}`);
  if (!("bins" in (found.timeline ?? {}))) return counts();
  overview = found;
  counts();
  $("from").textContent = found.timeline.from;
  $("to").textContent = found.timeline.to;
  drawTimeline($("timeline"), found.timeline.bins);
  grid.refresh();
}

function counts() {
  const { windows, rejected, kept, left } = overview;
  $("counts").textContent =
    `${grid.ids.length} of ${windows} windows shown · ${kept} kept · ${rejected} rejected · ${left} left to train on`;
}

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
  say(undone.length ? `Verdict on ${undone.length} taken back: window ${undone.slice(0, 5).join(", ")}.` : "Nothing to undo.");
  const at = grid.ids.indexOf(undone[0]);
  if (open) await showDetail(open.window);
  else if (at >= 0) grid.move(at);
}

async function showDetail(window) {
  open = await ask(`/api/reels/${reel.number}/windows/${window}`);
  $("detail-title").textContent =
    `Window ${open.window} of ${reel.name}, ${reel.channels.join(", ")}: ${open.times[0]} to ${open.times.at(-1)}`;
  const verdict = { keep: "Kept", reject: "Rejected" }[open.verdict] ?? "Not judged";
  const lost = open.verdict !== "reject" && !open.usable ? "; left out, because it shares frames with a rejected window" : "";
  $("reason").textContent = `${verdict}${open.by ? ` by ${open.by}: ${open.reason}` : ""}${lost}.`;
  $("clips").querySelectorAll(".picture").forEach(dropClip);
  const parts = [["before", open.before], ["this window", open], ["after", open.after], ["quiet, to compare", open.quiet]];
  $("clips").replaceChildren(...parts.filter(([, row]) => row).map(([name, row]) => clipFigure(name, row)));
  $("scrub").max = open.times.length - 1;
  $("scrub").disabled = reel.is_series;
  $("histograms").replaceChildren(...Object.entries(overview.histograms)
    .map(([name, data]) => histogram(name, data, open[name], open.z[name])));
  $("exposure").replaceChildren(...[exposure(open.exptime_s)].filter(Boolean));
  if (!$("detail").open) $("detail").showModal();
  const { bins, length_s } = overview.timeline;
  drawTimeline($("place"), bins, [open.from_s / length_s, open.to_s / length_s]);
}

function clipFigure(name, row) {
  const made = document.createElement("figure"), caption = document.createElement("figcaption");
  made.classList.toggle("this", row === open);
  const gap = row.stretch !== open.stretch ? ", beyond a gap" : "";
  caption.textContent = `${name}: ${row.window}, ${row.time_utc || `frame ${row.start}`}${gap}`;
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
    $("moment").textContent = open.times[index] + (exptime === null ? "" : `, ${exptime} s`);
  }
  requestAnimationFrame(followFrame);
}

function play(playing = !player.playing) {
  player.playing = playing;
  $("play").setAttribute("aria-pressed", playing);
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
    grid.anchor = 0;
    return grid.move(grid.ids.length - 1, true);
  }
  const control = event.target.closest("select, input, button, [data-close]");
  const typing = control && (control.tagName !== "BUTTON" || key === " " || key === "enter");
  if (event.ctrlKey || event.metaKey || event.altKey || typing || $("keys").open || !(key in KEYS)) return;
  event.preventDefault();
  inTurn(() => KEYS[key](event));
});

$("grid").addEventListener("click", (event) => {
  const cell = event.target.closest(".cell");
  if (cell) grid.move(Number(cell.dataset.position), event.shiftKey);
});
$("grid").addEventListener("dblclick", () => inTurn(KEYS.enter));
$("keep").addEventListener("click", () => inTurn(KEYS.k));
$("reject").addEventListener("click", () => inTurn(KEYS.x));
$("undo").addEventListener("click", () => inTurn(undo));
$("play").addEventListener("click", () => play());
$("help").addEventListener("click", () => $("keys").showModal());
$("speed").addEventListener("change", (event) => { player.speed = Number(event.target.value); applyAll(); });
$("scrub").addEventListener("input", (event) => { play(false); showFrame(Number(event.target.value), $("clips")); });
$("detail").addEventListener("close", () => {
  open = null;
  $("clips").querySelectorAll(".picture").forEach(dropClip);
  $("scroller").focus();
});
document.querySelectorAll("[data-close]").forEach((b) => b.addEventListener("click", () => b.closest("dialog").close()));
$("query").addEventListener("submit", (event) => event.preventDefault());
$("query").addEventListener("change", (event) => inTurn(() => (event.target.name === "reel" ? choose(Number(event.target.value)) : list())));
window.addEventListener("resize", () => overview && drawTimeline($("timeline"), overview.timeline.bins));

async function choose(number) {
  reel = { ...reels[number], number };
  overview = null;
  const gaps = $("query").elements.stretch;
  const found = Array.from({ length: Math.min(reel.stretches, 500) }, (_, i) => new Option(`stretch ${i}`, i));
  gaps.replaceChildren(new Option("all", ""), ...found);
  await list();
}

async function start() {
  const found = await ask("/api/reels");
  reels = found.reels;
  player.fps = found.fps;
  $("query").elements.reel.append(...reels.map((r, i) => new Option(r.name, i)));
  for (const menu of [$("query").elements.sort, $("query").elements.statistic]) {
    menu.append(...found.statistics.map((name) => new Option(name, name)));
  }
  play(player.playing);
  await choose(0);
  $("scroller").focus();
  setInterval(() => document.hidden || inTurn(look), POLL_MS);
  requestAnimationFrame(followFrame);
}

inTurn(start);
