// What the pointer is on: the reading below the picture and the marks on it.

function placeOf({ clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  const column = Math.floor(((clientX - box.left) / box.width) * picture.width);
  const row = Math.floor(((clientY - box.top) / box.height) * picture.height);
  return keepInside({ column, row });
}

function keepInside({ column, row }) {
  return {
    column: Math.min(Math.max(column, 0), picture.width - 1),
    row: Math.min(Math.max(row, 0), picture.height - 1),
  };
}

function showReading() {
  marks.forEach((mark) => (mark.hidden = true));
  if (!pointed) {
    $("reading").textContent = READING_HINT;
    return;
  }
  const found = probe(picture, pointed.column, pointed.row, pair.size.width);
  const { strength, convergence } = values();
  const totalPx = rint((convergence / 100) * pair.wholeWidth);
  $("reading").textContent = found ? describe(found, strength, totalPx) : "Outside of one view";
  if (found) placeMarks(found, strength);
}

// Pixels are those of the whole pair, however many of them the picture has.
function describe({ shift, hole }, strength, totalPx) {
  const disparityPx = shift * strength;
  const behindPx = totalPx - disparityPx;
  const percent = (px) => ((100 * px) / pair.wholeWidth).toFixed(1);
  const wholePx = (disparityPx * data.width) / pair.wholeWidth;
  const parts = [`Disparity ${percent(disparityPx)} % of width (${wholePx.toFixed(1)} px)`];
  if (percent(Math.abs(behindPx)) === "0.0") parts.push("in the plane of the screen");
  else parts.push(`${percent(Math.abs(behindPx))} % ${behindPx < 0 ? "in front of" : "behind"} the screen`);
  if (hole) parts.push("invented by the model");
  return parts.join(" · ");
}

// One mark on the point itself and, where the other view is beside it, one on its partner.
function placeMarks({ panel, column, shift }, strength) {
  const base = column + panel.place * shift * strength;
  for (const [index, other] of picture.panels.entries()) {
    const same = other.place === panel.place;
    if (!same && mode() === "compare") continue;
    const there = (same ? column : base - other.place * shift * strength) + other.offset;
    if (there < other.from || there >= other.to) continue;
    const mark = marks[index];
    mark.hidden = false;
    mark.style.left = `${((there + 0.5 + other.x) / picture.width) * 100}%`;
    mark.style.top = `${((pointed.row + 0.5) / picture.height) * 100}%`;
  }
}

function pointAt(event) {
  pointed = placeOf(event);
  $("reading").setAttribute("aria-live", "off");
  const moves = ["compare", "viewpoint"].includes(mode()) && !zoom.pans && event.buttons;
  if (moves) setControl("place", Math.round((pointed.column / (picture.width - 1)) * 100));
  else showReading();
}

// A finger that lifts leaves its reading behind.
function stopPointing({ pointerType }) {
  if (pointerType === "touch") return;
  pointed = null;
  showReading();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function movePoint(event) {
  const direction = ARROWS[event.key];
  if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const { width, height } = pair.size;
  const step = event.shiftKey ? 1 : Math.max(1, Math.round(width / 50));
  const from = pointed ?? { column: Math.floor(width / 2), row: Math.floor(height / 2) };
  const [right, down] = direction;
  pointed = keepInside({ column: from.column + right * step, row: from.row + down * step });
  $("reading").setAttribute("aria-live", "polite");
  showReading();
}
