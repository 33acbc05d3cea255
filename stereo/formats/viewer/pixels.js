// Pictures as numbers: views between the eyes, mixing for glasses, holes, false colours.
//
// A view is {pixels: RGBA bytes, shift, holes: 0 or 1} of one size; `shift` says by how many
// pixels what is seen lies further left in the right eye than in the left one.
// Writing a fraction into a Uint8ClampedArray rounds and clips it as numpy.rint and clip do.

const HOLE_COLOUR = [255, 0, 170];
const HOLE_SHARE = 0.6;

function rint(value) {
  const up = Math.round(value);
  return value - Math.floor(value) === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

// The same view as stereo.formats.wiggle.view_between: 0 is the left eye, 1 the right one.
function viewBetween(left, right, place, size) {
  const moved = new Float64Array(size.width * size.height).fill(Infinity);
  const source = landings(left.shift, moved, place, size);
  const behind = backgroundBeside(moved, size.width);
  const pixels = new Uint32Array(moved.length);
  const holes = new Uint8Array(moved.length);
  const [leftPixels, rightPixels] = [words(left.pixels), words(right.pixels)];
  for (let at = 0; at < moved.length; at++) {
    if (moved[at] !== Infinity) {
      pixels[at] = leftPixels[source[at]];
      holes[at] = left.holes[source[at]];
      continue;
    }
    const column = at % size.width;
    const wanted = rint(column - (1 - place) * behind[at]);
    const from = at - column + Math.min(Math.max(wanted, 0), size.width - 1);
    pixels[at] = rightPixels[from];
    holes[at] = right.holes[from];
    moved[at] = behind[at];
  }
  return { pixels: new Uint8ClampedArray(pixels.buffer), shift: moved, holes };
}

// Fill `moved` with the shift of what lands, near over far, and return where it comes from.
function landings(shift, moved, place, { width }) {
  const source = new Uint32Array(shift.length);
  for (let at = 0; at < shift.length; at++) {
    const column = at % width;
    const target = rint(column - place * shift[at]);
    if (target < 0 || target >= width) continue;
    const landing = at - column + target;
    if (moved[landing] === Infinity || shift[at] >= moved[landing]) {
      moved[landing] = shift[at];
      source[landing] = at;
    }
  }
  return source;
}

// In gaps (infinite), the smaller of the finite values at their two ends in the row.
function backgroundBeside(moved, width) {
  const beside = new Float64Array(moved.length);
  for (let row = 0; row < moved.length; row += width) {
    let last = Infinity;
    for (let at = row; at < row + width; at++) {
      if (moved[at] !== Infinity) last = moved[at];
      beside[at] = last;
    }
    last = Infinity;
    for (let at = row + width - 1; at >= row; at--) {
      if (moved[at] !== Infinity) last = moved[at];
      beside[at] = Math.min(beside[at], last);
      if (beside[at] === Infinity) beside[at] = 0;
    }
  }
  return beside;
}

// Move columns to the right by `offset`; columns outside of [from, to) become `empty`.
function slide(values, empty, { offset, from, to }, width) {
  if (offset === 0 && from === 0 && to === width) return values;
  const moved = new values.constructor(values.length).fill(empty);
  for (let row = 0; row < values.length; row += width) {
    const kept = values.subarray(row + from - offset, row + to - offset);
    moved.set(kept, row + from);
  }
  return moved;
}

function mix(left, right, filters) {
  const mixed = new Uint8ClampedArray(left.length);
  for (let at = 0; at < mixed.length; at += 4) {
    for (let channel = 0; channel < 3; channel++) {
      const [a, b] = [filters.left[channel], filters.right[channel]];
      mixed[at + channel] =
        a[0] * left[at] + a[1] * left[at + 1] + a[2] * left[at + 2] +
        b[0] * right[at] + b[1] * right[at + 1] + b[2] * right[at + 2];
    }
    mixed[at + 3] = 255;
  }
  return mixed;
}

function tint(pixels, holes) {
  const tinted = new Uint8ClampedArray(pixels);
  for (let at = 0; at < holes.length; at++) {
    if (!holes[at]) continue;
    for (let channel = 0; channel < 3; channel++) {
      const place = at * 4 + channel;
      tinted[place] = pixels[place] * (1 - HOLE_SHARE) + HOLE_COLOUR[channel] * HOLE_SHARE;
    }
  }
  return tinted;
}

// The same colours as stereo.formats.maps.disparity_colour, from its stops.
function falseColours(near, stops) {
  const pixels = new Uint8ClampedArray(near.length * 4);
  for (let at = 0; at < near.length; at++) {
    const place = near[at] * (stops.length - 1);
    const lower = Math.min(Math.floor(place), stops.length - 2);
    const share = place - lower;
    for (let channel = 0; channel < 3; channel++) {
      pixels[at * 4 + channel] =
        stops[lower][channel] * (1 - share) + stops[lower + 1][channel] * share;
    }
    pixels[at * 4 + 3] = 255;
  }
  return pixels;
}

function words(bytes) {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
