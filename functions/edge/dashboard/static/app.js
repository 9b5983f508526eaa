// What pages add with JavaScript: live logs and status, questions before deletions, copy buttons, ages that stay true.
"use strict";

const MAX_LINES = 5000;

function isAtEnd(log) {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
}

function follow(log) {
  const source = new EventSource(log.dataset.stream);
  const status = log.dataset.status && document.getElementById(log.dataset.status);
  log.scrollTop = log.scrollHeight;
  const toggle = document.querySelector("[data-pause]");
  const waiting = [];
  let isPaused = false;
  function add(lines) {
    const follows = isAtEnd(log);
    log.insertAdjacentHTML("beforeend", lines);
    const excess = log.childElementCount - MAX_LINES;
    if (excess > 0) {  // at once, with the text between the lines: counting again after each one takes seconds for a thousand
      const range = document.createRange();
      range.setStart(log, 0);
      range.setEndBefore(log.children[excess]);
      range.deleteContents();
    }
    if (follows) log.scrollTop = log.scrollHeight;
  }
  source.addEventListener("lines", (event) => {
    if (isPaused) waiting.push(event.data);
    else add(event.data);
    if (waiting.length > MAX_LINES) waiting.shift();
  });
  if (toggle) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      isPaused = !isPaused;
      toggle.textContent = isPaused ? "Go on" : "Pause";
      if (!isPaused) for (const lines of waiting.splice(0)) add(lines);
    });
  }
  source.addEventListener("status", (event) => {
    if (status) status.innerHTML = event.data;
  });
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
}

function confirmFirst(form) {
  form.addEventListener("submit", (event) => {
    if (!confirm(form.dataset.confirm)) event.preventDefault();
  });
}

function addCopyButton(block) {
  if (!navigator.clipboard) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.textContent);
    button.textContent = "Copied";
  });
  block.after(button);
}

// A field of a JSON line, when it is pressed, becomes a condition of the filter.
function filterByField(log) {
  log.addEventListener("click", (event) => {
    const field = event.target.closest("[data-where]");
    const input = document.getElementById("where");
    if (!field || !input) return;
    const conditions = input.value.split(",").map((each) => each.trim()).filter(Boolean);
    input.value = [...new Set([...conditions, field.dataset.where])].join(",");
    input.form.requestSubmit();
  });
}

const UNITS = [[60, "s", 1], [3600, "min", 60], [86400, "h", 3600], [86400 * 30, "d", 86400]];

function renewAges() {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const unit = UNITS.find(([limit]) => seconds < limit);
    if (unit && seconds >= 5) time.textContent = `${Math.floor(seconds / unit[2])} ${unit[1]} ago`;
  }
}

document.querySelectorAll("[data-stream]").forEach(follow);
document.querySelectorAll("form[data-confirm]").forEach(confirmFirst);
document.querySelectorAll("pre.copy").forEach(addCopyButton);
document.querySelectorAll(".log").forEach(filterByField);
for (const each of document.querySelectorAll("[data-reload]")) setTimeout(() => location.reload(), Number(each.dataset.reload));
setInterval(renewAges, 15000);
for (const link of document.querySelectorAll(".tabs [aria-current], .bar nav [aria-current]")) {
  const bar = link.parentElement;
  bar.scrollLeft = link.offsetLeft - bar.offsetLeft - (bar.clientWidth - link.clientWidth) / 2;
}
