// Ctrl-K: a dialog over every view in which symbols, universes, jobs, days and views are found.
// Loaded when it is first asked for.
let dialog = null;
let asked = 0;

function make() {
  dialog = document.createElement("dialog");
  dialog.className = "find";
  dialog.setAttribute("aria-label", "Find");
  const form = document.createElement("form");
  form.action = "/find";
  form.setAttribute("role", "search");
  const field = document.createElement("input");
  field.type = "text"; // Escape closes the dialog: it would empty a search field first
  field.name = "q";
  field.autocomplete = "off";
  field.spellcheck = false;
  field.placeholder = "AAPL, sp500 @ 2012-03-01, failed, ?";
  field.setAttribute("aria-label", "Find a symbol, universe, job, day or view");
  form.append(field);
  const list = document.createElement("div");
  list.className = "found";
  list.setAttribute("aria-live", "polite");
  dialog.append(form, list);
  document.body.append(dialog);
  field.addEventListener("input", () => ask(field.value, list));
  form.addEventListener("submit", (event) => {
    const first = list.querySelector("ul a");
    if (!first) return; // the view of what was found says more
    event.preventDefault();
    location.assign(first.href);
  });
  dialog.addEventListener("keydown", (event) => walk(event, field, list));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

async function ask(text, list) {
  const mine = ++asked;
  try {
    const answer = await fetch(`/find/rows?${new URLSearchParams({ q: text })}`);
    const found = await answer.text();
    if (mine !== asked) return; // somebody has typed on
    list.innerHTML = found;
  } catch { list.textContent = "The server does not answer."; }
}

function walk(event, field, list) {
  if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  const all = [field, ...list.querySelectorAll("a")];
  const at = all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  all.at(Math.min(at, all.length - 1))?.focus();
}

export function open(text = "") {
  if (!dialog) make();
  const field = dialog.querySelector("input");
  field.value = text;
  ask(text, dialog.querySelector(".found"));
  if (!dialog.open) dialog.showModal();
  field.focus();
}
