// Shows the pairs one by one and keeps the answers in this browser until they are saved as a file. It knows no right
// answer. Only pairs before an unanswered one can be reached, so that whoever comes to the end has answered them all.

const page = JSON.parse(document.getElementById("page-data").textContent);
const total = page.order.length;
const element = (id) => document.getElementById(id);

let rater = "";
let answers = []; // of each trial: seen (a class index or null), plausible (true, false or null), milliseconds
let at = 0;
let inFile = ""; // the answers as they were last downloaded
let since = null; // when this trial came into sight; null while it is out of sight

// What outlives a reload, where the browser allows it. Answers lie in two places: a busy Chromium may lose what it was
// given to store, now and then for good, and what goes with this place in the tab's history ends with the tab.

const passing = {
  getItem: (key) => history.state?.[key],
  setItem: (key, text) => history.replaceState({ ...history.state, [key]: text }, ""),
};

const lasting = (() => {
  try {
    localStorage.setItem("advgen-rating", "");
    return localStorage;
  } catch {
    return null;
  }
})();
const lastRater = `advgen-rating/${page.page}`;
const placeOf = (name) => `${lastRater}/${name}`;

function recall(name) {
  const versions = [lasting, passing].map((shelf) => {
    try {
      return JSON.parse(shelf.getItem(placeOf(name))) ?? [];
    } catch {
      return [];
    }
  });
  return versions[0].length >= versions[1].length ? versions[0] : versions[1];
}

function keep() {
  const kept = [lasting, passing].map((shelf) => {
    try {
      shelf.setItem(placeOf(rater), JSON.stringify(answers));
      shelf.setItem(lastRater, rater);
      return true;
    } catch {
      return false;
    }
  });
  if (!kept[0]) window.onbeforeunload = (leaving) => leaving.preventDefault(); // closed, it would be lost
}

// Answers.

const answered = (answer) => answer !== undefined && answer.seen !== null && answer.plausible !== null;
const current = () => (answers[at] ??= { seen: null, plausible: null, milliseconds: 0 });

function choose(seen) {
  if (current().seen !== seen) Object.assign(current(), { seen, plausible: null });
  keep();
  draw();
  if (seen !== null) element("filter").blur(); // y and n are answers now
}

function judge(plausible) {
  if (current().seen === null) return;
  current().plausible = plausible;
  go(at + 1);
}

function back() {
  if (at < total && current().seen !== null && current().plausible === null) {
    current().seen = null; // first the half-given answer
    clearFilter();
    keep();
    draw();
  } else if (at > 0) {
    go(at - 1);
  }
}

function go(place) {
  stopClock();
  keep();
  show(place);
}

function show(place) {
  at = place;
  clearFilter();
  draw();
  startClock();
  element(at < total ? "place" : "thanks").focus();
  scrollToChosen();
  window.scrollTo(0, 0);
}

function startClock() {
  since = element("rate").hidden ? null : performance.now();
}

function stopClock() {
  if (since !== null) current().milliseconds += performance.now() - since;
  since = null;
}

// Drawing.

function draw() {
  const shown = rater === "" ? "start" : at < total ? "rate" : "end";
  for (const id of ["start", "rate", "end"]) element(id).hidden = id !== shown;
  ({ start: drawStart, rate: drawRate, end: drawEnd })[shown]();
}

function drawStart() {
  const done = recall(element("rater").value.trim()).filter(answered).length;
  const next = done < total ? `Continue at ${done + 1} of ${total}` : "Show my answers";
  element("begin").textContent = done === 0 ? "Begin" : next;
  element("kept").textContent = lasting
    ? "You may stop at any time: your answers stay in this browser, and the same name takes you back to them."
    : "This browser keeps nothing for this page: leave it open until you have downloaded your answers.";
}

function drawRate() {
  const { seen, plausible } = current();
  [element("original").src, element("changed").src] = page.pairs[page.order[at]];
  element("place").textContent = `Pair ${at + 1} of ${total}`;
  element("who-rates").textContent = rater;
  element("progress").value = answers.filter(answered).length;
  element("back").disabled = at === 0 && (seen === null || plausible !== null);
  element("chosen").textContent = seen === null ? "that" : `“${page.classNames[seen]}”`;
  element("rate").dataset.asks = seen === null ? "class" : "plausible";
  drawChoices(seen);
  for (const [id, verdict] of [["yes", true], ["no", false]]) {
    element(id).disabled = seen === null;
    element(id).setAttribute("aria-pressed", String(plausible === verdict));
  }
}

function drawEnd() {
  const seconds = answers.map((answer) => answer.milliseconds / 1000).sort((one, other) => one - other);
  const plausible = answers.filter((answer) => answer.plausible).length;
  element("thanks").textContent = `Thank you, ${rater}.`;
  element("told").textContent =
    `All ${total} pairs are answered, half of them in less than ${seconds[Math.floor(total / 2)].toFixed(1)} seconds: ` +
    `${plausible} plausible, ${total - plausible} not.`;
  const rows = page.classNames.map((name, index) => {
    const these = answers.filter((answer) => answer.seen === index);
    return [name, these.length, these.filter((answer) => answer.plausible).length];
  });
  const lines = rows.filter(([, times]) => times > 0).map((cells) => {
    const line = document.createElement("tr");
    for (const cell of cells) line.insertCell().textContent = cell;
    return line;
  });
  element("counts").tBodies[0].replaceChildren(...lines);
  element("text").value = exported();
  element("saved").hidden = exported() !== inFile;
  element("unsaved").hidden = exported() === inFile;
}

// The file.

function exported() {
  const rows = answers.map(({ seen, plausible, milliseconds }, trial) => ({
    trial, pair: page.order[trial], seen, plausible, milliseconds: Math.round(milliseconds),
  }));
  return JSON.stringify({ page: page.page, rater, answers: rows }, null, 1) + "\n";
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
  link.download = `ratings-${rater.replace(/[^\p{L}\p{N}._-]+/gu, "_")}-${page.page.slice(0, 6)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  inFile = exported();
  element("file").textContent = link.download;
  window.onbeforeunload = null;
  draw();
}

// Keys and buttons.

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || rater === "") return;
  if (event.key === "Backspace" || event.key === "ArrowLeft") {
    if (event.target === element("text") || event.target.value) return; // edits a text
    event.preventDefault();
    if (!event.repeat) back();
  } else if (at < total && !event.repeat) {
    (event.target === element("filter") ? filterKey : rateKey)(event);
  }
}

function rateKey(event) {
  const key = event.key.toLowerCase();
  if (key === "arrowright" && answered(current())) go(at + 1);
  else if (byKey() && /^[0-9]$/.test(key) && Number(key) < page.classNames.length) choose(Number(key));
  else if (current().seen !== null && (key === "y" || key === "n")) judge(key === "y");
  else if (!byKey() && current().seen === null) filterKey(event);
}

function begin(event) {
  event.preventDefault();
  rater = element("rater").value.trim();
  if (rater === "") return;
  resume();
  keep();
}

function resume() {
  answers = recall(rater);
  const open = page.order.findIndex((_, trial) => !answered(answers[trial]));
  show(open < 0 ? total : open);
}

// Another tab keeps answers of this rater: they are the newer ones, and the time was spent there. Nothing is kept here:
// what that tab has kept since would be lost.
function follow(event) {
  if (rater !== "" && event.key === placeOf(rater) && event.newValue !== null) resume();
}

function someoneElse() {
  rater = element("rater").value = "";
  draw();
  element("rater").focus();
}

buildChoices();
element("who").addEventListener("submit", begin);
element("rater").addEventListener("input", draw);
element("back").addEventListener("click", back);
element("correct").addEventListener("click", back);
element("yes").addEventListener("click", () => judge(true));
element("no").addEventListener("click", () => judge(false));
element("save").addEventListener("click", save);
element("another").addEventListener("click", someoneElse);
document.addEventListener("keydown", onKey);
window.addEventListener("storage", follow);
document.addEventListener("visibilitychange", () => (document.hidden ? stopClock() : startClock()));

element("rater").value = passing.getItem(lastRater) ?? lasting?.getItem(lastRater) ?? "";
draw();
element(element("rater").value ? "begin" : "rater").focus();
