// Filters and the open CE as the part of the address after #, and back: a link restores what was seen.
"use strict";

// Only what differs from no filters is written; a word that means nothing here is passed over.
function toHash(set, filters, ce) {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(noFilters(set))) {
    if (filters[key] !== value) words.set(key, key === "by" ? set.classifiers[filters.by].name : filters[key]);
  }
  if (ce >= 0) words.set("ce", set.itemId(ce));
  return "#" + words.toString().replaceAll("%2F", "/");
}

function fromHash(set, hash) {
  const words = new URLSearchParams(hash.slice(1));
  const filters = noFilters(set);
  const isClass = (word) => /^\d+$/.test(word) && Number(word) < set.classes.length;
  const isNumber = (word) => word !== "" && Number.isFinite(Number(word));
  const readers = {
    label: (word) => isClass(word) && { value: word },
    target: (word) => isClass(word) && { value: word },
    replicate: (word) => set.replicates.includes(Number(word)) && { value: word },
    kind: (word) => ["same", "different"].includes(word) && { value: word },
    validity: (word) => set.classifiers.length && ["valid", "invalid"].includes(word) && { value: word },
    by: (word) => ({ value: set.classifiers.findIndex((one) => one.name === word) }),
    metric: (word) => Object.hasOwn(METRICS, word) && { value: word },
    low: (word) => isNumber(word) && { value: Number(word) },
    high: (word) => isNumber(word) && { value: Number(word) },
    sort: (word) => Object.hasOwn(SORTS, word) && { value: word },
  };
  for (const [key, read] of Object.entries(readers)) {
    const found = words.has(key) && read(words.get(key));
    if (found && found.value !== -1) filters[key] = found.value;
  }
  return { filters, ce: set.find(words.get("ce") || "") };
}
