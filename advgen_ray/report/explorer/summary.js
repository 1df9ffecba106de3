// What is shown, in numbers: how many, how valid, how far, beside the whole set.
"use strict";

const NUM_BINS = 48;

class Summary {
  constructor(set, element) {
    Object.assign(this, { set, element });
    this.whole = {};
    for (const metric of Object.keys(METRICS)) {
      const start = set[metric].reduce((low, one) => Math.min(low, one), Infinity);
      const end = set[metric].reduce((high, one) => Math.max(high, one), -Infinity);
      const all = shares(set[metric], start, end, NUM_BINS);
      this.whole[metric] = { start, end, all, median: median(set[metric]) };
    }
  }

  // The smallest and largest distance of the set.
  range(metric) {
    return [this.whole[metric].start, this.whole[metric].end];
  }

  // The share of all CEs that lie nearer.
  rank(metric, distance) {
    return this.set[metric].reduce((nearer, one) => nearer + (one < distance), 0) / this.set.count;
  }

  show(shown, filters) {
    const { set } = this, { metric } = filters;
    const say = (name, text) => (this.element.querySelector(`.${name}`).textContent = text);
    say("num-ces", written.count(shown.count));
    say("of-ces", `of ${written.count(set.count)} CEs`);
    const noun = shown.sources.length === 1 ? "source" : "sources";
    say("num-sources", `${written.count(shown.sources.length)} ${noun}`);
    say("median", written.distance(metric, median(shown.distances)));
    say("median-name", `median ${METRICS[metric]}`);
    say("median-of-all", `all: ${written.distance(metric, this.whole[metric].median)}`);
    if (set.classifiers.length) {
      say("valid", written.percent(shown.valid / shown.scored));
      say("valid-name", `valid (${set.classifiers[filters.by].label})`);
      say("valid-count", `${written.count(shown.valid)} of ${written.count(shown.scored)}`);
    }
    this.draw(shown.distances, metric);
  }

  // The share of CEs in each bin: all as an area, the shown ones as bars over it.
  draw(distances, metric) {
    const { start, end, all } = this.whole[metric];
    const here = shares(distances, start, end, NUM_BINS);
    const tallest = Math.max(...all, ...here);
    const steps = (bins) => {
      const tops = Array.from(bins, (share, i) => `L${i} ${1 - share / tallest}H${i + 1}`);
      return `M0 1${tops.join("")}L${NUM_BINS} 1Z`;
    };
    const svg = this.element.querySelector("svg");
    svg.setAttribute("viewBox", `0 0 ${NUM_BINS} 1`);
    svg.querySelector(".all").setAttribute("d", steps(all));
    svg.querySelector(".here").setAttribute("d", steps(here));
  }
}
