"use strict";
// The table of events: sorted by a column, one row chosen, its times as buttons.
const EventTable = (() => {
  const place = (e) => (e.hpc ? `${e.hpc[0]}″, ${e.hpc[1]}″` : `${e.pixel[0]}, ${e.pixel[1]} px`);
  const onDisc = ({ hgs }) =>
    hgs ? `${hgs[1] < 0 ? "S" : "N"}${Math.abs(hgs[1]).toFixed(0)} ${hgs[0] < 0 ? "E" : "W"}${Math.abs(hgs[0]).toFixed(0)}` : "off the disc";

  const COLUMNS = [
    { name: "#", key: (e) => e.event, show: (e) => e.event },
    { name: "picture", only: (all) => all.some((e) => e.picture), show: (e) => picture(e) },
    { name: "kind", only: (all) => all.some((e) => e.kind), key: (e) => e.kind || "", show: (e) => e.kind || "" },
    { name: "start", key: (e) => e.times[0], moment: 0 },
    { name: "peak", key: (e) => e.times[1], moment: 1 },
    { name: "lasts", key: (e) => e.times[2] - e.times[0], show: (e) => duration(e.times[2] - e.times[0]) },
    { name: "score", key: (e) => e.score, show: (e) => Charts.short(e.score) },
    { name: "severity", key: (e) => e.severity, show: (e) => level(e) },
    { name: "variables", only: (all) => all.some((e) => e.variables), key: (e) => e.variables, show: (e) => e.variables, wide: true },
    { name: "zone", only: (all) => all.some((e) => e.zone), key: (e) => e.zone, show: (e) => e.zone || "–" },
    { name: "place", only: (all, reel) => !reel.is_series, key: (e) => (e.hpc || e.pixel)[0], show: places },
    { name: "NOAA", only: (all) => all.some((e) => e.region), key: (e) => (e.region ? e.region[0] : 0), show: region },
    { name: "area, px", only: (all, reel) => !reel.is_series, key: (e) => e.area_px, show: (e) => e.area_px },
    { name: "flare", only: (all, reel, flares) => flares.length, key: (e) => e.flares.join(" "), show: (e) => e.flares.join(" ") || "–" },
    { name: "confirmed by", only: (all) => all.some((e) => e.confirmed_by), key: confirmed, show: confirmed },
    { name: "remarks", key: remarks, show: remarks, wide: true },
  ];

  // Helioprojective above, Stonyhurst below; pixels where there is no sky.
  function places(e) {
    const lines = document.createElement("span");
    lines.append(place(e));
    if (e.hpc) lines.append(document.createElement("br"), onDisc(e));
    return lines;
  }

  // The active region and how far from its centre.
  function region(e) {
    return e.region ? `${e.region[0]}, ${e.region[1].toFixed(1)}° off` : "–";
  }

  function confirmed(e) {
    return [e.confirmed_by || "–", e.goes ? `class ${e.goes}` : ""].filter(Boolean).join(", ");
  }

  function remarks(e) {
    return [e.instrument, e.motion, e.saturated ? "saturated" : ""].filter(Boolean).join("; ");
  }

  function duration(seconds) {
    if (seconds < 120) return `${Charts.short(seconds)} s`;
    return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
  }

  function picture(e) {
    if (!e.picture) return "";
    const image = new Image();
    image.src = e.picture;
    image.alt = `event ${e.event} at its peak`;
    return image;
  }

  function level(e) {
    const span = document.createElement("span");
    span.className = e.level;
    span.textContent = `${Charts.short(e.severity)} ${e.level}`;
    return span;
  }

  // chosen(event, moment): moment 0 is the start, 1 the peak.
  function make(holder, { events, reel, flares, chosen }) {
    const columns = COLUMNS.filter((c) => !c.only || c.only(events, reel, flares));
    const state = { by: columns.find((c) => c.name === "severity"), down: true, camera: false, current: null };
    const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody();
    for (const column of columns) head.append(heading(column));
    holder.append(table);

    function heading(column) {
      const th = document.createElement("th");
      th.scope = "col";
      column.th = th;
      if (!column.key) { th.textContent = column.name; return th; }
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = column.name;
      button.addEventListener("click", () => {
        state.down = state.by === column ? !state.down : false;
        state.by = column;
        draw();
      });
      th.append(button);
      return th;
    }

    function shown() {
      const sign = state.down ? -1 : 1, key = state.by.key;
      const rows = events.filter((e) => state.camera || !e.instrument);
      return rows.sort((a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) || a.event - b.event);
    }

    function draw() {
      for (const column of columns) {
        if (column === state.by) column.th.setAttribute("aria-sort", state.down ? "descending" : "ascending");
        else column.th.removeAttribute("aria-sort");
      }
      body.replaceChildren(...shown().map(row));
    }

    function row(event) {
      const tr = document.createElement("tr");
      tr.dataset.event = event.event;
      if (event.event === state.current) tr.setAttribute("aria-current", "true");
      for (const column of columns) {
        const cell = tr.insertCell();
        if (column.wide) cell.className = "wide";
        cell.append(column.moment === undefined ? column.show(event) : momentButton(event, column));
      }
      tr.addEventListener("click", () => choose(event, 1));
      return tr;
    }

    function momentButton(event, { name, moment }) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = Charts.brief(event.times[moment]);
      button.title = `event ${event.event}: ${name} ${Charts.clock(event.times[moment], 3)}`;
      button.addEventListener("click", (click) => { click.stopPropagation(); choose(event, moment); });
      return button;
    }

    function choose(event, moment) {
      mark(event.event);
      chosen(event, moment);
    }

    function mark(number) {
      state.current = number;
      for (const tr of body.rows) {
        if (Number(tr.dataset.event) === number) {
          tr.setAttribute("aria-current", "true");
          tr.scrollIntoView({ block: "nearest" });
        } else tr.removeAttribute("aria-current");
      }
    }

    // The next event in the order of the table, `by` rows on.
    function step(by) {
      const rows = shown(), at = rows.findIndex((e) => e.event === state.current);
      if (rows.length) choose(rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)], 1);
    }

    draw();
    return { step, choose, setCamera: (on) => { state.camera = on; draw(); } };
  }

  return { make, place, duration };
})();
