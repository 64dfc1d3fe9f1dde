// What the pages can do better with a script; everything works without it.
(function () {
  "use strict";

  // Copy buttons: made here, since without a script they could do nothing.
  function addCopyButtons(root) {
    root.querySelectorAll("[data-copy]").forEach(function (place) {
      if (place.querySelector(".copy-button")) return;
      var button = document.createElement("button");
      button.type = "button";
      button.className = "copy-button";
      button.textContent = place.dataset.copy;
      if (place.dataset.copyLabel) button.setAttribute("aria-label", place.dataset.copyLabel);
      button.addEventListener("click", function () {
        var text = place.querySelector("pre, code").textContent.trim();
        // Outside of https and localhost there is no clipboard: the text is selected instead.
        var written = navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject();
        written.then(function () {
          button.textContent = place.dataset.copied;
          window.setTimeout(function () { button.textContent = place.dataset.copy; }, 2000);
        }, function () {
          window.getSelection().selectAllChildren(place.querySelector("pre, code"));
        });
      });
      place.appendChild(button);
    });
  }

  // Relative moments stay true while the page is open, and absolute ones are shown in the reader's zone.
  var words = document.querySelector('meta[name="berth-ago"]').content.split("|");
  var language = document.documentElement.lang;
  var absolute = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });
  var clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  var dayMonth = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
  function relative(seconds) {
    if (seconds < 1) return words[0];
    if (seconds < 60) return words[1].replace("#", Math.floor(seconds));
    if (seconds < 3600) return words[2].replace("#", Math.floor(seconds / 60));
    if (seconds < 86400) return words[3].replace("#", Math.floor(seconds / 3600));
    return null;
  }
  function tellTimes(root) {
    root.querySelectorAll("time[datetime]").forEach(function (element) {
      var moment = new Date(element.dateTime);
      element.title = absolute.format(moment);
      var text = null;
      if ("ago" in element.dataset) text = relative((Date.now() - moment.getTime()) / 1000);
      if ("clock" in element.dataset) {
        text = clock.format(moment);
        if (moment.toDateString() !== new Date().toDateString()) text = dayMonth.format(moment) + ", " + text;
      }
      if (text && text !== element.textContent) element.textContent = text;
    });
  }

  function improve(root) { addCopyButtons(root); tellTimes(root); }
  improve(document);
  window.setInterval(function () { tellTimes(document); }, 5000);
  document.addEventListener("htmx:load", function (event) { improve(event.detail.elt); });

  // Menus close with Escape and with a click elsewhere.
  document.addEventListener("keydown", function (event) {
    var open = document.querySelector("details.menu[open]");
    if (event.key !== "Escape" || !open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  document.addEventListener("click", function (event) {
    document.querySelectorAll("details.menu[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  // A form that was not accepted: go to what is wrong.
  var problems = document.getElementById("problems");
  if (problems) problems.focus();
})();
