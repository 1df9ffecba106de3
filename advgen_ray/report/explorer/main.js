// The page as a whole: filters lead to what is shown, what is shown to the list, the numbers and the address.
"use strict";

const DATA = document.documentElement.dataset.folder;

function start(set) {
  const find = (selector) => document.querySelector(selector);
  let filters, shown, later;
  const sheets = new Sheets(set, DATA, (block) => list.arrived(block), tellMissing);
  const summary = new Summary(set, find(".live"));
  const list = new SourceList(set, sheets, find(".results"), open);
  const controls = new Controls(set, find(".filters form"), (metric) => summary.range(metric), apply);
  const detail = new Detail(set, sheets, find("dialog"), {
    neighbor: (ce, key) => list.neighbor(ce, key),
    onMove: (ce) => list.open(ce),
    onClose: () => {
      remember();
      list.element.focus({ preventScroll: true });
    },
  });

  function apply(changed) {
    filters = changed;
    shown = select(set, filters);
    controls.show(filters);
    summary.show(shown, filters);
    find(".legend .metric").textContent = METRICS[filters.metric];
    if (set.classifiers.length) find(".legend .seer").textContent = set.classifiers[filters.by].label;
    find(".nothing").hidden = shown.count > 0;
    list.show(shown, filters);
    clearTimeout(later);
    later = setTimeout(remember, 200); // not at every step of a slider: browsers count and refuse
  }

  function open(ce) {
    const isOpen = find("dialog").open;
    detail.show(ce, filters, (metric, distance) => summary.rank(metric, distance));
    remember(!isOpen);
    detail.link(location.href);
  }

  // Put what is seen into the address; opening a CE can be taken back with the browser's own button.
  function remember(anew = false) {
    clearTimeout(later);
    const hash = toHash(set, filters, detail.ce);
    if (hash === (location.hash || "#")) return;
    history[anew ? "pushState" : "replaceState"](null, "", hash);
  }

  function restore() {
    const wanted = fromHash(set, location.hash);
    apply(wanted.filters);
    if (wanted.ce >= 0) list.open(wanted.ce);
    else if (find("dialog").open) find("dialog").close();
  }

  set.classes.forEach((name) => find(".columns").append(element("span", "", name)));
  find(".legend .rejection").hidden = find(".live .validity").hidden = !set.classifiers.length;
  find(".nothing button").addEventListener("click", () => apply(noFilters(set)));
  const wide = matchMedia("(min-width: 900px)");
  const unfold = () => (find(".filters").open = wide.matches);
  wide.addEventListener("change", unfold);
  unfold();
  addEventListener("popstate", restore); // also when the part after # is edited by hand
  restore();
}

function tellMissing(file) {
  const textContent = `${file} cannot be read: it must lie beside this page, as it was made.`;
  Object.assign(document.querySelector(".problem"), { textContent, hidden: false });
}

received(`${DATA}/columns.js`).then(
  (data) => {
    start(new CounterfactualSet(data));
    document.body.classList.add("ready");
  },
  () => tellMissing(`${DATA}/columns.js`),
);
