// The heat map: the keyboard moves inside it, and cells that are marked get a plan beside the map.
// What is marked stands in the fields of the form `act`, whoever wrote it there.
"use strict";

const table = document.querySelector("table.heat");
const act = document.getElementById("act");
// What is wider than its place begins with the newest days.
table?.parentElement.scrollTo({ left: table.offsetWidth, behavior: "instant" });

// --- cells in rows and columns; the first row is that of all symbols, where there are several
const firstSymbol = table?.querySelector("tr.total") ? 1 : 0;
const rows = [...(table?.tBodies[0].rows ?? [])].map((row) => [...row.querySelectorAll("td a")]);
const days = [...(table?.querySelectorAll("thead th[data-from]") ?? [])].map((th) => th.dataset);
const names = rows.map((cells) => cells[0]?.closest("tr").querySelector("th a")?.textContent ?? "");

function placeOf(cell) {
  const row = rows.findIndex((cells) => cells.includes(cell));
  return row < 0 ? null : [row, rows[row].indexOf(cell)];
}

// --- marking: from an anchor to another cell; from the first row, days of all symbols
const fields = act?.elements;
let timer;

function mark(anchor, other) {
  const [top, bottom] = [anchor[0], other[0]].sort((a, b) => a - b);
  const [left, right] = [anchor[1], other[1]].sort((a, b) => a - b);
  const some = names.slice(Math.max(firstSymbol, top), bottom + 1).join(" ");
  fields.pick.value = anchor[0] >= firstSymbol ? some : "";
  write("from", days[left].from);
  write("to", days[right].to);
  show();
}
function unmark() {
  fields.pick.value = "";
  write("from", "");
  write("to", "");
  show();
  ask(0);
}
function write(name, value) { document.getElementById(name).value = value; }
function read(name) { return document.getElementById(name).value; }

function show() {
  const [from, to] = [read("from"), read("to")];
  const wanted = new Set(fields.pick.value.split(/[\s,;{}]+/).filter(Boolean));
  const some = from || to || wanted.size;
  rows.forEach((cells, row) => cells.forEach((cell, column) => {
    const inside = (!to || days[column].from <= to) && (!from || days[column].to >= from);
    const meant = wanted.size ? wanted.has(names[row]) : true;
    cell.parentElement.classList.toggle("on", Boolean(some) && inside && meant);
  }));
}

// The plan that is shown belongs to what was marked before: it cannot be loaded any more.
function ask(wait) {
  const plan = document.getElementById("plan");
  plan.querySelectorAll("button.primary").forEach((button) => { button.disabled = true; });
  plan.dispatchEvent(new CustomEvent("htmx:abort"));
  clearTimeout(timer);
  timer = setTimeout(() => {
    keep();
    plan.dispatchEvent(new CustomEvent("plan"));
  }, wait);
}
function keep() {
  const said = [...document.querySelectorAll("#marks input")]
    .filter((field) => field.value && (field.type !== "checkbox" || field.checked));
  const query = new URLSearchParams(said.map((field) => [field.name, field.value]));
  history.replaceState(null, "", `${act.getAttribute("action")}?${query}`);
}

// --- by keyboard: the map is one stop of the Tab key; arrows move inside it
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
let anchor = null;

function go(row, column) {
  const next = rows[row]?.[column];
  if (!next) return null;
  table.querySelector('td a[tabindex="0"]').tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  return [row, column];
}
function onKey(event) {
  const place = placeOf(event.target);
  const step = STEPS[event.key];
  if (!place || !(step || [" ", "Escape"].includes(event.key))) return;
  event.preventDefault();
  if (event.key === "Escape") { anchor = null; unmark(); return; }
  if (event.key === " ") { anchor = place; mark(anchor, place); ask(20); return; }
  const next = go(place[0] + step[0], place[1] + step[1]);
  if (!event.shiftKey) { anchor = null; return; }
  anchor ??= place;
  if (next) { mark(anchor, next); ask(300); }
}

// --- by pointer: dragging marks, a click follows the link as ever
function onDrag(event) {
  const from = placeOf(event.target.closest("td a"));
  if (!from || event.button || event.pointerType === "touch") return;
  let moved = false;
  const move = (other) => {
    const far = Math.hypot(other.clientX - event.clientX, other.clientY - event.clientY) > 4;
    const at = placeOf(other.target.closest?.("td a"));
    if (!at || !(far || moved)) return;
    moved = true;
    mark(from, at);
  };
  const end = () => {
    removeEventListener("pointermove", move);
    if (!moved) return;
    const swallow = (click) => { click.preventDefault(); click.stopPropagation(); };
    addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0);
    ask(0);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end, { once: true });
}

if (table) {
  rows.flat().forEach((cell) => { cell.tabIndex = -1; });
  const first = rows[firstSymbol];
  if (first?.length) first.at(-1).tabIndex = 0;
  table.addEventListener("keydown", onKey);
  table.addEventListener("pointerdown", onDrag);
  table.addEventListener("dragstart", (event) => event.preventDefault());
  act.addEventListener("input", () => { show(); ask(300); });
  show();
}
