// Which CEs a set of filters leaves, in which order their sources are listed, and the numbers of what is left.
"use strict";

const ANY = "any";
const SORTS = {
  stored: "stored order",
  mean: "mean distance, near first",
  "mean-far": "mean distance, far first",
  nearest: "nearest CE, near first",
  "nearest-far": "nearest CE, far first",
  invalid: "most invalid first",
};

// Without any filter; `by` is the classifier that decides what is valid.
function noFilters(set) {
  return {
    label: ANY, target: ANY, kind: ANY, validity: ANY, by: Math.max(0, set.judge), replicate: ANY,
    metric: "l2", low: null, high: null, sort: "stored",
  };
}

// One pass over the set: keep (1 for each CE that fits), sources in order, count, how many are valid of how many scored,
// and the distances of those kept.
function select(set, filters) {
  const { kind, validity } = filters;
  const [label, target, replicate] = [filters.label, filters.target, filters.replicate].map(numberOrAny);
  const low = filters.low ?? -Infinity, high = filters.high ?? Infinity;
  const distance = set[filters.metric], predicted = set.predictedBy(filters.by);
  const keep = new Uint8Array(set.count);
  const distances = new Float32Array(set.count);
  const keys = new Float64Array(set.numSources);
  const sources = [];
  let count = 0, valid = 0, scored = 0;
  for (let source = 0; source < set.numSources; source++) {
    if (label !== null && set.label[source] !== label) continue;
    let here = 0, sum = 0, nearest = Infinity, invalid = 0;
    for (let ce = set.first[source]; ce < set.first[source + 1]; ce++) {
      const y = set.target[ce], d = distance[ce];
      if (target !== null && y !== target) continue;
      if (replicate !== null && set.replicate[ce] !== replicate) continue;
      if (kind !== ANY && (y === set.label[source]) !== (kind === "same")) continue;
      if (!(d >= low && d <= high)) continue;
      const known = predicted !== null && predicted[ce] !== NOT_SCORED;
      const isValid = known && predicted[ce] === y;
      if (validity !== ANY && (!known || isValid !== (validity === "valid"))) continue;
      keep[ce] = 1;
      distances[count + here++] = d;
      sum += d;
      if (d < nearest) nearest = d;
      scored += known;
      valid += isValid;
      invalid += known && !isValid;
    }
    if (here) {
      sources.push(source);
      keys[source] = sortKey(filters.sort, sum / here, nearest, invalid);
      count += here;
    }
  }
  if (filters.sort !== "stored") sources.sort((a, b) => keys[a] - keys[b] || a - b);
  return { keep, sources, count, valid, scored, distances: distances.subarray(0, count) };
}

function numberOrAny(value) {
  return value === ANY ? null : Number(value);
}

function sortKey(sort, mean, nearest, invalid) {
  if (sort === "invalid") return -invalid;
  const key = sort.startsWith("mean") ? mean : nearest;
  return sort.endsWith("-far") ? -key : key;
}

// The value between the smaller and the larger half; NaN where there is none. By quickselect: to sort takes much longer.
function median(numbers) {
  const values = Float64Array.from(numbers), upper = values.length >> 1;
  if (!values.length) return NaN;
  let start = 0, end = values.length - 1;
  while (start < end) {
    const pivot = values[(start + end) >> 1];
    let i = start, j = end;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const moved = values[i];
      values[i++] = values[j];
      values[j--] = moved;
    }
    if (upper <= j) end = j;
    else if (upper >= i) start = i;
    else break;
  }
  if (values.length % 2) return values[upper];
  return (values[upper] + values.subarray(0, upper).reduce((most, value) => Math.max(most, value))) / 2;
}

// The share of numbers in each of equal bins from `start` to `end`; all zero where there is no number.
function shares(numbers, start, end, numBins) {
  const bins = new Float64Array(numBins);
  const width = (end - start) / numBins || 1;
  for (const value of numbers) bins[Math.min(numBins - 1, Math.floor((value - start) / width))]++;
  return bins.map((count) => count / (numbers.length || 1));
}
