// Which CE an arrow key leads to, among those shown.
"use strict";

const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

// Left and right: the one before and after, on to the next source at the end of a row. Up and down: the line above and
// below, in the same column or the nearest to it. Home and End: the first and last of all. -1 where there is none; the
// first from a CE that is not shown. `placeOf` gives the place of a source among those shown.
function neighborOf(set, shown, placeOf, layout, ce, key) {
  const tilesOf = (place) => {
    const source = shown.sources[place];
    return source === undefined ? [] : arrange(set, shown.keep, source, layout);
  };
  const firstOf = (tiles) => tiles[0]?.ce ?? -1;
  const lastOf = (tiles) => tiles[tiles.length - 1]?.ce ?? -1;
  if (key === "End") return lastOf(tilesOf(shown.sources.length - 1));
  if (key === "Home" || ce < 0 || !shown.keep[ce]) return firstOf(tilesOf(0));
  const place = placeOf.get(set.source[ce]);
  const tiles = tilesOf(place);
  const at = tiles.findIndex((tile) => tile.ce === ce);
  if (key === "ArrowRight") return tiles[at + 1]?.ce ?? firstOf(tilesOf(place + 1));
  if (key === "ArrowLeft") return tiles[at - 1]?.ce ?? lastOf(tilesOf(place - 1));
  const { column, line } = tiles[at];
  const down = key === "ArrowDown";
  const within = down ? line + 1 < numLines(tiles) : line > 0;
  const row = within ? tiles : tilesOf(place + (down ? 1 : -1));
  const wanted = within ? line + (down ? 1 : -1) : down ? 0 : numLines(row) - 1;
  const near = row.filter((tile) => tile.line === wanted);
  near.sort((a, b) => Math.abs(a.column - column) - Math.abs(b.column - column) || a.column - b.column);
  return firstOf(near);
}
