"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

for (const origin of all("[data-origin]")) origin.textContent = location.origin;

if (navigator.clipboard) for (const block of all("pre[data-copy]")) {
  const text = block.textContent;
  const button = make("button", { type: "button", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.append(button);
}

if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".contents details")?.removeAttribute("open");

const showLanguage = language => {
  document.documentElement.dataset.language = language;
  for (const button of all("#languages button")) button.setAttribute("aria-pressed", String(button.value === language));
};
const languages = document.querySelector("#languages");
if (languages) {
  languages.hidden = languages.previousElementSibling.hidden = false;
  for (const button of all("button", languages)) button.addEventListener("click", () => showLanguage(button.value));
  showLanguage("curl");
}

const search = document.querySelector("#search");
if (search) {
  search.closest("form").hidden = false;
  const operations = all("details.operation").map(element => ({ element, text: element.dataset.text }));
  const count = document.querySelector("#found");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { element, text } of operations) {
      element.hidden = !words.every(word => text.includes(word));
      found += element.hidden ? 0 : 1;
    }
    for (const section of all("section.topic")) section.hidden = !section.querySelector("details.operation:not([hidden])");
    for (const part of all("[data-unless-searching]")) part.hidden = words.length > 0;
    count.textContent = words.length ? `${found} of ${operations.length} endpoints` : "";
  };
  search.addEventListener("input", filter);
  search.form.addEventListener("submit", event => event.preventDefault());
  addEventListener("keydown", event => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
  });
}

const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const operation = target && target.closest("details.operation");
  if (!operation) return;
  if (operation.hidden) {
    search.value = "";
    search.dispatchEvent(new Event("input"));
  }
  operation.open = true;
  operation.scrollIntoView();
};
addEventListener("hashchange", reveal);
reveal();

// The access token is in the memory of this page only: no cookie carries it, and no other site can send it.
const token = document.querySelector("#token");
if (token) token.closest("form").hidden = false;

const field = (label, element) => make("label", {}, make("span", { textContent: label }), element);
const trial = operation => {
  const { method, path, fields, body, isSignedIn } = JSON.parse(operation.dataset.trial);
  const inputs = fields.map(each => ({ ...each, input: make("input", { required: each.required, autocomplete: "off", spellcheck: false }) }));
  const text = body === null ? null : make("textarea", { rows: Math.min(12, JSON.stringify(body, null, 2).split("\n").length + 1), spellcheck: false });
  if (text) text.value = JSON.stringify(body, null, 2);
  const send = make("button", { textContent: `Send ${method}` });
  const result = make("div", { className: "result" });
  result.setAttribute("role", "status");
  const form = make("form", { className: "trial" }, ...inputs.map(each => field(each.required ? each.name : `${each.name}, optional`, each.input)),
    ...(text ? [field("Body, JSON", text)] : []), send, result);
  form.addEventListener("submit", async event => {
    event.preventDefault();
    if (isSignedIn && !token.value.trim()) {
      result.replaceChildren(make("p", { textContent: "Enter an access token above first." }));
      token.focus();
      return;
    }
    if (method === "DELETE" && !confirm(`Send ${method} ${path}?`)) return;
    const query = new URLSearchParams();
    let target = path;
    for (const { name, in: place, input } of inputs) {
      if (place === "path") target = target.replace(`{${name}}`, encodeURIComponent(input.value.trim()));
      else if (input.value.trim()) query.set(name, input.value.trim());
    }
    const headers = { Accept: "application/json" };
    if (token.value.trim()) headers.Authorization = `Bearer ${token.value.trim()}`;
    if (method !== "GET") headers["Idempotency-Key"] = crypto.randomUUID();
    if (text) headers["Content-Type"] = "application/json";
    send.disabled = true;
    const begun = performance.now();
    try {
      const url = query.size ? `${target}?${query}` : target;
      const response = await fetch(url, { method, headers, body: text ? text.value : undefined, credentials: "omit", cache: "no-store" });
      const milliseconds = Math.round(performance.now() - begun);
      const type = response.headers.get("content-type") || "";
      const content = type.includes("json") ? JSON.stringify(await response.json(), null, 2) : type.startsWith("text/event-stream") ? "A stream of events: use curl." : await response.text();
      const id = response.headers.get("x-request-id");
      result.replaceChildren(
        make("p", {}, make("strong", { className: response.ok ? "good" : "bad", textContent: `${response.status} ${response.statusText}`.trim() }),
          ` in ${milliseconds} ms${id ? `, request ${id}` : ""}`),
        ...(content ? [make("pre", { textContent: content.slice(0, 100000) })] : []));
    } catch (error) {
      result.replaceChildren(make("p", { textContent: `No response: ${error.message}` }));
    } finally {
      send.disabled = false;
    }
  });
  return form;
};

for (const operation of all("details.operation[data-trial]")) {
  const button = make("button", { type: "button", className: "try", textContent: "Try it" });
  button.addEventListener("click", () => {
    const form = trial(operation);
    button.replaceWith(form);
    form.querySelector("input, textarea, button").focus();
  });
  operation.querySelector("[data-try]").append(button);
}
