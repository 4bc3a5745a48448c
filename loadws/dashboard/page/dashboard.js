// Draws each state of the run that comes over the WebSocket. A state is whole, so nothing is kept here.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const WIDTH = 1100, HEIGHT = 150, LEFT = 8, RIGHT = 8, TOP = 16, BOTTOM = 22;
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

  const chart = (until) => ({name, values, top, tone}) => {
    const figure = make("figure");
    const svg = draw("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${name}, at most ${top}`});
    const highest = Math.max(...values.map((value) => value ?? 0)) || 1;
    const x = (index) => LEFT + (values.length > 1 ? index / (values.length - 1) : 0.5) * (WIDTH - LEFT - RIGHT);
    const y = (value) => HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM);
    let path = "", isDown = false;
    values.forEach((value, index) => {  // a second without a value is a gap
      if (value !== null) path += `${isDown ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}${isDown ? "" : "h.1"}`;
      isDown = value !== null;
    });
    svg.append(
      draw("line", {class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM}),
      draw("line", {class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: TOP, y2: TOP}),
      draw("text", {x: LEFT, y: TOP - 4}, top),
      draw("text", {x: LEFT, y: HEIGHT - 6}, "0 s"),
      draw("text", {x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end"}, until),
      draw("path", {class: "curve", d: path, stroke: `var(--${tone})`}),
    );
    figure.append(make("figcaption", name), svg);
    return figure;
  };

  const spread = (columns) => {
    if (!columns.length) return make("span", "none yet", "note");
    const svg = draw("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "Histogram of response times"});
    const highest = Math.max(...columns.map(({count}) => count)) || 1, step = (WIDTH - LEFT - RIGHT) / Math.max(columns.length, 8);
    columns.forEach(({limit, count}, index) => {
      const height = count / highest * (HEIGHT - 40), x = LEFT + index * step;
      svg.append(
        draw("rect", {x: x + 2, y: HEIGHT - 22 - height, width: step - 6, height, fill: "var(--p90)"}),
        draw("text", {x: x + step / 2, y: HEIGHT - 8, "text-anchor": "middle"}, limit === "more" ? limit : `≤ ${limit}`),
        draw("text", {x: x + step / 2, y: HEIGHT - 26 - height, "text-anchor": "middle"}, count.toLocaleString("en")),
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
      return row(`${mark} ${rule}`, make("td", now, tone), make("td", note, "dim"));
    }));
    at("error-count").textContent = state.errors.count;
    at("errors").replaceChildren(...state.errors.kinds.map(({count, kind, step, example}) =>
      row(kind, make("td", step), make("td", count, "n"), make("td", example, "dim"))));
    at("tiles").replaceChildren(...state.tiles.map(([name, value]) => {
      const tile = make("div");
      tile.append(make("dt", name), make("dd", value));
      return tile;
    }));
    at("charts").replaceChildren(...state.charts.map(chart(state.clock.split(",")[0])));
    at("spread").replaceChildren(spread(state.spread));
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
