// Makes each static chart interactive when it comes into view. Whatever fails, the static chart stays.
(() => {
  "use strict";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  let library;

  const inflate = async () => {
    const packed = atob(document.getElementById("vega").textContent.trim());
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  const load = () => (library ??= inflate().then((text) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
    return window.vegaEmbed;
  }));

  const asRows = (columns) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, at) => Object.fromEntries(names.map((name) => [name, columns[name][at]])));
  };

  // Where there is little room, legends stand below each other.
  const fitted = (spec, width) => width > 480 ? spec : {
    ...spec,
    config: { ...spec.config, legend: { ...spec.config.legend, layout: { top: { direction: "vertical", anchor: "start" } } } },
  };

  const enliven = async (figure) => {
    const { spec, columns } = charts[figure.dataset.chart];
    const embed = await load();
    const view = document.createElement("div");
    view.className = "live";
    figure.querySelector(".drawing").append(view);
    try {
      await embed(view, { ...fitted(spec, figure.clientWidth), datasets: { points: asRows(columns) } }, {
        mode: "vega-lite",
        renderer: "svg",
        actions: false,
        ast: true,
        defaultStyle: false,
        tooltip: { theme: "loadws" },
      });
      figure.dataset.live = "yes";
    } catch (error) {
      view.remove();
      figure.dataset.live = "failed";
      console.error(error);
    }
  };

  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        seen.unobserve(target);
        enliven(target).catch((error) => {
          target.dataset.live = "failed";
          console.error(error);
        });
      }
    }
  }, { rootMargin: "300px" });

  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    if (charts[figure.dataset.chart]) seen.observe(figure);
  }
})();
