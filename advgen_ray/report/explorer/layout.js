// Where everything stands: sizes of pictures, columns by class where they fit, and the height of every source's row.
"use strict";

// Pixels, as the style sheet has them.
const CAPTION = 17, CLASS_NAME = 18, TILE_SIDE = 3, TILE_GAP = 9, ROW_PADDING = 12, OPINION = 16, HEAD_WIDTH = 240;
const PHONE = 620;

// A picture of h x w enlarged by whole pixels to at most `most`; larger ones are shrunk.
function pictureSize([, height, width], most) {
  const longest = Math.max(height, width);
  const factor = longest <= most ? Math.floor(most / longest) : most / longest;
  return { width: Math.round(width * factor), height: Math.round(height * factor) };
}

// How rows of a list of `width` pixels are laid out: `aligned`, with a column for every class, or, where the classes do
// not fit, CEs one after another, each with the name of its class.
function layoutOf(set, width) {
  const narrow = width < PHONE;
  const tile = pictureSize(set.shape, 64), picture = pictureSize(set.shape, 96);
  const room = narrow ? width : width - HEAD_WIDTH;
  const fitting = Math.max(1, Math.floor(room / (tile.width + 2 * TILE_SIDE)));
  const aligned = !narrow && set.classes.length <= fitting;
  const columns = aligned ? set.classes.length : fitting;
  const said = 37 + OPINION * set.classifiers.length;
  return {
    narrow, aligned, columns, tile, picture,
    cell: Math.min(Math.floor(room / columns), tile.width + 40),
    above: aligned ? 0 : CLASS_NAME, // the class's name over each tile
    line: tile.height + CAPTION + TILE_GAP + (aligned ? 0 : CLASS_NAME),
    head: Math.max(picture.height, said) + TILE_GAP,
  };
}

// The CEs of a source that are kept, each with its column and line: by target class, further ones of a class in a line
// below, or after all of the first.
function arrange(set, keep, source, layout) {
  const ranks = new Map();
  const tiles = [];
  for (let ce = set.first[source]; ce < set.first[source + 1]; ce++) {
    if (!keep[ce]) continue;
    const target = set.target[ce], rank = ranks.get(target) || 0;
    ranks.set(target, rank + 1);
    tiles.push({ ce, column: target, line: rank });
  }
  tiles.sort((a, b) => a.line - b.line || a.column - b.column);
  if (layout.aligned) return tiles;
  return tiles.map(({ ce }, i) => ({ ce, column: i % layout.columns, line: Math.floor(i / layout.columns) }));
}

// The upper left corner of a tile in its row.
function tileCorner(layout, { column, line }) {
  const left = (layout.narrow ? 0 : HEAD_WIDTH) + column * layout.cell;
  return [left, ROW_PADDING + (layout.narrow ? layout.head : 0) + line * layout.line];
}

function numLines(tiles) {
  return tiles.length ? tiles[tiles.length - 1].line + 1 : 0;
}

// The upper edge of every row in the order shown, and the lower edge of the last one.
function rowTops(set, shown, layout) {
  const tops = new Float64Array(shown.sources.length + 1);
  const numOf = new Uint16Array(set.classes.length);
  shown.sources.forEach((source, place) => {
    let lines = 0, kept = 0;
    numOf.fill(0);
    for (let ce = set.first[source]; ce < set.first[source + 1]; ce++) {
      if (!shown.keep[ce]) continue;
      kept++;
      lines = Math.max(lines, ++numOf[set.target[ce]]);
    }
    if (!layout.aligned) lines = Math.ceil(kept / layout.columns);
    const tiles = lines * layout.line;
    const inner = layout.narrow ? layout.head + tiles : Math.max(layout.head, tiles);
    tops[place + 1] = tops[place] + inner + 2 * ROW_PADDING;
  });
  return tops;
}

// The row at a height: the last one that begins at or above it.
function rowAt(tops, height) {
  let low = 0, high = tops.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (tops[middle] <= height) low = middle;
    else high = middle;
  }
  return low;
}
