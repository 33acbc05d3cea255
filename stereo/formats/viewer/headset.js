// "View in headset": the pair on a screen in front of the wearer, each eye its own view (WebXR).

const SCREEN_DISTANCE_M = 2;
const SCREEN_HEIGHT_M = 1.3;
const VERTEX_SHADER = `
  attribute vec2 corner;
  uniform mat4 projection, eye;
  uniform vec2 half_size;
  varying vec2 place;
  void main() {
    place = vec2(corner.x + 1.0, 1.0 - corner.y) / 2.0;
    gl_Position = projection * eye * vec4(corner * half_size, ${(-SCREEN_DISTANCE_M).toFixed(1)}, 1.0);
  }`;
const FRAGMENT_SHADER = `
  precision mediump float;
  uniform sampler2D picture;
  varying vec2 place;
  void main() { gl_FragColor = texture2D(picture, place); }`;

async function hasHeadset() {
  try {
    return Boolean(await navigator.xr?.isSessionSupported("immersive-vr"));
  } catch {
    return false;
  }
}

// Show {left, right: canvas} until the wearer leaves.
async function showInHeadset(views) {
  const session = await navigator.xr.requestSession("immersive-vr");
  try {
    const gl = document.createElement("canvas").getContext("webgl", { xrCompatible: true });
    session.updateRenderState({ baseLayer: new XRWebGLLayer(session, gl) });
    const space = await session.requestReferenceSpace("local");
    const screen = buildScreen(gl, views);
    const onFrame = (_, frame) => {
      session.requestAnimationFrame(onFrame);
      const pose = frame.getViewerPose(space);
      if (pose) drawScreen(gl, screen, session.renderState.baseLayer, pose.views);
    };
    session.requestAnimationFrame(onFrame);
  } catch (error) {
    await session.end();
    throw error;
  }
}

function buildScreen(gl, { left, right }) {
  const program = gl.createProgram();
  for (const [kind, text] of [
    [gl.VERTEX_SHADER, VERTEX_SHADER],
    [gl.FRAGMENT_SHADER, FRAGMENT_SHADER],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  const corner = gl.getAttribLocation(program, "corner");
  gl.enableVertexAttribArray(corner);
  gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
  const halfHeight = SCREEN_HEIGHT_M / 2;
  const halfSize = [(halfHeight * left.width) / left.height, halfHeight];
  gl.uniform2f(gl.getUniformLocation(program, "half_size"), ...halfSize);
  return {
    projection: gl.getUniformLocation(program, "projection"),
    eye: gl.getUniformLocation(program, "eye"),
    textures: { left: buildTexture(gl, left), right: buildTexture(gl, right) },
  };
}

function buildTexture(gl, canvas) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, canvas);
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
    gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  }
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  return texture;
}

function drawScreen(gl, screen, layer, views) {
  gl.bindFramebuffer(gl.FRAMEBUFFER, layer.framebuffer);
  gl.clearColor(0, 0, 0, 1);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  for (const view of views) {
    const { x, y, width, height } = layer.getViewport(view);
    gl.viewport(x, y, width, height);
    gl.uniformMatrix4fv(screen.projection, false, view.projectionMatrix);
    gl.uniformMatrix4fv(screen.eye, false, view.transform.inverse.matrix);
    gl.bindTexture(gl.TEXTURE_2D, screen.textures[view.eye === "right" ? "right" : "left"]);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}
