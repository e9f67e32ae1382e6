// Forms that are followed while somebody types: the search, the picker, the plan card, the address.
"use strict";

// --- the address says what is looked at: that of the view, also where an answer to a form shows it
function keepAddress(form) {
  let timer;
  const keep = () => {
    const fields = [...new FormData(form)].filter(([name, value]) => name !== "digest" && value);
    history.replaceState(null, "", `${form.dataset.address}?${new URLSearchParams(fields)}`);
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(keep, 150); });
}

// --- the list of universes: arrows go from the search into it, and Enter takes what is lit
function walkPicker(field, list) {
  const choices = () => [...list.querySelectorAll("input[type=radio]")];
  field.addEventListener("keydown", (event) => {
    if (!["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
    const all = choices();
    if (!all.length) return;
    event.preventDefault();
    const last = event.key === "ArrowUp";
    const choice = (event.key !== "Enter" && all.find((one) => one.checked)) || all.at(last ? -1 : 0);
    choice.checked = true;
    choice.focus();
    choice.dispatchEvent(new Event("input", { bubbles: true }));
  });
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.type === "radio") {
      event.preventDefault();
      document.querySelector("#load-form .actions .primary").focus();
    } else if (event.key === "Escape") field.focus();
  });
}

// --- the plan card follows the form. While it is on its way the old plan's digest is void, and the
// answer that was asked for before is not waited for: it would put the digest of another form here.
function followForm(form) {
  let timer;
  const plan = document.getElementById("plan");
  const ask = (wait) => {
    const digest = form.elements.namedItem("digest");
    if (digest) digest.value = "";
    plan.dispatchEvent(new CustomEvent("htmx:abort"));
    clearTimeout(timer);
    timer = setTimeout(() => { plan.dispatchEvent(new CustomEvent("plan")); }, wait);
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

document.querySelectorAll("form[data-address]").forEach(keepAddress);
const form = document.getElementById("load-form");
if (form) {
  followForm(form);
  walkPicker(document.getElementById("q"), document.getElementById("picker"));
  document.querySelector("#picker :checked")?.closest("label").scrollIntoView({ block: "nearest" });
}
