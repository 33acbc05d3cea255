// The page: controls, drawing, pointer and keyboard. The form's values are the only settings.

const $ = (id) => document.getElementById(id);
const form = $("controls");
const canvas = $("picture");
const context = canvas.getContext("2d");
const marks = [...document.querySelectorAll(".mark")];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const READING_HINT = $("reading").textContent;
const data = JSON.parse($("pair-data").textContent);

let images; // the decoded pictures
let pair; // what of them is in sight
let picture; // what is drawn: {pixels, width, height, panels}
let pointed = null; // {column, row} of the picture
const wiggle = { playing: false, phase: 0, last: 0 };
let drawing = 0;

const number = (name) => Number(form.elements[name].value);
const mode = () => form.elements.mode.value;
const wiggleFrame = () => Math.floor(wiggle.phase * data.wiggle_places.length);

function values() {
  return {
    mode: mode(),
    kind: form.elements.kind.value,
    strength: number("strength") / 100,
    convergence: number("convergence"),
    place: number("place") / 100,
    holes: $("holes").checked,
    wigglePlace: data.wiggle_places[wiggleFrame()],
  };
}

// Drawing.

function requestDraw() {
  drawing ||= requestAnimationFrame(draw);
}

function draw() {
  drawing = 0;
  picture = compose(pair, data, values());
  // A new size clears the canvas and makes the page lay out again.
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  context.putImageData(new ImageData(picture.pixels, picture.width), 0, 0);
  const panels = picture.width / pair.size.width;
  $("stage").style.setProperty("--aspect", (panels * data.width) / data.height);
  $("curtain").style.left = `${number("place")}%`;
  showReading();
}

function animate(now) {
  if (!wiggle.playing) return;
  const before = wiggleFrame();
  wiggle.phase = (wiggle.phase + (Math.max(0, now - wiggle.last) / 1000) * number("speed")) % 1;
  wiggle.last = now;
  if (wiggleFrame() !== before) requestDraw();
  requestAnimationFrame(animate);
}

function play(playing) {
  const starts = playing && !wiggle.playing;
  wiggle.playing = playing;
  wiggle.last = performance.now();
  $("play").textContent = playing ? "Pause" : "Play";
  if (starts) requestAnimationFrame(animate);
}

// Controls.

const UNITS = {
  speed: (value) => `${value.toFixed(1)} loops per second`,
  place: (value) => `${value} %`,
  strength: (value) => `${value} %`,
  convergence: (value) => {
    const side = value > 0 ? " further" : value < 0 ? " nearer" : "";
    return `${Math.abs(value).toFixed(1)} % of width${side}`;
  },
  size: (value) => `${value} %`,
  zoom: (value) => `${(value / 100).toFixed(1)} times`,
};

function showControls() {
  const chosen = form.querySelector("input[name=mode]:checked");
  $("hint").textContent = chosen.dataset.hint;
  for (const part of form.querySelectorAll("[data-for]")) {
    part.hidden = !part.dataset.for.split(" ").includes(mode());
  }
  for (const [name, text] of Object.entries(UNITS)) {
    $(`${name}-value`).textContent = text(number(name));
    $(name).setAttribute("aria-valuetext", text(number(name)));
  }
  $("curtain").hidden = mode() !== "compare";
  $("stage").style.setProperty("--size", number("size") / 100);
  $("stage").dataset.mode = mode();
  $("stage").classList.toggle("zoomed", number("zoom") > 100);
  const kind = form.elements.kind.selectedOptions[0].textContent;
  const name = chosen.nextElementSibling.textContent;
  canvas.setAttribute("aria-label", mode() === "anaglyph" ? `${name}, ${kind}` : name);
}

function changed({ target }) {
  if (target.name === "mode") {
    pointed = null;
    play(mode() === "wiggle" && !calm.matches);
  }
  if (target.name === "zoom") zoomTo(number("zoom") / 100);
  showControls();
  requestDraw();
}

function setControl(name, value) {
  form.elements[name].value = value;
  form.dispatchEvent(new Event("input"));
}

function resetDepth() {
  for (const name of ["strength", "convergence"]) form.elements[name].value = $(name).defaultValue;
  form.dispatchEvent(new Event("input"));
}

// Keys, full screen, headset.

function nudge(name, sign) {
  const control = form.elements[name];
  if (sign > 0) control.stepUp();
  else control.stepDown();
  form.dispatchEvent(new Event("input"));
}

const KEYS = {
  "-": () => nudge("strength", -1),
  "+": () => nudge("strength", 1),
  "=": () => nudge("strength", 1),
  "[": () => nudge("convergence", -1),
  "]": () => nudge("convergence", 1),
  h: () => $("holes").click(),
  z: () => setZoom(number("zoom") * ZOOM_STEP),
  x: () => setZoom(number("zoom") / ZOOM_STEP),
  r: resetDepth,
  f: toggleFullScreen,
};

function pressed(event) {
  const { target, key } = event;
  const taken = event.ctrlKey || event.metaKey || event.altKey || target.tagName === "SELECT";
  if (taken || event.defaultPrevented || !$("shortcuts").checked) return;
  const chosen = form.querySelectorAll("input[name=mode]")[Number(key) - 1];
  if (chosen) chosen.click();
  else if (key === " " && mode() === "wiggle" && [document.body, canvas].includes(target)) {
    play(!wiggle.playing);
  } else if (KEYS[key.toLowerCase()]) KEYS[key.toLowerCase()]();
  else return;
  event.preventDefault();
}

async function toggleFullScreen() {
  if (!document.fullscreenEnabled) return;
  await attempt(() =>
    document.fullscreenElement ? document.exitFullscreen() : $("stage").requestFullscreen(),
  );
}

async function openHeadset() {
  const pictures = [0, 1].map((place) => {
    const shown = compose(pair, data, { ...values(), mode: "viewpoint", place });
    const eye = newCanvas(shown.width, shown.height);
    eye.getContext("2d").putImageData(new ImageData(shown.pixels, shown.width), 0, 0);
    return eye;
  });
  await attempt(() => showInHeadset({ left: pictures[0], right: pictures[1] }));
}

async function attempt(action) {
  $("trouble").textContent = "";
  try {
    await action();
  } catch (error) {
    $("trouble").textContent = error.message;
  }
}

function showLegend() {
  const colours = data.near_colours.map((colour) => `rgb(${colour.join(" ")})`);
  $("legend-bar").style.background = `linear-gradient(to right, ${colours.join(", ")})`;
  const percent = (px) => `${((100 * px) / data.width).toFixed(1)} %`;
  const [far, near] = data.range_px.map(percent);
  $("legend-far").textContent = `far ${far}`;
  $("legend-near").textContent = `${near} near`;
}

function listen() {
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  listenToZoom();
  canvas.addEventListener("pointermove", pointAt);
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointAt(event);
  });
  canvas.addEventListener("pointerleave", stopPointing);
  canvas.addEventListener("keydown", movePoint);
  document.addEventListener("keydown", pressed);
  $("play").addEventListener("click", () => play(!wiggle.playing));
  $("reset").addEventListener("click", resetDepth);
  $("fullscreen").addEventListener("click", toggleFullScreen);
  $("headset").addEventListener("click", openHeadset);
  calm.addEventListener("change", () => calm.matches && play(false));
}

async function start() {
  images = { left: $("left"), right: $("right"), maps: $("maps") };
  await Promise.all(Object.values(images).map((image) => image.decode()));
  zoom.inSight = { x: 0, y: 0, width: data.width, height: data.height };
  pair = readPair(data, images, zoom.inSight);
  $("holes").disabled = data.invented_percent === 0;
  const share = `${data.invented_percent.toFixed(1)} % of the ${data.invented_eye} view`;
  $("holes-share").textContent = share;
  $("strength").disabled = data.range_px.every((px) => px === 0);
  $("fullscreen").hidden = !document.fullscreenEnabled;
  $("left").hidden = $("right").hidden = true;
  canvas.hidden = form.hidden = false;
  showLegend();
  showControls();
  listen();
  play(!calm.matches);
  draw();
  $("headset").hidden = !(await hasHeadset());
}

await start();
