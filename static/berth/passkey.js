// Passkeys: the browser asks for one, the form carries what it says. Without this script the button stays off.
(function () {
  "use strict";

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var button = form.querySelector("button");
    var trouble = form.querySelector("[data-passkey-trouble]");
    var isNew = form.dataset.passkey === "create";
    var read = window.PublicKeyCredential &&
      (isNew ? PublicKeyCredential.parseCreationOptionsFromJSON : PublicKeyCredential.parseRequestOptionsFromJSON);
    if (!read) {
      trouble.hidden = false;
      return;
    }
    var given = JSON.parse(document.getElementById(form.dataset.options).textContent);
    button.disabled = false;
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      trouble.hidden = true;
      button.disabled = true;
      Promise.resolve().then(function () {
        var options = { publicKey: read.call(PublicKeyCredential, given.publicKey) };
        return isNew ? navigator.credentials.create(options) : navigator.credentials.get(options);
      }).then(function (credential) {
        form.querySelector("[name=credential]").value = JSON.stringify(credential.toJSON());
        form.submit();
      }).catch(function () {
        trouble.hidden = false;
        button.disabled = false;
      });
    });
  });
}());
