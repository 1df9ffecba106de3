// The list of sources: only rows near the screen exist, whatever the number of sources.
"use strict";

const OVERSCAN = 300; // pixels above and below the screen

class SourceList {
  // `onOpen(ce)` is called when a CE is to be looked at; `room` is the element that gives the width.
  constructor(set, sheets, room, onOpen) {
    Object.assign(this, { set, sheets, onOpen });
    this.element = room.querySelector(".list");
    this.columns = room.querySelector(".columns");
    this.rows = new Map(); // by place in the order shown
    this.waiting = new Map(); // what rows without pictures show, by place
    this.canvases = []; // of rows that are gone, for rows to come: a new one costs more than drawing on it
    this.active = -1;
    this.scheduled = false;
    addEventListener("scroll", () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.resized()).observe(room);
    this.element.addEventListener("click", (event) => {
      const tile = event.target.closest(".tile");
      if (tile) this.open(Number(tile.dataset.ce));
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own
      if (event.key === "Enter" && this.active >= 0) this.open(this.active);
      else if (!this.move(event.key)) return;
      event.preventDefault();
    });
  }

  show(shown, filters) {
    Object.assign(this, { shown, filters });
    this.placeOf = new Map(shown.sources.map((source, place) => [source, place]));
    this.lay();
  }

  resized() {
    if (this.shown && this.width !== this.element.clientWidth) this.lay();
  }

  // Everything anew: other CEs, another order or another width.
  lay() {
    this.width = this.element.clientWidth;
    this.layout = layoutOf(this.set, this.width);
    this.tops = rowTops(this.set, this.shown, this.layout);
    const { tile, picture, cell, narrow, aligned } = this.layout;
    const sizes = { "tile-width": tile.width, "tile-height": tile.height, cell, "head-width": HEAD_WIDTH };
    Object.assign(sizes, { "picture-width": picture.width, "picture-height": picture.height });
    const { style } = this.element.parentElement;
    for (const [name, pixels] of Object.entries(sizes)) style.setProperty(`--${name}`, `${pixels}px`);
    this.element.classList.toggle("narrow", narrow);
    this.columns.hidden = !aligned || !this.shown.count;
    this.element.style.height = `${this.tops[this.tops.length - 1]}px`;
    for (const place of this.rows.keys()) this.drop(place);
    this.render();
  }

  schedule() {
    if (this.scheduled || !this.shown) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.render();
    });
  }

  // Make the rows that come near the screen, drop those that have left it, and ask for the sheets in sight.
  render() {
    const above = -this.element.getBoundingClientRect().top;
    const last = this.shown.sources.length - 1;
    const from = Math.min(rowAt(this.tops, above - OVERSCAN), last);
    const to = Math.min(rowAt(this.tops, above + innerHeight + OVERSCAN), last);
    for (const place of this.rows.keys()) {
      if (place < from || place > to) this.drop(place);
    }
    const blocks = new Set();
    for (let place = to; place >= Math.max(from, 0); place--) {
      blocks.add(this.sheets.blockOf(this.shown.sources[place]));
      if (!this.rows.has(place)) this.add(place);
    }
    this.mark();
    this.sheets.want([...blocks].reverse());
  }

  add(place) {
    const source = this.shown.sources[place];
    const tiles = arrange(this.set, this.shown.keep, source, this.layout);
    const row = makeRow(this.set, source, tiles, this.layout, this.filters);
    row.style.top = `${this.tops[place]}px`;
    row.style.height = `${this.tops[place + 1] - this.tops[place]}px`;
    this.rows.set(place, row);
    this.waiting.set(place, tiles);
    this.element.insertBefore(row, this.rows.get(place + 1) ?? null); // in the order that is read
    this.draw(place);
  }

  drop(place) {
    const row = this.rows.get(place), canvas = row.querySelector("canvas");
    if (canvas) this.canvases.push(canvas);
    row.remove();
    this.rows.delete(place);
    this.waiting.delete(place);
  }

  draw(place) {
    const canvas = this.canvases.pop() || document.createElement("canvas");
    const size = [this.width, this.tops[place + 1] - this.tops[place]];
    const drawn = drawRow(canvas, this.sheets, this.shown.sources[place], this.waiting.get(place), this.layout, size);
    if (drawn) {
      this.rows.get(place).prepend(canvas);
      this.waiting.delete(place);
    } else {
      this.canvases.push(canvas);
    }
  }

  // A sheet has come: draw the rows that waited for it.
  arrived(block) {
    for (const place of this.waiting.keys()) {
      if (this.sheets.blockOf(this.shown.sources[place]) === block) this.draw(place);
    }
  }

  open(ce) {
    this.activate(ce);
    this.onOpen(ce);
  }

  // Make a CE the one that keys act on, and bring it into sight.
  activate(ce) {
    this.active = ce;
    this.reveal(ce);
    this.render();
  }

  mark() {
    const tile = document.getElementById(`ce-${this.active}`);
    this.element.querySelector(".active")?.classList.remove("active");
    this.element.toggleAttribute("aria-activedescendant", false);
    if (!tile) return;
    tile.classList.add("active");
    this.element.setAttribute("aria-activedescendant", tile.id);
  }

  reveal(ce) {
    const place = this.placeOf.get(this.set.source[ce]);
    if (place === undefined || !this.shown.keep[ce]) return;
    const tiles = arrange(this.set, this.shown.keep, this.set.source[ce], this.layout);
    const { line } = tiles.find((tile) => tile.ce === ce);
    const listTop = this.element.getBoundingClientRect().top + scrollY;
    const head = this.layout.narrow && line ? this.layout.head : 0;
    const top = listTop + this.tops[place] + head + line * this.layout.line;
    const bottom = top + (line || !this.layout.narrow ? 0 : this.layout.head) + this.layout.line + 2 * ROW_PADDING;
    const hidden = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    if (top < scrollY + hidden) scrollTo({ top: top - hidden, behavior: "instant" });
    else if (bottom > scrollY + innerHeight) scrollTo({ top: bottom - innerHeight, behavior: "instant" });
  }

  // The CE that an arrow key leads to from `ce`; -1 where there is none.
  neighbor(ce, key) {
    return neighborOf(this.set, this.shown, this.placeOf, this.layout, ce, key);
  }

  // Whether a key means something here.
  move(key) {
    if (!KEYS.includes(key) || !this.shown.count) return false;
    const next = this.neighbor(this.active, key);
    if (next >= 0) this.activate(next);
    return true;
  }
}
