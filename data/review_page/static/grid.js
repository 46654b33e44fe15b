// The grid of windows: only the rows in view exist, so that any number of windows scrolls alike.

import { dropClip, makeClip } from "./clip.js";
import { number } from "./charts.js";

const REST_MS = 120; // a clip is asked for when its place has been in view this long: flying past costs nothing
const BLOCK = 100; // windows asked for at a time

export class Grid {
  constructor(scroller, space, fetchRows) {
    Object.assign(this, { scroller, space, fetchRows, ids: [], rows: new Map(), cells: new Map() });
    this.current = this.anchor = 0;
    this.columns = 1;
    scroller.addEventListener("scroll", () => this.render());
    new ResizeObserver(() => this.layout()).observe(scroller);
  }

  // Show these windows of a reel, from the top.
  show(ids, reel) {
    for (const cell of this.cells.values()) this.remove(cell);
    Object.assign(this, { ids, reel, current: 0, anchor: 0 });
    this.cells.clear();
    this.rows.clear();
    this.scroller.scrollTop = 0;
    this.layout();
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
  }

  layout() {
    const em = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.width = 12.6 * em;
    this.height = 16.1 * em;
    this.columns = Math.max(1, Math.floor(this.space.clientWidth / this.width));
    this.space.style.height = `${Math.ceil(this.ids.length / this.columns) * this.height}px`;
    this.render();
  }

  get pageRows() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / this.height));
  }

  // Forget what is known about windows, after a verdict; what is in view is asked for again.
  refresh() {
    this.rows.clear();
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
    cell.innerHTML = '<div class="picture"></div><b></b><span></span><p></p>';
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
    cell.classList.remove("keep", "reject", "lost");
    if (state) cell.classList.add(lost ? "lost" : state);
    const [, word, name, reason] = cell.children;
    word.textContent = lost ? `${row.verdict} (shares frames)`.trim() : { keep: "kept", reject: "rejected" }[state] ?? "";
    word.hidden = !state;
    name.textContent = `${row.window} · ${row.time_utc || `frame ${row.start}`}`;
    reason.textContent = row.reason || `mean ${number(row.mean)}, change ${number(row.change)}`;
    if (cell.rested && !cell.clip) {
      cell.clip = makeClip(this.reel.number, row, this.reel.is_series, `clip of window ${row.window}`);
      cell.children[0].replaceWith(cell.clip);
    }
  }
}
