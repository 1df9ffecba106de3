// The classes to choose from: a key each where ten suffice, else found by typing a part of the name.

const byKey = () => page.classNames.length <= 10;
let found = []; // the class indices that the typed text leaves, best first
let active = 0; // the place in it of the one that Enter chooses

function matching(text) {
  const typed = text.trim().toLowerCase();
  if (typed === "") return page.classNames.map((_, index) => index);
  const rank = (name) => {
    const words = name.split(/[^\p{L}\p{N}]+/u);
    const whole = [name === typed, words.includes(typed)];
    const begun = [name.startsWith(typed), words.some((word) => word.startsWith(typed))];
    return [...whole, ...begun, name.includes(typed)].indexOf(true);
  };
  const ranked = page.classNames.map((name, index) => [rank(name.toLowerCase()), index]);
  const left = ranked.filter(([place]) => place >= 0);
  return left.sort((one, other) => one[0] - other[0] || one[1] - other[1]).map(([, index]) => index);
}

function drawChoices(chosen) {
  found = matching(element("filter").value);
  active = Math.max(0, Math.min(active, found.length - 1));
  const typing = element("filter").value.trim() !== "";
  for (const button of element("choices").children) {
    const index = Number(button.dataset.index);
    const place = found.indexOf(index);
    button.hidden = place < 0;
    button.style.order = place;
    button.setAttribute("aria-pressed", String(index === chosen));
    button.classList.toggle("active", typing && chosen === null && place === active);
  }
  element("nothing").hidden = found.length > 0;
}

function scrollToChosen() {
  element("choices").scrollTop = 0;
  element("choices").querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest" });
}

function clearFilter() {
  element("filter").value = "";
  active = 0;
}

// A key where names are typed: in the filter, or anywhere while a class is asked for.
function filterKey(event) {
  const typed = element("filter").value.trim() !== "";
  if (event.key === "Enter" && typed && event.target === element("filter")) {
    if (found.length > 0) choose(found[active]);
  } else if (typed && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    active += event.key === "ArrowDown" ? 1 : -1;
    drawChoices(null);
  } else if (event.key.length === 1 && event.key !== " ") {
    element("filter").focus(); // the letter goes there
  }
}

function withKey(parent, index) {
  if (byKey() && page.classNames[index] !== String(index)) {
    const cap = document.createElement("kbd");
    cap.textContent = index;
    cap.setAttribute("aria-hidden", "true");
    parent.append(cap);
  }
  return parent;
}

function buildChoices() {
  page.classNames.forEach((name, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.index = index;
    button.textContent = name;
    if (byKey()) button.setAttribute("aria-keyshortcuts", index);
    button.addEventListener("click", () => choose(index));
    element("choices").append(withKey(button, index));
    const item = document.createElement("li");
    item.textContent = name;
    element("legend").append(withKey(item, index));
  });
  element("how-to-choose").textContent = byKey()
    ? "Press its key, or click or tap it."
    : "Type a part of its name and press Enter, or click or tap it.";
  element("filter").hidden = byKey();
  element("rate").classList.toggle("many", !byKey());
  element("rate").classList.toggle("short", byKey() && page.classNames.every((name) => name.length <= 3));
  element("filter").addEventListener("input", () => {
    active = 0;
    if (element("filter").value.trim() === "") drawChoices(current().seen);
    else choose(null); // another name asks anew
  });
}
