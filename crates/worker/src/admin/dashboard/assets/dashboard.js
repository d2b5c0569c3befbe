// Asks for the page again and again and puts in what changed, so numbers live without loading. Without it a person
// loads the page again: everything else works the same.
"use strict";
(() => {
  const every = Number(document.body.dataset.refresh);
  const told = document.getElementById("live");
  if (!every || !told) return;
  const lost = document.body.hasAttribute("data-lost");
  let under_way = false;
  let said = "";

  // A screen reader is told when this changes and not every two seconds.
  const say = (text) => {
    if (text !== said) told.textContent = said = text;
  };

  // What somebody is about to fill in stays as it is.
  const isBusy = (region) => {
    const changed = (field) =>
      field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
    const fields = [...region.querySelectorAll("input:not([type=hidden])")];
    return fields.some(changed) || fields.includes(document.activeElement);
  };

  const forms = (region) => [...region.querySelectorAll("form")];

  // The element in the new region that is the one that had the focus in the old.
  const twin = (region, old) => {
    if (old.id) return region.querySelector("#" + CSS.escape(old.id));
    const same = (it) => it.tagName === old.tagName && it.textContent === old.textContent
      && it.getAttribute("href") === old.getAttribute("href");
    return [...region.querySelectorAll("a, button, [tabindex]")].find(same);
  };

  const put = (region, fresh) => {
    if (region.isEqualNode(fresh) || isBusy(region)) return;
    const focus = region.contains(document.activeElement) ? document.activeElement : null;
    // A button that would lead elsewhere than a moment ago is not put under a finger.
    if (focus && forms(region).some((form) => form.contains(focus))) return;
    region.replaceWith(fresh);
    if (focus) (twin(fresh, focus) || document.getElementById("main")).focus({ preventScroll: true });
  };

  const update = async () => {
    if (under_way || document.hidden) return;
    under_way = true;
    try {
      const answer = await fetch(location.href, {
        headers: { "X-Gammaq-Live": "1" },
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(12000),
      });
      if (answer.status === 401) {
        say("You are signed out: load the page again.");
      } else if (answer.ok && lost) {
        location.reload();
      } else if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const region of document.querySelectorAll("[data-live]")) {
          const fresh = page.getElementById(region.id);
          if (fresh) put(region, document.adoptNode(fresh));
        }
        say("Live: the numbers are at most a few seconds old.");
      } else {
        say("No numbers came (" + answer.status + "): these are old. Trying again.");
      }
    } catch {
      say("The worker does not answer: these numbers are old. Trying again.");
    }
    under_way = false;
  };

  setInterval(update, every);
  document.addEventListener("visibilitychange", update);
  update();
})();
