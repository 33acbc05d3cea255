// What each mode shows: one picture and its panels, from the pair and the controls' values.
//
// A panel is where a view lies in the picture: {x, from, to, offset, view, place}; picture column
// c shows the view's column c - x - offset while from <= c - x < to.

const KEPT_VIEWS = 10;

const MODES = {
  "side-by-side": (show) => beside(show.panel(0), show.panel(1), show),
  "cross-eyed": (show) => beside(show.panel(1), show.panel(0), show),
  anaglyph: (show) => throughGlasses(show.panel(0), show.panel(1), show),
  wiggle: (show) => alone(show.panel(show.wigglePlace), show),
  compare: (show) => split(show.panel(0), show.panel(1), show),
  viewpoint: (show) => alone(show.panel(show.place), show),
  disparity: (show) => disparityAlone(show),
};

// What is drawn has at most so many pixels on its longer side; zooming in shows the others.
const DRAWN_PX = 1600;

// Read what is in sight, {x, y, width, height} in pixels of the pair, of {left, right, maps};
// maps hold disparity in red (high byte) and green, holes in blue, and may be smaller.
function readPair(data, images, inSight) {
  const scale = Math.min(1, DRAWN_PX / Math.max(inSight.width, inSight.height));
  const size = { width: rint(inSight.width * scale), height: rint(inSight.height * scale) };
  const count = size.width * size.height;
  const [low, high] = data.range_px.map((px) => px * scale);
  const read = (image, smooth) => readPixels(image, inSight, size, smooth);
  const maps = read(images.maps, false); // bytes of one number must not be mixed
  const near = new Float64Array(count);
  const holes = new Uint8Array(count);
  for (let at = 0; at < count; at++) {
    near[at] = (maps[at * 4] * 256 + maps[at * 4 + 1]) / 65535;
    holes[at] = maps[at * 4 + 2] ? 1 : 0;
  }
  const shift = near.map((value) => low + value * (high - low));
  const none = new Uint8Array(count);
  const [leftHoles, rightHoles] = data.invented_eye === "left" ? [holes, none] : [none, holes];
  const left = { pixels: read(images.left, true), shift, holes: leftHoles };
  const right = { pixels: read(images.right, true), holes: rightHoles };
  const wholeWidth = data.width * scale;
  return { size, wholeWidth, near, left, right, eye: keepViews(left, right, size) };
}

function readPixels(image, inSight, { width, height }, smooth) {
  const context = newCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  const [across, down] = [image.naturalWidth / data.width, image.naturalHeight / data.height];
  const { x, y } = inSight;
  const from = [x * across, y * down, inSight.width * across, inSight.height * down];
  context.drawImage(image, ...from, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

function newCanvas(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

// Return the view at a place, 0 = left eye, 1 = right eye; the last few are kept.
function keepViews(left, right, size) {
  const kept = new Map();
  return (place) => {
    if (place === 0) return left;
    if (!kept.has(place)) {
      const view = viewBetween(left, right, place, size);
      if (place === 1) Object.assign(view, { pixels: right.pixels, holes: right.holes });
      if (kept.size >= KEPT_VIEWS) kept.delete(kept.keys().next().value);
      kept.set(place, view);
    }
    return kept.get(place);
  };
}

// How far both views move so that `total` pixels are added to every parallax; columns that one
// eye would miss are black for both.
function convergenceSlides(total, width) {
  const left = -Math.floor(total / 2);
  const right = total + left;
  const from = Math.max(0, left, right);
  const to = width + Math.min(0, left, right);
  return (place) => ({ offset: rint(left + place * (right - left)), from, to });
}

// Return {pixels, width, height, panels} for {mode, kind, strength, convergence, place, holes,
// wigglePlace}: strength 1 is the pair as it is, convergence in percent of the width.
function compose(pair, data, values) {
  const { width, height } = pair.size;
  const slides = convergenceSlides(rint((values.convergence / 100) * pair.wholeWidth), width);
  const show = {
    ...values,
    pair,
    stops: data.near_colours,
    filters: data.filters[values.kind],
    width,
    height,
    panel: (place) => ({ ...slides(place), x: 0, place, view: pair.eye(place * values.strength) }),
  };
  return MODES[values.mode](show);
}

function panelPixels({ view, ...range }, { holes, width }) {
  const pixels = holes ? tint(view.pixels, view.holes) : view.pixels;
  return slide(words(pixels), BLACK, range, width);
}

const BLACK = words(new Uint8Array([0, 0, 0, 255]))[0];

function alone(panel, show) {
  const pixels = bytes(panelPixels(panel, show));
  return { pixels, width: show.width, height: show.height, panels: [panel] };
}

function beside(first, second, show) {
  const { width, height } = show;
  const pixels = new Uint32Array(2 * width * height);
  for (const [index, panel] of [first, second].entries()) {
    const part = panelPixels(panel, show);
    for (let row = 0; row < height; row++) {
      pixels.set(part.subarray(row * width, (row + 1) * width), (2 * row + index) * width);
    }
  }
  const panels = [first, { ...second, x: width }];
  return { pixels: bytes(pixels), width: 2 * width, height, panels };
}

function split(left, right, show) {
  const { width, height } = show;
  const cut = rint(show.place * width);
  const pixels = new Uint32Array(panelPixels(left, show));
  const rest = panelPixels(right, show);
  for (let row = 0; row < pixels.length; row += width) {
    pixels.set(rest.subarray(row + cut, row + width), row + cut);
  }
  const panels = [
    { ...left, to: Math.min(left.to, cut) },
    { ...right, from: Math.max(right.from, cut) },
  ];
  return { pixels: bytes(pixels), width, height, panels };
}

function throughGlasses(left, right, show) {
  const { width, height } = show;
  const bare = { ...show, holes: false };
  const views = [left, right].map((panel) => bytes(panelPixels(panel, bare)));
  const mixed = mix(...views, show.filters);
  let pixels = mixed;
  for (const panel of show.holes ? [left, right] : []) {
    pixels = tint(pixels, slide(panel.view.holes, 0, panel, width));
  }
  return { pixels, width, height, panels: [left] };
}

function disparityAlone({ pair, stops, width, height }) {
  const panel = { x: 0, from: 0, to: width, offset: 0, place: 0, view: pair.left };
  return { pixels: falseColours(pair.near, stops), width, height, panels: [panel] };
}

function bytes(words32) {
  return new Uint8ClampedArray(words32.buffer, words32.byteOffset, words32.length * 4);
}

// Return what lies at a picture's column and row, null where no view is: the panel, the view's
// column, the shift there in pixels, and whether it was invented.
function probe(picture, column, row, width) {
  for (const panel of picture.panels) {
    const inPanel = column - panel.x;
    if (inPanel < panel.from || inPanel >= panel.to) continue;
    const inView = inPanel - panel.offset;
    const at = row * width + inView;
    return { panel, column: inView, shift: panel.view.shift[at], hole: panel.view.holes[at] };
  }
  return null;
}
