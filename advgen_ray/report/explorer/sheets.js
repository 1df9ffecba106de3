// Sheets of pictures, loaded when they are looked at: two at a time, the last seen ones kept, the others let go.
"use strict";

const PICTURES_PER_LINE = 16; // as they were packed
const KEPT_BYTES = 64 * 2 ** 20; // of decoded pixels
const AT_ONCE = 2;

class Sheets {
  // `onArrival(block)` is called when a sheet can be drawn, `onMissing(file)` when its file cannot be read.
  constructor(set, folder, onArrival, onMissing) {
    Object.assign(this, { set, folder, onArrival, onMissing });
    [, this.height, this.width] = set.shape;
    this.bitmaps = new Map(); // by block, the one drawn longest ago first
    this.loading = new Map();
    this.missing = new Set();
    this.wanted = [];
  }

  blockOf(source) {
    return Math.floor(source / this.set.perBlock);
  }

  has(source) {
    return this.bitmaps.has(this.blockOf(source));
  }

  // Draw the source (ce null) or one of its CEs, whose sheet is here, into a box [left, top, width, height].
  draw(context, source, ce, box) {
    const block = this.blockOf(source);
    const bitmap = this.bitmaps.get(block);
    this.bitmaps.delete(block);
    this.bitmaps.set(block, bitmap);
    context.drawImage(bitmap, ...this.place(source, ce), this.width, this.height, ...box);
  }

  // The pixels of a picture, RGBA in 0..255, once its sheet is here.
  async pixels(source, ce) {
    await this.load(this.blockOf(source));
    const canvas = Object.assign(document.createElement("canvas"), { width: this.width, height: this.height });
    const context = canvas.getContext("2d"), box = [0, 0, this.width, this.height];
    if (!this.has(source)) throw new Error(`no picture of ${this.set.ids[source]}`);
    this.draw(context, source, ce, box);
    return context.getImageData(...box);
  }

  // Each source of a block stands before its CEs.
  place(source, ce) {
    const start = this.blockOf(source) * this.set.perBlock;
    const { first } = this.set;
    const place = source - start + (ce === null ? first[source] : ce + 1) - first[start];
    return [(place % PICTURES_PER_LINE) * this.width, Math.floor(place / PICTURES_PER_LINE) * this.height];
  }

  // What is on the screen now: what was asked for before and has been scrolled past is not loaded any more.
  want(blocks) {
    this.wanted = blocks;
    this.next();
  }

  next() {
    for (const block of this.wanted) {
      if (this.loading.size >= AT_ONCE) return;
      if (!this.bitmaps.has(block) && !this.loading.has(block) && !this.missing.has(block)) this.load(block);
    }
  }

  load(block) {
    if (this.bitmaps.has(block)) return Promise.resolve();
    if (!this.loading.has(block)) this.loading.set(block, this.fetch(block));
    return this.loading.get(block);
  }

  async fetch(block) {
    const file = `${this.folder}/sheet-${String(block).padStart(5, "0")}.js`;
    try {
      const picture = new Image();
      picture.src = `data:image/png;base64,${await received(file)}`;
      await picture.decode();
      this.bitmaps.set(block, await createImageBitmap(picture));
      this.letGo();
    } catch {
      this.missing.add(block);
    }
    this.loading.delete(block);
    if (this.missing.has(block)) this.onMissing(file);
    else this.onArrival(block);
    this.next();
  }

  letGo() {
    const bytes = (bitmap) => 4 * bitmap.width * bitmap.height;
    let kept = [...this.bitmaps.values()].reduce((sum, bitmap) => sum + bytes(bitmap), 0);
    for (const [block, bitmap] of this.bitmaps) {
      if (kept <= KEPT_BYTES) return;
      if (this.wanted.includes(block)) continue;
      kept -= bytes(bitmap);
      bitmap.close();
      this.bitmaps.delete(block);
    }
  }
}
