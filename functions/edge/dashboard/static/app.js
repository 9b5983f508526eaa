// What pages add with JavaScript: live logs and status, questions before deletions, copy buttons, and a key for search.
"use strict";

const MAX_LINES = 5000;

function isAtEnd(log) {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
}

function follow(log) {
  const source = new EventSource(log.dataset.stream);
  const status = log.dataset.status && document.getElementById(log.dataset.status);
  log.scrollTop = log.scrollHeight;
  source.addEventListener("lines", (event) => {
    const follows = isAtEnd(log);
    log.insertAdjacentHTML("beforeend", event.data);
    while (log.childElementCount > MAX_LINES) log.firstElementChild.remove();
    if (follows) log.scrollTop = log.scrollHeight;
  });
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

document.querySelectorAll("[data-stream]").forEach(follow);
document.querySelectorAll("form[data-confirm]").forEach(confirmFirst);
document.querySelectorAll("pre.copy").forEach(addCopyButton);
document.addEventListener("keydown", (event) => {
  const search = document.querySelector("input[type=search]");
  if (event.key === "/" && search && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    search.focus();
  }
});
