// Draws each state of the run that comes over the WebSocket. A state is whole, so nothing is kept here.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const HEIGHT = 150, LEFT = 8, RIGHT = 8, TOP = 16, BOTTOM = 22, AROUND = 34, NARROWEST = 240, LABEL = 62;
  const MARKS = {passed: ["✔", "good"], failed: ["✘", "bad"], too_close: ["?", "doubt"], no_data: ["·", "dim"]};
  const at = (id) => document.getElementById(id);

  const make = (name, text = "", classes = "") => {
    const element = document.createElement(name);
    element.textContent = text;
    if (classes) element.className = classes;
    return element;
  };
  const draw = (name, attributes, text = "") => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };
  const row = (head, ...cells) => {
    const line = make("tr");
    const first = make("th", head);
    first.scope = "row";
    line.append(first, ...cells);
    return line;
  };

  // Drawings are as wide as their place in pixels, so that letters have one size on a telephone and on a wall.
  let width = 1100;
  const measure = () => { width = Math.max(at("charts").clientWidth - AROUND, NARROWEST); };

  // -- charts: all show the same stretch of the run, which is the whole or what was chosen by dragging or a button ------

  const SHOWN = {
    ns: (ns) => ns >= 1e9 ? `${+(ns / 1e9).toPrecision(3)} s` : ns >= 1e6 ? `${+(ns / 1e6).toPrecision(3)} ms` : `${+(ns / 1e3).toPrecision(3)} µs`,
    per_s: (rate) => `${+rate.toPrecision(3)}/s`,
    count: (count) => count.toLocaleString("en"),
  };
  const LAST_S = 60;
  let newest = null;  // the state that is shown
  let zoom = null;  // [from, to] in seconds of the run; null: all of it; "last": the last minute
  let drag = null;  // {from, to, mark}: shares of the width, and the rectangle, while the pointer is down
  const clock = (s) => s < 60 ? `${Math.round(s)} s` : `${Math.floor(s / 60)} m${Math.round(s % 60) ? ` ${Math.round(s % 60)} s` : ""}`;

  // Return the first and the last second that are shown.
  const stretch = (state) => {
    const all = state.seconds_each * Math.max(...state.charts.map(({curves}) => curves[0].values.length), 1);
    if (zoom === "last") return [Math.max(all - LAST_S, 0), all];
    return zoom ? [Math.max(zoom[0], 0), Math.min(zoom[1], all)] : [0, all];
  };

  // Where a value stands. Times have a logarithmic scale, as in the report: one slow second would make all others flat.
  const heights = (unit, all, highest) => {
    const room = HEIGHT - TOP - BOTTOM, positive = all.filter((value) => value > 0);
    if (unit !== "ns" || !positive.length) return {of: (value) => HEIGHT - BOTTOM - value / (highest || 1) * room, ticks: []};
    const low = Math.log10(Math.min(...positive) * 0.9), span = Math.log10(highest) - low;
    const of = (value) => HEIGHT - BOTTOM - Math.max((Math.log10(value || 1) - low) / span, 0) * room;
    const ticks = Array.from({length: 12}, (_, power) => 10 ** power).filter((tick) => of(tick) < HEIGHT - BOTTOM - 14 && of(tick) > TOP + 14);
    return {of, ticks};
  };

  const chart = ([from, to], each) => ({name, unit, curves}) => {
    const shown = curves.map(({name, values}) => ({name, values: values.slice(Math.floor(from / each), Math.ceil(to / each))}));
    const all = shown.flatMap(({values}) => values.filter((value) => value !== null));
    const highest = Math.max(...all, 0), top = all.length ? SHOWN[unit](highest) : "no data";
    const count = shown[0].values.length;
    const figure = make("figure");
    const svg = draw("svg", {viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${name} from ${clock(from)} to ${clock(to)}, at most ${top}`});
    const x = (index) => LEFT + (count > 1 ? index / (count - 1) : 0.5) * (width - LEFT - RIGHT);
    const y = heights(unit, all, highest);
    svg.append(
      draw("line", {class: "axis", x1: LEFT, x2: width - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM}),
      draw("line", {class: "axis", x1: LEFT, x2: width - RIGHT, y1: TOP, y2: TOP}),
      draw("text", {x: LEFT, y: TOP - 4}, top),
      draw("text", {x: LEFT, y: HEIGHT - 6}, clock(from)),
      draw("text", {x: width - RIGHT, y: HEIGHT - 6, "text-anchor": "end"}, clock(to)),
      ...y.ticks.flatMap((value) => [
        draw("line", {class: "axis", x1: LEFT, x2: width - RIGHT, y1: y.of(value), y2: y.of(value)}),
        draw("text", {x: LEFT, y: y.of(value) - 4}, SHOWN[unit](value)),
      ]),
    );
    shown.forEach(({name: tone, values}, number) => {
      let path = "", isDown = false;
      values.forEach((value, index) => {  // a second without a value is a gap
        if (value !== null) path += `${isDown ? "L" : "M"}${x(index).toFixed(1)} ${y.of(value).toFixed(1)}${isDown ? "" : "h.1"}`;
        const isAlone = value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
        if (isAlone) svg.append(draw("circle", {cx: x(index), cy: y.of(value), r: 2.5, fill: `var(--${tone})`}));
        isDown = value !== null;
      });
      svg.append(draw("path", {class: "curve", d: path, stroke: `var(--${tone})`}));
      if (shown.length > 1) {
        const key = draw("text", {x: width - RIGHT - 40 * number, y: TOP - 4, "text-anchor": "end"}, tone);
        key.style.fill = `var(--${tone})`;
        svg.append(key);
      }
    });
    svg.addEventListener("pointerdown", (event) => begin(event, svg));
    figure.append(make("figcaption", name), svg);
    return figure;
  };

  const share = (event, svg) => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * width;
    return Math.min(Math.max((x - LEFT) / (width - LEFT - RIGHT), 0), 1);
  };
  const begin = (event, svg) => {
    if (event.button) return;
    const from = share(event, svg), mark = draw("rect", {class: "chosen", y: TOP, height: HEIGHT - TOP - BOTTOM, width: 0});
    drag = {from, to: from, mark, svg};
    svg.append(mark);
    svg.setPointerCapture(event.pointerId);
    svg.addEventListener("pointermove", choose);
    svg.addEventListener("pointerup", end);
    svg.addEventListener("pointercancel", end);
  };
  const choose = (event) => {
    if (!drag) return;
    drag.to = share(event, drag.svg);
    const [low, high] = [drag.from, drag.to].sort((a, b) => a - b), wide = width - LEFT - RIGHT;
    drag.mark.setAttribute("x", LEFT + low * wide);
    drag.mark.setAttribute("width", (high - low) * wide);
  };
  const end = () => {
    if (!drag) return;
    const [low, high] = [drag.from, drag.to].sort((a, b) => a - b), [from, to] = stretch(newest);
    drag = null;
    const length = to - from, least = 2 * newest.seconds_each;
    if ((high - low) * length >= least) zoom = [from + low * length, from + high * length];
    drawCharts();
  };
  const drawCharts = () => {
    if (drag || !newest) return;  // what is being chosen would be gone; the next state draws them
    measure();
    at("charts").replaceChildren(...newest.charts.map(chart(stretch(newest), newest.seconds_each)));
    at("whole").disabled = zoom === null;
    at("last").disabled = zoom === "last";
    at("spread").replaceChildren(spread(newest.spread));
  };
  addEventListener("resize", () => drawCharts());
  for (const [id, stretchOf] of [["whole", null], ["last", "last"]]) {
    at(id).addEventListener("click", () => { zoom = stretchOf; drawCharts(); });
  }

  const spread = (columns) => {
    if (!columns.length) return make("span", "none yet", "note");
    const svg = draw("svg", {viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": "Histogram of response times"});
    const highest = Math.max(...columns.map(({count}) => count)) || 1, step = (width - LEFT - RIGHT) / Math.max(columns.length, 8);
    const each = Math.ceil(LABEL / step);  // columns to a label of the axis
    columns.forEach(({limit, count}, index) => {
      const height = count / highest * (HEIGHT - 40), x = LEFT + index * step;
      svg.append(
        draw("rect", {x: x + 2, y: HEIGHT - 22 - height, width: step - 6, height, fill: "var(--p90)"}),
        draw("text", {x: x + step / 2, y: HEIGHT - 8, "text-anchor": "middle"}, (columns.length - 1 - index) % each ? "" : limit === "more" ? limit : `≤ ${limit}`),
        draw("text", {x: x + step / 2, y: HEIGHT - 26 - height, "text-anchor": "middle"}, count.toLocaleString("en", {notation: "compact"})),
      );
    });
    return svg;
  };

  const show = (state) => {
    if (state.report) { location.replace("report"); return; }
    if (state.waiting) return;
    document.title = `${state.title} · loadws`;
    at("title").textContent = state.title;
    at("target").textContent = state.target;
    at("clock").textContent = state.clock;
    at("status").textContent = state.over ? `${state.over.outcome.replace("_", " ")}. ${state.over.why} The report is being drawn.` : "";
    at("phases").replaceChildren(...state.phases.map(({name, done, now}) => {
      const phase = make("label", name, now ? "phase now" : "phase");
      const bar = make("progress");
      bar.max = 1;
      bar.value = done;
      phase.append(bar);
      return phase;
    }));
    at("rules").replaceChildren(...state.rules.map(({rule, outcome, now, note}) => {
      const [mark, tone] = MARKS[outcome];
      return row(`${mark}\u00a0${rule}`, make("td", now, tone), make("td", note, "dim"));
    }));
    at("error-count").textContent = state.errors.count;
    at("errors").replaceChildren(...state.errors.kinds.map(({count, kind, step, example}) =>
      row(kind, make("td", step), make("td", count, "n"), make("td", example, "dim"))));
    for (const [id, empty] of [["rules", "The scenario has none."], ["errors", "None so far."]]) {
      at(id).closest(".scroll").hidden = !at(id).children.length;
      at(`no-${id}`).textContent = at(id).children.length ? "" : empty;
    }
    at("tiles").replaceChildren(...state.tiles.map(([name, value]) => {
      const tile = make("div");
      tile.append(make("dt", name), make("dd", value));
      return tile;
    }));
    newest = state;
    drawCharts();
    at("condition").textContent = state.generator.word;
    at("condition").className = state.generator.tone;
    at("figures").textContent = state.generator.figures;
    document.body.dataset.shown = "yes";
  };

  let tries = 0;
  const connect = () => {
    const socket = new WebSocket(`ws://${location.host}/live`);
    socket.addEventListener("message", (event) => { tries = 0; show(JSON.parse(event.data)); });
    socket.addEventListener("close", () => {
      tries += 1;
      if (tries < 5) { setTimeout(connect, 1000); return; }
      at("status").textContent = "The run's process is gone. Its report is where the terminal says.";
    });
  };
  connect();
})();
