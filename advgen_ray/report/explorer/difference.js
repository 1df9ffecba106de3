// What changed between two pictures, computed from their 256 levels and painted over the whole scale of the change.
"use strict";

const BRIGHTER = [213, 94, 0];
const DARKER = [0, 114, 178];

// Of pixels RGBA in 0..255: `largest`, the largest change of a channel, in [0, 1], and two pictures of the same size.
// signed: of one channel, white is unchanged, orange brighter, blue darker; of three, grey is unchanged, and each channel
// its own change. absolute: black is unchanged, white the largest change, by the channel that changed most.
function difference(source, ce, channels) {
  const { width, height } = source;
  const signed = new ImageData(width, height), absolute = new ImageData(width, height);
  const change = Int16Array.from(ce.data, (value, place) => value - source.data[place]);
  const largest = change.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (let at = 0; at < change.length; at += 4) {
    const here = [0, 1, 2].map((channel) => (largest ? change[at + channel] / largest : 0));
    const size = 255 * Math.max(...here.map(Math.abs));
    signed.data.set(channels === 1 ? diverging(here[0]) : here.map((share) => 127.5 + 127.5 * share), at);
    absolute.data.set([size, size, size], at);
    signed.data[at + 3] = absolute.data[at + 3] = 255;
  }
  return { largest: largest / 255, signed, absolute };
}

// From -1 (darker) over 0 (white) to 1 (brighter).
function diverging(share) {
  const end = share < 0 ? DARKER : BRIGHTER;
  return end.map((value) => 255 + (value - 255) * Math.abs(share));
}
