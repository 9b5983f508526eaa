// Passkeys: asks for a challenge, lets the browser answer it, and sends the answer with the form. Without JavaScript the forms are hidden.
"use strict";

async function challengeFor(form) {
  const response = await fetch(form.dataset.challenge, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const answer = await response.json();
  if (answer.slug === "recent-login-required") location.assign("/account/confirmation");
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

async function answerTo(form, options) {
  if (form.dataset.passkey === "register") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

function usePasskey(form) {
  if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) return;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = form.querySelector("[role=alert]");
    problem.textContent = "";
    try {
      const challenge = await challengeFor(form);
      const credential = await answerTo(form, challenge.options);
      form.elements.challengeId.value = challenge.challengeId;
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      problem.textContent = error.name === "NotAllowedError" ? "The passkey was not used. Try again, or use another way." : error.message;
    }
  });
}

document.querySelectorAll("form[data-passkey]").forEach(usePasskey);
