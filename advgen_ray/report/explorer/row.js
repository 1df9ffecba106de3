// One source with its CEs, as elements.
"use strict";

const MAX_CANVAS = 16000; // pixels: beyond, some browsers draw nothing

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// What a CE is, in words for those who do not see it.
function ceWords(set, ce, filters) {
  const { metric, by } = filters;
  const words = [
    `${set.classes[set.label[set.source[ce]]]} turned into ${set.classes[set.target[ce]]}`,
    `${METRICS[metric]} ${written.distance(metric, set[metric][ce])}`,
  ];
  if (isRejected(set, ce, by)) {
    words.push(`seen by ${set.classifiers[by].label} as ${set.classes[set.onCe(by, ce).predicted]}`);
  }
  return words.join(", ");
}

// What the head of a row shows: a list box holds options and their groups' names, nothing else that is read out.
function sourceWords(set, source) {
  const words = [`Source ${set.ids[source]}, ${set.classes[set.label[source]]}`];
  set.classifiers.forEach(({ label }, classifier) => {
    const { predicted } = set.onSource(classifier, source);
    if (predicted !== NOT_SCORED) words.push(`seen by ${label} as ${set.classes[predicted]}`);
  });
  return words.join(", ");
}

function isRejected(set, ce, classifier) {
  if (!set.classifiers.length) return false;
  const { predicted } = set.onCe(classifier, ce);
  return predicted !== NOT_SCORED && predicted !== set.target[ce];
}

// The row of a source without its pictures; each CE stands where the layout has it.
function makeRow(set, source, tiles, layout, filters) {
  const row = element("div", "row");
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", sourceWords(set, source));
  row.append(makeHead(set, source));
  for (const placed of tiles) {
    const tile = makeTile(set, placed.ce, layout, filters);
    const [left, top] = tileCorner(layout, placed);
    tile.style.transform = `translate(${left}px, ${top}px)`;
    row.append(tile);
  }
  return row;
}

// All pictures of a row on one canvas: with a canvas each, the browser puts hundreds of layers together at every frame.
// False where the sheet is not here yet.
function drawRow(canvas, sheets, source, tiles, layout, size) {
  if (!sheets.has(source)) return false;
  const sharpness = Math.min(devicePixelRatio, 2, MAX_CANVAS / size[1]);
  const toPixels = (lengths) => lengths.map((length) => Math.round(length * sharpness));
  const [width, height] = toPixels(size);
  const context = canvas.getContext("2d");
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  else context.clearRect(0, 0, width, height);
  const draw = (ce, left, top, shown) => {
    context.imageSmoothingEnabled = shown.width < sheets.width;
    sheets.draw(context, source, ce, toPixels([left, top, shown.width, shown.height]));
  };
  draw(null, 0, ROW_PADDING, layout.picture);
  for (const placed of tiles) {
    const [left, top] = tileCorner(layout, placed);
    draw(placed.ce, left + TILE_SIDE, top + layout.above, layout.tile);
  }
  return true;
}

function makeHead(set, source) {
  const head = element("div", "head");
  head.setAttribute("aria-hidden", "true");
  const said = element("div", "said");
  const id = element("span", "id", set.ids[source].slice(set.name.length + 1));
  id.title = set.ids[source];
  said.append(element("b", "label", set.classes[set.label[source]]), id);
  const opinions = element("ul", "opinions");
  set.classifiers.forEach(({ label }, classifier) => {
    const { predicted } = set.onSource(classifier, source);
    const right = predicted === set.label[source];
    const item = element("li", right || predicted === NOT_SCORED ? "" : "wrong");
    const name = predicted === NOT_SCORED ? "not asked" : set.classes[predicted] + (right ? "" : " ✗");
    item.append(element("span", "", label), element("b", "", name));
    opinions.append(item);
  });
  said.append(opinions);
  head.append(element("div", "slot"), said);
  return head;
}

function makeTile(set, ce, layout, filters) {
  const tile = element("div", "tile");
  const rejected = isRejected(set, ce, filters.by);
  if (set.keepsClass(ce)) tile.classList.add("same");
  if (rejected) tile.classList.add("rejected");
  tile.id = `ce-${ce}`;
  tile.dataset.ce = ce;
  tile.setAttribute("role", "option");
  tile.setAttribute("aria-label", ceWords(set, ce, filters));
  tile.title = tile.getAttribute("aria-label");
  if (!layout.aligned) tile.append(element("b", "class", set.classes[set.target[ce]]));
  const distance = written.distance(filters.metric, set[filters.metric][ce]);
  tile.append(element("div", "slot"), element("span", "distance", distance + (rejected ? " ✗" : "")));
  return tile;
}
