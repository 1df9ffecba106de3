// The set as typed arrays: columns decoded bit for bit, and the few questions that everything else asks of them.
"use strict";

const METRICS = { l2: "L2", l1: "L1", linf: "L∞", l0: "L0" };
const NOT_SCORED = -1;

function decodeColumn({ type, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return new window[type](bytes.buffer);
}

class CounterfactualSet {
  // `about`: name of the data set, classes, shape [C, H, W], ids of the sources, perBlock (sources on a sheet),
  // classifiers [{name, label}], judge (its place or -1).
  // Columns by CE: target, replicate, l2, l1, linf, l0, predicted, confidence (of each classifier, one after another).
  // By source: label, sourcePredicted, sourceConfidence (likewise), and `first`, the first CE of each and the end.
  constructor({ about, columns }) {
    Object.assign(this, about);
    for (const [name, column] of Object.entries(columns)) this[name] = decodeColumn(column);
    this.numSources = this.label.length;
    this.count = this.target.length;
    this.source = new Uint32Array(this.count);
    for (let s = 0; s < this.numSources; s++) this.source.fill(s, this.first[s], this.first[s + 1]);
    this.replicates = [...new Set(this.replicate)].sort((a, b) => a - b);
    this.placeOfId = new Map(this.ids.map((id, place) => [id, place]));
  }

  // What a classifier predicts on every CE, a view without a copy; null without classifiers.
  predictedBy(classifier) {
    if (!this.classifiers.length) return null;
    return this.predicted.subarray(classifier * this.count, (classifier + 1) * this.count);
  }

  onCe(classifier, ce) {
    const place = classifier * this.count + ce;
    return { predicted: this.predicted[place], confidence: this.confidence[place] };
  }

  onSource(classifier, source) {
    const place = classifier * this.numSources + source;
    return { predicted: this.sourcePredicted[place], confidence: this.sourceConfidence[place] };
  }

  keepsClass(ce) {
    return this.target[ce] === this.label[this.source[ce]];
  }

  // The name under which the set's files know a CE, and back; -1 where there is none.
  itemId(ce) {
    return `${this.ids[this.source[ce]]}/${this.target[ce]}/${this.replicate[ce]}`;
  }

  find(itemId) {
    const [, id, target, replicate] = /^(.+)\/(\d+)\/(\d+)$/.exec(itemId) || [];
    const source = this.placeOfId.get(id);
    if (source === undefined) return -1;
    for (let ce = this.first[source]; ce < this.first[source + 1]; ce++) {
      if (this.target[ce] === Number(target) && this.replicate[ce] === Number(replicate)) return ce;
    }
    return -1;
  }
}

// How numbers are written, as in the report.
const written = {
  count: (number) => number.toLocaleString("en-US"),
  decimal: (number) => (Number.isFinite(number) ? number.toFixed(2) : "n/a"),
  percent: (fraction) => (Number.isFinite(fraction) ? `${(100 * fraction).toFixed(1)}%` : "n/a"),
  distance: (metric, number) => (metric === "l0" ? written.percent(number) : written.decimal(number)),
};
