// What every view does beyond forms and links: theme, live nudges, copying.
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

// --- live: the server says that something has changed, and parts of the page ask again. Where it is
// not heard, or does not hear its database, the page says that it is blind, and how old it is.
// A hidden tab asks nothing and holds no stream: browsers allow six connections to a server over
// all tabs.
const SILENCE = 2000, LOOK = 250, TICK = 500, PROBE = 1500;
const KINDS = ["universes", "loads"];
let stream = null;
let heard = 0; // when the stream last said something
let sees = true; // whether the database answers, as the stream says
let blind = ""; // why nothing new is shown
let shown = Date.now(); // of when what is shown is
let refused = false; // the last part that was asked for did not come
const asking = new Map(); // parts on their way, since when

function listen(address) {
  stream?.close();
  stream = null;
  if (document.hidden) return;
  heard = performance.now();
  stream = new EventSource(address);
  stream.addEventListener("bye", () => { listen(address); KINDS.forEach(nudge); });
  stream.addEventListener("hello", () => { root.dataset.listening = "1"; });
  stream.addEventListener("beat", (event) => {
    heard = performance.now();
    sees = event.data === "sees";
    look();
  });
  KINDS.forEach((kind) => stream.addEventListener(kind, () => nudge(kind)));
  stream.onerror = () => {
    delete root.dataset.listening;
    heard = -SILENCE;
    look();
  };
}
function nudge(kind) {
  document.body.dispatchEvent(new CustomEvent(kind));
}
function isLive(element) {
  return element?.getAttribute("hx-trigger")?.includes("from:body");
}

function look() {
  if (document.hidden) return;
  const now = performance.now();
  const late = [...asking.values()].some((since) => now - since > SILENCE);
  const why = now - heard > SILENCE ? "stream" : !sees ? "database" : late ? "late" : "";
  if (!why && blind) {
    asking.forEach((_, element) => element.dispatchEvent(new CustomEvent("htmx:abort")));
    KINDS.forEach(nudge); // something may have been missed
  }
  blind = why;
  if (!blind && !refused && !asking.size && document.querySelector('[hx-trigger*="from:body"]')) {
    shown = Date.now();
  }
  sayAge();
}
const WHY = {
  server: "The server does not answer.",
  database: "The database is away.",
  late: "The server is slow to answer.",
  stream: "The connection is lost.",
  refused: "The server sends no news: the session has ended, or too many tabs are open.",
};
let reason = ""; // of a stream that is lost
function sayAge() {
  const box = document.getElementById("blind");
  const what = box.querySelector("strong");
  const said = WHY[blind === "stream" ? reason || "stream" : blind] || "";
  if (what.textContent !== said) what.textContent = said; // a screen reader hears it once
  box.firstElementChild.hidden = !blind;
  root.toggleAttribute("data-blind", Boolean(blind));
  const age = Math.max(0, Math.round((Date.now() - shown) / 1000));
  document.getElementById("blind-age").textContent = `What is shown is ${lasts(age)} old.`;
  document.getElementById("fresh").textContent = age < 2 ? "updated just now" : `updated ${lasts(age)} ago`;
}
function lasts(seconds) {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

// A stream that is lost is opened anew, and a probe tells what is away. Where the server refuses
// the stream the browser would not try again.
async function probe(address) {
  if (document.hidden || blind !== "stream") return;
  try {
    const answer = await fetch("/healthz", { signal: AbortSignal.timeout(PROBE) });
    reason = answer.ok ? (stream?.readyState === EventSource.CLOSED ? "refused" : "stream") : "database";
  } catch { reason = "server"; }
  sayAge();
  if (stream?.readyState !== EventSource.OPEN || performance.now() - heard > 3 * SILENCE) {
    if (blind === "stream") { listen(address); heard = -SILENCE; }
  }
}

function watch(address) {
  listen(address);
  document.addEventListener("visibilitychange", () => {
    listen(address);
    if (!document.hidden) KINDS.forEach(nudge);
  });
  addEventListener("pagehide", () => stream?.close());
  setInterval(look, LOOK);
  setInterval(() => { if (!document.hidden && !blind) nudge("tick"); }, TICK);
  setInterval(() => probe(address), PROBE);
  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    if (isLive(ctx.sourceElement)) asking.set(ctx.sourceElement, performance.now());
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    if (!asking.delete(ctx.sourceElement)) return;
    refused = !(ctx.response?.status < 400);
    if (!refused) shown = Date.now();
  });
}

// --- what has become of a job is said aloud: its end at once, the way there now and then
const SAY_EVERY = 20000;
let told = { state: "", at: 0 };
function tell(part) {
  const { state, say } = part.dataset;
  const now = performance.now();
  if (!say || (state === told.state && (now - told.at < SAY_EVERY || !("open" in part.dataset)))) return;
  if (told.state || "open" in part.dataset) document.getElementById("say").textContent = say;
  told = { state, at: now };
}

// --- finding: Ctrl-K on every view, ? for help; the dialog is fetched when it is first asked for
async function find(event, text) {
  const link = document.getElementById("find");
  if (!link) return;
  event.preventDefault();
  try { (await import(link.dataset.script)).open(text); } catch { location.assign(link.href); }
}
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") find(event, "");
  if (event.key === "?" && !event.target.closest("input, textarea, select")) find(event, "?");
});

addEventListener("DOMContentLoaded", () => {
  document.getElementById("find")?.addEventListener("click", (event) => find(event, ""));
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", nextTheme);

  const progress = document.getElementById("progress");
  if (progress) {
    tell(progress);
    document.addEventListener("htmx:after:swap", () => tell(document.getElementById("progress")));
  }
  if (document.body.dataset.live) watch(document.body.dataset.live);

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
