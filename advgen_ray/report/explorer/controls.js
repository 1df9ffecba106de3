// The form of filters: what it offers for this set, what it says, and what was changed.
"use strict";

const CHOICES = ["label", "target", "kind", "validity", "replicate", "by", "metric", "sort"];
const SLIDER_STEPS = 200;

class Controls {
  // `range(metric)` gives the smallest and largest distance; `onChange(filters)` is told of every change.
  constructor(set, form, range, onChange) {
    Object.assign(this, { set, form, range });
    const classes = set.classes.map((name, place) => [place, name]);
    this.offer("label", [[ANY, "any"], ...classes]);
    this.offer("target", [[ANY, "any"], ...classes]);
    this.offer("replicate", [[ANY, "any"], ...set.replicates.map((one) => [one, one])]);
    this.offer("by", set.classifiers.map(({ label }, place) => [place, label]));
    this.offer("metric", Object.entries(METRICS));
    const judged = set.classifiers.length > 0;
    this.offer("sort", Object.entries(SORTS).filter(([key]) => judged || key !== "invalid"));
    form.querySelector(".replicates").hidden = set.replicates.length < 2;
    form.querySelector(".judged").hidden = !judged;
    form.addEventListener("input", (event) => onChange(this.read(event.target)));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector(".reset").addEventListener("click", () => onChange(noFilters(set)));
    for (const name of ["low", "high"]) Object.assign(form.elements[name], { min: 0, max: SLIDER_STEPS, step: 1 });
  }

  offer(name, options) {
    this.form.elements[name].replaceChildren(
      ...options.map(([value, text]) => Object.assign(element("option", "", text), { value })),
    );
  }

  // The filters after `changed` was moved. Untouched limits keep their exact numbers, which a slider could not hold.
  read(changed) {
    const { elements } = this.form;
    const filters = { ...this.filters };
    for (const name of CHOICES) filters[name] = elements[name].value;
    filters.by = Number(filters.by);
    if (changed.name === "metric") filters.low = filters.high = null;
    if (changed.name === "low" || changed.name === "high") {
      const [low, high] = [Number(elements.low.value), Number(elements.high.value)];
      if (low > high) changed.value = changed.name === "low" ? high : low; // one handle stops at the other
      filters[changed.name] = this.limit(changed.name, filters.metric);
    }
    return filters;
  }

  // Where a handle stands, as a distance; null at its end, which bounds nothing.
  limit(name, metric) {
    const step = Number(this.form.elements[name].value);
    if (step === (name === "low" ? 0 : SLIDER_STEPS)) return null;
    const [start, end] = this.range(metric);
    return Number((start + ((end - start) * step) / SLIDER_STEPS).toPrecision(4));
  }

  show(filters) {
    const { elements } = this.form;
    this.filters = filters;
    for (const name of CHOICES) elements[name].value = filters[name];
    const { metric } = filters, [start, end] = this.range(metric);
    for (const [name, edge] of [["low", start], ["high", end]]) {
      const distance = filters[name] ?? edge;
      elements[name].value = Math.round(((distance - start) / (end - start || 1)) * SLIDER_STEPS);
      elements[name].setAttribute("aria-valuetext", written.distance(metric, distance));
    }
    const told = [filters.low ?? start, filters.high ?? end].map((limit) => written.distance(metric, limit));
    this.form.querySelector(".range-text").textContent = `${told[0]} to ${told[1]}`;
    this.form.style.setProperty("--low", elements.low.value / SLIDER_STEPS);
    this.form.style.setProperty("--high", elements.high.value / SLIDER_STEPS);
    const none = noFilters(this.set);
    this.form.querySelector(".reset").disabled = Object.keys(none).every((key) => none[key] === filters[key]);
  }
}
