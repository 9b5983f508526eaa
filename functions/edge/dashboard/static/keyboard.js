// Keys: a palette of pages and applications (Ctrl K), help (?), search (/), and two keys for the pages of the bar (g, then a letter).
"use strict";

const SEQUENCE_MILLISECONDS = 1500;
const palette = document.getElementById("palette");
const help = document.getElementById("shortcuts");
let goUntil = 0;

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function entries() {
  return [...palette.querySelectorAll("li")];
}

function filterPalette(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of entries()) {
    const name = entry.textContent.toLowerCase();
    entry.hidden = !words.every((word) => name.includes(word));
  }
  select(entries().find((entry) => !entry.hidden));
  palette.querySelector(".empty").hidden = entries().some((entry) => !entry.hidden);
}

function select(entry) {
  for (const other of entries()) other.toggleAttribute("aria-selected", other === entry);
  const input = palette.querySelector("input");
  if (entry) {
    input.setAttribute("aria-activedescendant", entry.id);
    entry.scrollIntoView({ block: "nearest" });
  } else input.removeAttribute("aria-activedescendant");
}

function move(step) {
  const visible = entries().filter((entry) => !entry.hidden);
  const at = visible.findIndex((entry) => entry.hasAttribute("aria-selected"));
  if (visible.length) select(visible[(at + step + visible.length) % visible.length]);
}

function addPageLinks(list) {
  const known = new Set([...list.querySelectorAll("a")].map((link) => link.getAttribute("href")));
  for (const link of document.querySelectorAll("nav.tabs a, .bar nav a")) {
    if (known.has(link.getAttribute("href"))) continue;
    const entry = document.createElement("li");
    const copy = document.createElement("a");
    copy.href = link.href;
    copy.textContent = link.textContent.trim();
    entry.append(copy);
    list.append(entry);
  }
}

async function openPalette() {
  const list = palette.querySelector("ul");
  const input = palette.querySelector("input");
  input.value = "";
  palette.showModal();
  if (!list.childElementCount) {
    const response = await fetch("/palette");
    if (response.ok && !response.redirected) list.innerHTML = await response.text();
    addPageLinks(list);
    entries().forEach((entry, index) => {
      entry.id = `palette-${index}`;
      entry.setAttribute("role", "option");
      entry.querySelector("a").tabIndex = -1;
    });
  }
  filterPalette(input.value);
}

function go(key) {
  const link = document.querySelector(`nav.tabs [data-go="${CSS.escape(key)}"], .bar [data-go="${CSS.escape(key)}"]`);
  if (link) link.click();
}

function search() {
  const field = document.querySelector("main input[type=search]");
  if (field) field.focus();
  else openPalette();
}

if (palette) {
  palette.querySelector("input").addEventListener("input", (event) => filterPalette(event.target.value));
  palette.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const chosen = palette.querySelector("li[aria-selected] a");
      if (chosen) location.assign(chosen.href);
    }
  });
  for (const dialog of [palette, help]) dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.querySelectorAll("[data-opens]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", (event) => {
      event.preventDefault();
      if (button.dataset.opens === "palette") openPalette();
      else help.showModal();
    });
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (palette.open) palette.close();
      else openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || palette.open || help.open) return;
    if (performance.now() < goUntil) {
      goUntil = 0;
      go(event.key);
    } else if (event.key === "g") goUntil = performance.now() + SEQUENCE_MILLISECONDS;
    else if (event.key === "/") {
      event.preventDefault();
      search();
    } else if (event.key === "?") help.showModal();
  });
}
