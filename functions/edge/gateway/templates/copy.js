for (const origin of document.querySelectorAll("[data-origin]")) origin.textContent = location.origin;
if (navigator.clipboard) for (const block of document.querySelectorAll("pre[data-copy]")) {
  const text = block.textContent, button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.append(button);
}
