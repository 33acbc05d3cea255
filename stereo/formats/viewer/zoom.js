// Zoom: which part of the pair is in sight. Wheel, pinch and double click zoom, dragging moves it.

const ZOOM_STEP = 1.25;
const CLICK_ZOOM = 3;

const zoom = {
  times: 1,
  pans: false, // whether the pointer that is down moves the part in sight
  inSight: null, // {x, y, width, height} in whole pixels of the pair
  corner: { x: 0, y: 0 }, // the same before rounding, so that small moves add up
  fingers: new Map(), // pointerId -> the place it was at last
};

// Show a part `times` smaller than the pair, in which what lies at `at`, shares of the part in
// sight, stays where it is.
function zoomTo(times, at = { across: 0.5, down: 0.5 }) {
  const before = { width: data.width / zoom.times, height: data.height / zoom.times };
  const largest = Number($("zoom").max) / 100;
  zoom.times = Math.min(Math.max(times, 1), largest);
  look({
    x: zoom.corner.x + at.across * (before.width - data.width / zoom.times),
    y: zoom.corner.y + at.down * (before.height - data.height / zoom.times),
  });
}

function look({ x, y }) {
  const part = 1 - 1 / zoom.times;
  const inside = (from, most) => Math.min(Math.max(from, 0), most);
  zoom.corner = { x: inside(x, data.width * part), y: inside(y, data.height * part) };
  const width = Math.max(1, Math.round(data.width / zoom.times));
  const height = Math.max(1, Math.round(data.height / zoom.times));
  const [left, top] = [Math.round(zoom.corner.x), Math.round(zoom.corner.y)];
  const next = {
    x: Math.min(left, data.width - width),
    y: Math.min(top, data.height - height),
    width,
    height,
  };
  if (Object.entries(next).every(([name, value]) => zoom.inSight[name] === value)) return;
  zoom.inSight = next;
  pointed = null; // the picture's pixels are others now
  pair = readPair(data, images, next);
  requestDraw();
}

function setZoom(percent, at) {
  form.elements.zoom.value = Math.round(percent);
  zoomTo(number("zoom") / 100, at);
  showControls();
}

// Where an event is in the part in sight, as shares; both panels show the same part.
function sightOf({ clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  const panels = picture.width / pair.size.width;
  const across = (((clientX - box.left) / box.width) * panels) % 1;
  return { across, down: (clientY - box.top) / box.height };
}

function pan({ clientX, clientY }, last) {
  const box = canvas.getBoundingClientRect();
  const { width, height } = zoom.inSight;
  const panels = picture.width / pair.size.width;
  look({
    x: zoom.corner.x - ((clientX - last.clientX) / (box.width / panels)) * width,
    y: zoom.corner.y - ((clientY - last.clientY) / box.height) * height,
  });
}

function pinch(event, other) {
  const apart = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  const before = apart(zoom.fingers.get(event.pointerId), other);
  if (before > 0) setZoom(zoom.times * 100 * (apart(event, other) / before), sightOf(event));
}

function moveFinger(event) {
  const last = zoom.fingers.get(event.pointerId);
  if (!last) return;
  const other = [...zoom.fingers].find(([id]) => id !== event.pointerId);
  if (other) pinch(event, other[1]);
  else if (zoom.pans) pan(event, last);
  zoom.fingers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY });
}

function listenToZoom() {
  canvas.addEventListener("pointerdown", (event) => {
    zoom.fingers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY });
    const places = ["compare", "viewpoint"].includes(mode());
    zoom.pans = zoom.times > 1 && (event.shiftKey || !places);
  });
  for (const over of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(over, (event) => {
      zoom.fingers.delete(event.pointerId);
      zoom.pans = false;
    });
  }
  canvas.addEventListener("pointermove", moveFinger);
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const times = event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP;
      setZoom(zoom.times * 100 * times, sightOf(event));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => {
    setZoom(zoom.times > 1 ? 100 : CLICK_ZOOM * 100, sightOf(event));
  });
}
