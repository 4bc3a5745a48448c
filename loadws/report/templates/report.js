// Makes the page answer: values under the pointer, one zoom for all charts over time, sorting, CSV, text for a ticket.
// Without it the page is whole; what only works with it is added here.
(() => {
  "use strict";
  const SPAN = 1000;
  const XMLNS = "http://www.w3.org/2000/svg";
  const numbers = JSON.parse(document.getElementById("numbers").textContent, (_, value) =>
    value && value.of && value.at ? value.at.map((at) => value.of[at]) : value);
  const startedAt = Date.parse(document.body.dataset.started || "");
  const untilS = Number(document.body.dataset.until);
  const figures = [...document.querySelectorAll("figure[data-chart]")];
  const timed = figures.filter((figure) => figure.dataset.time && untilS > 0);
  let seen = [0, untilS];
  let clock = "run";

  const make = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const button = (text, act) => {
    const made = make("button", text, { type: "button" });
    made.addEventListener("click", act);
    return made;
  };
  const two = (number) => String(number).padStart(2, "0");

  // --- time ---------------------------------------------------------------------------------------------------------------

  const runTime = (seconds) => {
    if (untilS < 120) return `${Number(seconds.toFixed(2))} s`;
    const whole = Math.round(seconds);
    const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
    return untilS >= 3600 ? `${Math.floor(whole / 3600)}:${rest}` : rest.replace(/^0/, "");
  };
  const dayOf = (at) => (clock === "utc" ? `${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}` : `${two(at.getMonth() + 1)}-${two(at.getDate())}`);
  const passesMidnight = () => dayOf(new Date(startedAt)) !== dayOf(new Date(startedAt + untilS * 1000));
  const dayTime = (seconds) => {
    const at = new Date(startedAt + seconds * 1000);
    const [h, m, s] = clock === "utc"
      ? [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()] : [at.getHours(), at.getMinutes(), at.getSeconds()];
    return `${passesMidnight() ? `${dayOf(at)} ` : ""}${two(h)}:${two(m)}:${two(s)}`;
  };
  const shownTime = (seconds) => (clock === "run" || Number.isNaN(startedAt) ? runTime(seconds) : dayTime(seconds));
  const steps = [.1, .2, .5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

  const ticks = (width) => {
    const most = Math.max(2, Math.min(7, Math.floor(width / (clock !== "run" && passesMidnight() ? 110 : 78))));
    const step = steps.find((each) => (seen[1] - seen[0]) / each <= most) || steps.at(-1);
    const found = [];
    for (let at = Math.ceil(seen[0] / step) * step; at <= seen[1] + 1e-9; at += step) found.push(at);
    return found;
  };

  const drawTicks = (view) => {
    const old = [...view.querySelectorAll(":scope > text.tick")];
    if (!old.length) return;
    const model = old[0];
    for (const tick of old) tick.remove();
    for (const at of ticks(view.clientWidth || 600)) {
      const share = (at - seen[0]) / (seen[1] - seen[0]);
      const tick = model.cloneNode(false);
      tick.textContent = shownTime(at);
      tick.setAttribute("x", `${(share * 100).toFixed(2)}%`);
      tick.setAttribute("text-anchor", share < .03 ? "start" : share > .97 ? "end" : "middle");
      view.append(tick);
    }
    if (!view.querySelector(":scope > text.tick")) view.append(model);
  };

  // A name that has no room in its part of the chart is cut with a mark, or left out; the mouse tells it whole.
  const pen = document.createElement("canvas").getContext("2d");  // measures without laying out the page
  const fitNames = (view, width) => {
    for (const over of view.querySelectorAll(":scope > svg.over")) {
      const shown = over.querySelector("text");
      over.dataset.name ??= shown.textContent;
      const { name } = over.dataset;
      const room = parseFloat(over.getAttribute("width")) / 100 * width - 5;
      let [kept, text] = [name.length, name];
      while (kept && pen.measureText(text).width > room) text = --kept < 2 ? "" : `${name.slice(0, kept)}…`;
      const title = document.createElementNS(XMLNS, "title");
      title.textContent = name;
      shown.replaceChildren(text, title);
    }
  };

  const views = [...document.querySelectorAll("figure[data-chart] svg.view")];
  const fit = () => {
    if (views.length) pen.font = getComputedStyle(views[0]).font;
    const widths = views.map((view) => view.clientWidth || 600);
    views.forEach((view, at) => fitNames(view, widths[at]));
  };

  // --- zoom: all charts over time together ---------------------------------------------------------------------------------

  const reset = document.querySelector("[data-do=reset]");
  const show = (from, until) => {
    seen = [Math.max(0, from), Math.min(untilS, until)];
    const scale = SPAN / untilS;
    const [left, width] = [seen[0] * scale, (seen[1] - seen[0]) * scale];
    for (const figure of timed) {
      const view = figure.querySelector("svg.view");
      const data = view.querySelector("svg.data");
      const box = data.getAttribute("viewBox").split(" ");
      data.setAttribute("viewBox", `${left} ${box[1]} ${width} ${box[3]}`);
      for (const over of view.querySelectorAll("svg.over")) {
        const begin = Math.max(0, (over.dataset.begin - left) / width);
        const end = Math.min(1, (over.dataset.end - left) / width);
        over.setAttribute("x", `${begin * 100}%`);
        over.setAttribute("width", `${Math.max(0, end - begin) * 100}%`);
      }
      drawTicks(view);
    }
    fit();
    reset.disabled = seen[0] === 0 && seen[1] === untilS;
    keep();
  };

  // The address keeps what is looked at: a place (a section or a step), the zoom, and the filters of tables.
  const placeOf = (hash) => (hash.includes("=") ? new URLSearchParams(hash).get("at") || "" : hash);
  let place = placeOf(location.hash.slice(1));

  const keep = () => {
    const parts = [];
    if (!reset.disabled) parts.push(`zoom=${seen.map((s) => Number(s.toFixed(2))).join("-")}`);
    for (const input of document.querySelectorAll("input.filter")) {
      if (input.value) parts.push(`filter.${input.dataset.table}=${encodeURIComponent(input.value)}`);
    }
    if (location.protocol === "about:") return;
    if (place && parts.length) parts.unshift(`at=${place}`);
    const hash = parts.length ? parts.join("&") : place;
    try { history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search); } catch { /* a sandbox */ }
  };

  // --- the pointer ---------------------------------------------------------------------------------------------------------

  const unitless = (name) => name.replace(/ \(ms\)$/, "");
  const shownValue = (name, value) => {
    if (value === null || value === undefined) return "–";
    if (typeof value !== "number") return value;
    return value.toLocaleString("en", { maximumSignificantDigits: 4 }) + (name.endsWith("(ms)") ? " ms" : "");
  };

  const enliven = (figure) => {
    const view = figure.querySelector("svg.view");
    const columns = numbers[figure.dataset.chart];
    if (!view || !columns || !columns.t || figure.dataset.chart.startsWith("heat")) return zoomable(figure, view, null);
    const names = Object.keys(columns).filter((name) => name !== "t");
    const tip = make("div", "", { class: "tip", hidden: "" });
    const line = document.createElementNS(XMLNS, "path");
    for (const [name, value] of [["stroke", "currentColor"], ["stroke-width", "1"], ["opacity", ".5"]]) line.setAttribute(name, value);
    view.append(line);
    figure.append(tip);
    const interval = columns.t.length > 1 ? columns.t[1] - columns.t[0] : untilS;
    const tell = (share) => {
      const at = Math.min(columns.t.length - 1, Math.max(0, Math.floor((seen[0] + share * (seen[1] - seen[0])) / interval)));
      const x = (Math.min(columns.t[at] + interval / 2, untilS) - seen[0]) / (seen[1] - seen[0]) * view.clientWidth;
      line.setAttribute("d", `M${x.toFixed(1)} 18V${view.clientHeight - 20}`);
      const table = make("table");
      const head = make("tr");
      const when = Number.isNaN(startedAt) ? "" : ` · ${new Date(startedAt + columns.t[at] * 1000).toISOString().slice(0, 19)}Z`;
      head.append(make("td", `${runTime(columns.t[at])}${when}`, { colspan: "2" }));
      table.append(head);
      for (const name of names) {
        const row = make("tr");
        row.append(make("td", unitless(name)), make("td", shownValue(name, columns[name][at])));
        table.append(row);
      }
      tip.replaceChildren(table);
      tip.hidden = false;
      const left = view.getBoundingClientRect().left - figure.getBoundingClientRect().left + x;
      const flip = left + tip.offsetWidth + 24 > figure.clientWidth;
      tip.style.left = `${Math.max(4, flip ? left - tip.offsetWidth - 14 : left + 14)}px`;
      tip.style.top = "64px";
    };
    const hush = () => { tip.hidden = true; line.removeAttribute("d"); };
    zoomable(figure, view, { tell, hush });
    return undefined;
  };

  const zoomable = (figure, view, pointer) => {
    if (!view || !figure.dataset.time) return;
    figure.classList.add("live");
    let from = null;
    const shade = document.createElementNS(XMLNS, "rect");
    for (const [name, value] of [["y", "18"], ["fill", "currentColor"], ["opacity", ".12"], ["width", "0"]]) shade.setAttribute(name, value);
    view.append(shade);
    const share = (event) => {
      const box = view.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    view.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = share(event);
      if (event.pointerType === "mouse") view.setPointerCapture(event.pointerId);
    });
    view.addEventListener("pointermove", (event) => {
      const at = share(event);
      if (from !== null) {
        shade.setAttribute("x", `${Math.min(from, at) * 100}%`);
        shade.setAttribute("width", `${Math.abs(at - from) * 100}%`);
        shade.setAttribute("height", String(view.clientHeight - 40));
      }
      pointer?.tell(at);
    });
    view.addEventListener("pointerup", (event) => {
      const at = share(event);
      shade.setAttribute("width", "0");
      if (from !== null && Math.abs(at - from) > .02) {
        const length = seen[1] - seen[0];
        show(seen[0] + Math.min(from, at) * length, seen[0] + Math.max(from, at) * length);
      }
      from = null;
    });
    view.addEventListener("pointercancel", () => { from = null; shade.setAttribute("width", "0"); });
    view.addEventListener("pointerleave", () => pointer?.hush());
  };

  // --- tables, CSV, text ---------------------------------------------------------------------------------------------------

  const sizes = { ns: 1e-6, "µs": 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5, KiB: 1024, MiB: 1048576, GiB: 1073741824 };
  const rank = (text) => {
    if (text === "never") return Infinity;
    const parts = [...text.matchAll(/(-?[\d,]+(?:\.\d+)?)\s*(ns|µs|ms|s|m|h|KiB|MiB|GiB|%)?/g)];
    if (!parts.length) return text === "—" || !text ? -Infinity : text.toLowerCase();
    return parts.reduce((sum, [, number, unit]) => sum + Number(number.replaceAll(",", "")) * (sizes[unit] || 1), 0);
  };
  const sortable = (table, number) => {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const content = [...head.childNodes];
      const press = button("", () => {
        const down = head.getAttribute("aria-sort") === "descending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows].map((row) => [rank(row.cells[column].textContent.trim()), row]);
        rows.sort(([a], [b]) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1) * (down ? 1 : -1));
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
      press.append(...content);
      head.append(press);
    });
    if (table.tBodies[0].rows.length < 12) return;
    const input = make("input", "", { class: "filter", type: "search", placeholder: "filter rows", "aria-label": "Filter rows", "data-table": String(number) });
    const filter = () => {
      const wanted = input.value.toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    };
    input.addEventListener("input", () => { filter(); keep(); });
    table.closest(".scroll").before(input);
    const kept = new URLSearchParams(location.hash.slice(1)).get(`filter.${number}`);
    if (kept) { input.value = kept; filter(); }
  };

  const csv = (columns) => {
    const names = Object.keys(columns);
    const quoted = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      const safe = typeof value === "string" && /^[=+\-@\t]/.test(text) ? `'${text}` : text;
      return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const rows = columns[names[0]].map((_, at) => names.map((name) => quoted(columns[name][at])).join(","));
    return [names.map(quoted).join(","), ...rows, ""].join("\r\n");
  };
  const save = (name, text) => {
    const link = make("a", "", { download: name, href: `data:text/csv;charset=utf-8,${encodeURIComponent(text)}` });
    document.body.append(link);
    link.click();
    link.remove();
  };

  const ticket = () => {
    const text = (element) => element.textContent.trim().replace(/\s+/g, " ");
    const all = (selector) => [...document.querySelectorAll(selector)].map(text);
    const checks = [...document.querySelectorAll(".checks tbody tr")].map((row) => {
      const [outcome, rule, observed] = [...row.cells].map(text);
      return `  ${outcome}: ${rule} (observed ${observed})`;
    });
    return [
      `${text(document.querySelector("h1"))}: ${text(document.querySelector(".verdict"))}`,
      ...[...document.querySelectorAll(".place div")].map((each) => `  ${text(each)}`),
      ...all(".reasons p"),
      ...(checks.length ? ["Checks", ...checks] : []),
      "What happened", ...all(".story li").map((line) => `  ${line}`),
      ...[...document.querySelectorAll(".tiles div")].map((each) => `${text(each.children[0])}: ${text(each.children[1])}`),
    ].join("\n");
  };
  const copy = async (event) => {
    const told = event.currentTarget;
    try {
      await navigator.clipboard.writeText(ticket());
      told.textContent = "Copied";
    } catch {
      const area = make("textarea", "", { rows: "14", cols: "80", "aria-label": "Text for a ticket" });
      area.value = ticket();
      told.parentElement.after(area);
      area.select();
      told.disabled = true;
    }
  };

  const nextClock = (event) => {
    clock = { run: "utc", utc: "local", local: "run" }[clock];
    event.currentTarget.textContent = { run: "Show UTC times", utc: "Show local times", local: "Show times of the run" }[clock];
    show(...seen);
  };

  // A link to something inside a folded section unfolds it.
  const unfold = () => {
    const target = place ? document.getElementById(place) : null;
    if (!target) return;
    const inner = target.querySelector(":scope > details");
    if (inner) inner.open = true;
    for (let up = target; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
    target.scrollIntoView();
  };

  document.querySelector(".tools").hidden = false;
  document.querySelector("[data-do=copy]").addEventListener("click", copy);
  document.querySelector("[data-do=clock]")?.addEventListener("click", nextClock);
  reset.addEventListener("click", () => show(0, untilS));
  for (const figure of figures) {
    enliven(figure);
    const columns = numbers[figure.dataset.chart];
    if (!columns) continue;
    if (!figure.querySelector(".numbers")) figure.append(make("p", "", { class: "numbers" }));
    figure.querySelector(".numbers").append(button("Save as CSV", () => save(`${figure.dataset.chart}.csv`, csv(columns))));
  }
  document.querySelectorAll("table.sortable").forEach(sortable);
  addEventListener("hashchange", () => {
    place = placeOf(location.hash.slice(1));
    unfold();
    keep();
  });
  for (const step of document.querySelectorAll("section.step")) {
    step.querySelector("summary").addEventListener("click", () => {
      place = step.querySelector("details").open ? "" : step.id;
      keep();
    });
  }
  addEventListener("beforeprint", () => document.querySelectorAll("main > section > details, .step > details").forEach((each) => { each.open = true; }));
  const zoomed = /(?:^#|&)zoom=([\d.]+)-([\d.]+)/.exec(location.hash);
  if (zoomed) show(Number(zoomed[1]), Number(zoomed[2]));
  else for (const figure of timed) drawTicks(figure.querySelector("svg.view"));
  fit();
  addEventListener("resize", fit);
  addEventListener("beforeprint", () => document.querySelectorAll("svg.over").forEach((over) => { over.querySelector("text").textContent = over.dataset.name; }));
  addEventListener("afterprint", fit);
  document.querySelectorAll("details").forEach((each) => each.addEventListener("toggle", fit));
  unfold();
  document.documentElement.dataset.live = "yes";
})();
