// One CE large: beside its source, what changed, every distance, and what each classifier says of both.
"use strict";

class Detail {
  // `neighbor(ce, key)` says where an arrow key leads; `onMove(ce)` and `onClose()` tell what is looked at now.
  constructor(set, sheets, dialog, { neighbor, onMove, onClose }) {
    Object.assign(this, { set, sheets, dialog, neighbor, onMove, ce: -1 });
    this.find = (name) => dialog.querySelector(`.${name}`);
    dialog.addEventListener("close", () => {
      this.ce = -1;
      onClose();
    });
    dialog.addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Arrow") || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.step(event.key);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // beside it
    });
    this.find("close").addEventListener("click", () => dialog.close());
    this.find("before").addEventListener("click", () => this.step("ArrowLeft"));
    this.find("after").addEventListener("click", () => this.step("ArrowRight"));
    this.find("copy").addEventListener("click", () => this.copy());
  }

  step(key) {
    const next = this.neighbor(this.ce, key);
    if (next >= 0) this.onMove(next);
  }

  // `rank(metric, distance)` is the share of all CEs that lie nearer; `filters.by` decides what is valid.
  show(ce, filters, rank) {
    const { set } = this, source = set.source[ce];
    this.ce = ce;
    const [from, to] = [set.classes[set.label[source]], set.classes[set.target[ce]]];
    this.find("title").textContent = `${from} → ${to}`;
    this.find("kind").textContent = set.keepsClass(ce) ? "keeps the source's class" : "";
    this.find("name").textContent = set.itemId(ce);
    this.find("before").disabled = this.neighbor(ce, "ArrowLeft") < 0;
    this.find("after").disabled = this.neighbor(ce, "ArrowRight") < 0;
    this.find("of-source").textContent = `Source, a ${from}`;
    this.find("of-ce").textContent = `CE, meant as ${to}`;
    this.tell(this.find("distances"), Object.keys(METRICS).map((metric) => this.distanceRow(metric, rank)));
    this.tell(this.find("opinions"), set.classifiers.map((one, classifier) => this.opinionRow(classifier, filters.by)));
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.dialog.focus(); // itself: keys act on it, and none of its buttons stands out
    }
    this.dialog.scrollTop = 0;
    this.paint(ce, source);
  }

  // The link to what is seen, for reading and copying.
  link(address) {
    this.find("link").href = address;
    this.find("copy").textContent = "Copy link";
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.find("link").href);
      this.find("copy").textContent = "Copied";
    } catch {
      this.find("copy").textContent = "Not allowed here: copy the link beside";
    }
  }

  async paint(ce, source) {
    const [, height, width] = this.set.shape;
    let before, after;
    try {
      [before, after] = [await this.sheets.pixels(source, null), await this.sheets.pixels(source, ce)];
    } catch {
      return; // a missing sheet is told of by the page
    }
    if (this.ce !== ce) return; // another one is looked at by now
    const changed = difference(before, after, this.set.shape[0]);
    const pictures = { before, after, signed: changed.signed, absolute: changed.absolute };
    for (const [name, pixels] of Object.entries(pictures)) {
      const canvas = Object.assign(this.find(`picture-${name}`), { width, height });
      canvas.classList.toggle("smooth", Math.max(width, height) > 96);
      canvas.getContext("2d").putImageData(pixels, 0, 0);
    }
    const largest = written.decimal(changed.largest);
    const grey = this.set.shape[0] === 1;
    const colours = grey ? "orange brighter, blue darker" : "grey unchanged, each channel by its change";
    this.find("of-signed").textContent = `Signed difference: ${colours}; full at ±${largest}`;
    this.find("of-absolute").textContent = `Absolute difference: white at ${largest}`;
  }

  distanceRow(metric, rank) {
    const distance = this.set[metric][this.ce];
    const texts = [METRICS[metric], written.distance(metric, distance), written.percent(rank(metric, distance))];
    return texts.map((text) => ({ text }));
  }

  opinionRow(classifier, by) {
    const { set, ce } = this, source = set.source[ce];
    const cell = ({ predicted, confidence }, wanted) => {
      if (predicted === NOT_SCORED) return { text: "not asked" };
      const right = predicted === wanted;
      const text = `${set.classes[predicted]} ${right ? "✓" : "✗"} `;
      return { text, className: right ? "right" : "wrong", more: written.percent(confidence) };
    };
    const name = set.classifiers[classifier].label + (classifier === by ? " •" : "");
    return [
      { text: name },
      cell(set.onSource(classifier, source), set.label[source]),
      cell(set.onCe(classifier, ce), set.target[ce]),
    ];
  }

  // Fill a table's body with cells of a text, perhaps a class, and perhaps more text.
  tell(table, rows) {
    const lines = rows.map((cells) => {
      const line = element("tr");
      cells.forEach(({ text, className, more }, i) => {
        const cell = element(i ? "td" : "th", className, text);
        if (!i) cell.scope = "row";
        if (more) cell.append(element("span", "more", more));
        line.append(cell);
      });
      return line;
    });
    table.tBodies[0].replaceChildren(...lines);
  }
}
