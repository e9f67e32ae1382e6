// What the page does beyond forms and links: theme, live nudges, the plan card, copying.
"use strict";

const root = document.documentElement;

// --- theme: the system's, unless somebody has chosen; set before anything is painted
function stored() {
  try { return localStorage.getItem("theme"); } catch { return null; }
}
if (stored()) root.dataset.theme = stored();
root.classList.add("js");

function nextTheme() {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* only for this page then */ }
}

// --- live: the server says that something has changed, and parts of the page ask again.
// A hidden tab holds no stream: browsers allow six connections to a server over all tabs.
let stream = null;
function listen(address) {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream) {
    stream = new EventSource(address);
    let first = true;
    stream.addEventListener("hello", () => {
      root.dataset.listening = "1";
      if (!first) ["universes", "loads"].forEach(nudge); // something may have been missed
      first = false;
    });
    ["universes", "loads"].forEach((kind) => stream.addEventListener(kind, () => nudge(kind)));
    stream.onerror = () => { delete root.dataset.listening; };
  }
}
function nudge(kind) {
  document.body.dispatchEvent(new CustomEvent(kind));
}

// --- the plan card follows the form. While it is on its way the old plan's digest is void.
function followForm(form) {
  let timer;
  const ask = (wait) => {
    const digest = form.elements.namedItem("digest");
    if (digest) digest.value = "";
    clearTimeout(timer);
    timer = setTimeout(() => {
      document.getElementById("plan").dispatchEvent(new CustomEvent("plan"));
    }, wait);
  };
  form.addEventListener("input", (event) => {
    if (event.target.name === "q") return;
    ask(event.target.type === "text" ? 300 : 20);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input[type=search], input[type=text]")) {
      event.preventDefault(); // Enter in a field is no order to load
    }
  });
}

// --- the heat map is one stop of the Tab key; arrows move inside it
function walkCells(table) {
  const rows = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td a")]);
  rows.flat().forEach((cell) => { cell.tabIndex = -1; });
  const go = (row, column) => {
    const next = rows[row]?.[column];
    if (!next) return;
    table.querySelector('td a[tabindex="0"]').tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };
  if (rows[0]?.length) rows[0][rows[0].length - 1].tabIndex = 0;
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  table.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    const row = rows.findIndex((cells) => cells.includes(event.target));
    if (!step || row < 0) return;
    event.preventDefault();
    go(row + step[0], rows[row].indexOf(event.target) + step[1]);
  });
}

addEventListener("DOMContentLoaded", () => {
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", nextTheme);

  const form = document.getElementById("load-form");
  if (form) followForm(form);
  document.querySelectorAll("table.heat").forEach(walkCells);
  document.querySelector("#picker :checked")?.closest("label").scrollIntoView({ block: "nearest" });

  const address = document.body.dataset.live;
  if (address) {
    listen(address);
    document.addEventListener("visibilitychange", () => {
      const back = !document.hidden && !stream;
      listen(address);
      if (back) ["universes", "loads"].forEach(nudge);
    });
    addEventListener("pagehide", () => stream?.close());
  }

  // The note that a part could not be had goes when one could be.
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response?.status < 400) document.getElementById("notice").replaceChildren();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
});
