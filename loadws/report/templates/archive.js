// Filters at once, and the page anew when a run lands. Without this script the form and a reload do the same.
"use strict";
(() => {
  const form = document.querySelector("form.filters");
  const rows = [...document.querySelectorAll("#list tbody tr")];
  const isServed = document.body.dataset.served === "yes";

  const filter = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const keeps = ["", row.dataset.scenario].includes(wanted.scenario) && ["", row.dataset.verdict].includes(wanted.verdict)
        && words.every((word) => text.includes(word));
      row.hidden = !keeps;
      shown += keeps;
    }
    document.querySelector("#count").textContent = `${shown} of ${rows.length} runs`;
  };
  if (!isServed) {  // a static copy has all runs on one page
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
    return;
  }
  for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => form.submit());

  if (document.querySelector("#unread")) { setTimeout(() => location.reload(), 200); return; }  // reads on

  const tell = (event) => {
    if (event.data === document.body.dataset.state) return;
    const isBusy = document.querySelector("#list input:checked") || form.contains(document.activeElement);
    if (!isBusy) { location.reload(); return; }
    const told = document.querySelector("#landed");
    told.hidden = false;
    told.textContent = "Runs have changed. Reload the page to see them.";
  };
  let news = null;
  const listen = () => {  // a browser has six connections to a server, and a hidden tab must not keep one
    if (document.hidden) { news?.close(); news = null; return; }
    if (news) return;
    news = new EventSource("events");
    news.addEventListener("state", tell);
  };
  document.addEventListener("visibilitychange", listen);
  listen();
})();
