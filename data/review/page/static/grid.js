// The grid of windows: only the rows in view exist, so that any number of windows scrolls alike.

import { dropClip, makeClip } from "./clip.js";

const { number, shortTime } = Charts;

const REST_MS = 120; // a clip is asked for when its place has been in view this long: flying past costs nothing
const BLOCK = 100; // windows asked for at a time

export class Grid {
  // fetchRows: window numbers -> their rows; onMove: what to do when another window or range is selected.
  constructor(scroller, space, fetchRows, onMove) {
    Object.assign(this, { scroller, space, fetchRows, onMove, ids: [], rows: new Map(), cells: new Map() });
    this.current = this.anchor = 0;
    this.columns = 1;
    scroller.addEventListener("scroll", () => this.render());
    new ResizeObserver(() => this.layout()).observe(scroller);
  }

  // Show these windows of a reel, from the top; `statistic` is the one to tell of windows without a reason.
  show(ids, reel, statistic = null) {
    for (const cell of this.cells.values()) this.remove(cell);
    Object.assign(this, { ids, reel, statistic, current: 0, anchor: 0, rows: new Map() });
    this.cells.clear();
    this.scroller.scrollTop = 0;
    this.layout();
    for (const cell of this.cells.values()) cell.rested = true; // nobody flies past these
  }

  selected() {
    return this.ids.slice(Math.min(this.current, this.anchor), Math.max(this.current, this.anchor) + 1);
  }

  move(to, extend) {
    if (!this.ids.length) return;
    this.current = Math.max(0, Math.min(this.ids.length - 1, to));
    if (!extend) this.anchor = this.current;
    const top = Math.floor(this.current / this.columns) * this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.scroller.scrollTop = top + this.height - clientHeight + 12;
    this.render();
    this.onMove();
  }

  selectAll() {
    if (!this.ids.length) return;
    [this.anchor, this.current] = [0, this.ids.length - 1];
    this.render();
    this.onMove();
  }

  layout() {
    const em = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.columns = Math.max(1, Math.floor(this.space.clientWidth / (12.6 * em)));
    this.width = this.space.clientWidth / this.columns;
    const inside = this.width - 1.1 * em - 4;
    const picture = Math.max(3 * em, Math.min(11 * em, inside / (this.reel?.aspect ?? 1)));
    this.height = picture + 5.8 * em; // and four lines of text
    const sizes = { "cell-width": this.width - 0.6 * em, "cell-height": this.height - 0.6 * em, "picture-height": picture };
    for (const [name, px] of Object.entries(sizes)) this.space.style.setProperty(`--${name}`, `${px}px`);
    this.space.style.height = `${Math.ceil(this.ids.length / this.columns) * this.height}px`;
    this.render();
  }

  get pageRows() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.height));
  }

  // Forget what is known about windows, after a verdict; what is in view is asked for again.
  refresh() {
    this.rows = new Map(); // not emptied: an answer that is on its way still goes into the old one
    this.render();
  }

  render() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / this.height) - 1) * this.columns;
    const last = Math.min(this.ids.length, (Math.ceil((scrollTop + clientHeight) / this.height) + 1) * this.columns);
    for (const [position, cell] of this.cells) {
      if (position < first || position >= last) {
        this.remove(cell);
        this.cells.delete(position);
      }
    }
    for (let i = first; i < last; i++) {
      if (!this.cells.has(i)) this.cells.set(i, this.add(i));
      this.mark(i, this.cells.get(i));
    }
    this.fill(first, last);
  }

  add(position) {
    const cell = document.createElement("div");
    cell.className = "cell";
    cell.id = `cell-${position}`;
    cell.setAttribute("role", "option");
    cell.setAttribute("aria-setsize", this.ids.length);
    cell.setAttribute("aria-posinset", position + 1);
    cell.dataset.position = position;
    cell.innerHTML = '<div class="picture"></div><b></b><strong></strong><span></span><p></p>';
    this.space.append(cell);
    cell.timer = setTimeout(() => (cell.rested = true) && this.fillCell(position, cell), REST_MS);
    return cell;
  }

  remove(cell) {
    clearTimeout(cell.timer);
    if (cell.clip) dropClip(cell.clip);
    cell.remove();
  }

  mark(position, cell) {
    cell.style.left = `${(position % this.columns) * this.width}px`;
    cell.style.top = `${Math.floor(position / this.columns) * this.height}px`;
    const [from, to] = [Math.min(this.current, this.anchor), Math.max(this.current, this.anchor)];
    cell.setAttribute("aria-selected", position >= from && position <= to);
    cell.classList.toggle("current", position === this.current);
    if (position === this.current) this.scroller.setAttribute("aria-activedescendant", cell.id);
  }

  // Ask for the facts of the windows in view that are not known yet, when the last such question is answered.
  async fill(first, last) {
    for (let i = first; i < last; i++) this.fillCell(i, this.cells.get(i));
    const unknown = this.ids.slice(first, last).filter((id) => !this.rows.has(id));
    if (!unknown.length || this.asking) return;
    this.asking = true;
    const known = this.rows;
    try {
      for (const row of await this.fetchRows(unknown.slice(0, BLOCK))) known.set(row.window, row);
    } catch {
      return; // the page said so; the next scroll or verdict asks again
    } finally {
      this.asking = false;
    }
    this.render();
  }

  fillCell(position, cell) {
    const row = this.rows.get(this.ids[position]);
    if (!row || !cell) return;
    const lost = row.verdict !== "reject" && !row.usable;
    const state = row.verdict || (lost ? "lost" : "");
    const [, word, name, time, reason] = cell.children;
    word.textContent = lost ? "shares frames" : { keep: "kept", reject: "rejected" }[state] ?? "";
    word.className = lost ? "lost" : state;
    word.hidden = !state;
    name.textContent = row.window;
    time.textContent = row.time_utc ? shortTime(row.time_utc) : `frame ${row.start}`;
    const told = this.statistic ? [this.statistic] : ["mean", "change"];
    reason.textContent = row.reason || told.map((key) => `${key} ${number(row[key])}`).join(", ");
    if (cell.rested && !cell.clip) {
      cell.clip = makeClip(this.reel.number, row, this.reel.is_series, `clip of window ${row.window}`);
      cell.children[0].replaceWith(cell.clip);
    }
  }
}
