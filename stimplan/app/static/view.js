"use strict";
// The head of the app: WebGL 2 without a library, with its sites as buttons over it. Millimetres: x right, y front, z up.
(() => {
const VERTEX = `#version 300 es
in vec3 aPoint; in vec3 aNormal; in float aValue;
uniform mat4 uView; uniform mat3 uTurn; uniform vec4 uPlace;
out vec3 vNormal; out float vValue;
void main() {
  vNormal = uTurn * aNormal; vValue = aValue;
  gl_Position = uView * vec4(uPlace.xyz + uPlace.w * aPoint, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 vNormal; in float vValue;
uniform vec3 uColour; uniform float uOpacity; uniform bool uShaded; uniform vec2 uRange; uniform sampler2D uTable;
out vec4 colour;
void main() {
  vec3 n = normalize(vNormal);
  n.z = abs(n.z);
  vec3 base = uColour;
  if (uShaded && vValue < -1e20) base = vec3(0.73);  // no value here: no grey matter
  else if (uShaded) {
    float at = clamp((vValue - uRange.x) / (uRange.y - uRange.x), 0.0, 1.0);
    base = texture(uTable, vec2(at * 0.99609375 + 0.001953125, 0.5)).rgb;
  }
  float key = max(dot(n, normalize(vec3(0.35, 0.55, 0.9))), 0.0), fill = max(dot(n, normalize(vec3(-0.8, -0.1, 0.6))), 0.0);
  vec3 lit = base * (0.42 + 0.55 * key + 0.16 * fill);
  // A skin seen through is densest at its rim, as glass is.
  float alpha = uOpacity >= 0.995 ? 1.0 : uOpacity + (1.0 - uOpacity) * 0.55 * pow(1.0 - n.z, 3.0);
  colour = vec4(min(lit, 1.0) * alpha, alpha);
}`;
const UNIFORMS = ["uView", "uTurn", "uPlace", "uColour", "uOpacity", "uShaded", "uRange", "uTable"];
const HALF_MM = 112;  // of the picture's smaller side
const DEPTH_MM = 400;
const COLOURS = { anode: "#c8322b", cathode: "#2a6bb0", idle: "#6b7480" };
const DIRECTIONS = { R: [1, 0, 0], L: [-1, 0, 0], A: [0, 1, 0], P: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1] };

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const sub = (a, b) => a.map((x, k) => x - b[k]);
const unit = a => { const length = Math.hypot(...a) || 1; return a.map(x => x / length); };
const rgb = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16) / 255);
// Bytes of the server are little-endian and anywhere in their message; an array of numbers wants them at its own start.
const numbers = (Kind, bytes) => new Kind(bytes.slice().buffer);

function ball(rows) {
  const points = [], corners = [], around = 2 * rows;
  for (let i = 0; i <= rows; i++) for (let j = 0; j < around; j++) {
    const down = Math.PI * i / rows, turn = 2 * Math.PI * j / around;
    points.push(Math.sin(down) * Math.cos(turn), Math.sin(down) * Math.sin(turn), Math.cos(down));
  }
  for (let i = 0; i < rows; i++) for (let j = 0; j < around; j++) {
    const a = i * around + j, b = i * around + (j + 1) % around;
    corners.push(a, a + around, b, b, a + around, b + around);
  }
  return { points: new Float32Array(points), normals: new Float32Array(points), corners: new Uint32Array(corners) };
}

// A machine without graphics hardware draws with its processor: smooth edges would cost it twice the time.
function drawsInSoftware() {
  const gl = document.createElement("canvas").getContext("webgl2"), told = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = gl ? String(gl.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : gl.RENDERER)) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.isSlow = drawsInSoftware();
    const gl = this.gl = canvas.getContext("webgl2", { antialias: !this.isSlow, alpha: false });
    if (!gl) throw new Error("This browser shows no WebGL 2.");
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source); gl.compileShader(shader); gl.attachShader(this.program, shader);
    }
    ["aPoint", "aNormal", "aValue"].forEach((name, place) => gl.bindAttribLocation(this.program, place, name));
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(this.program));
    this.at = Object.fromEntries(UNIFORMS.map(name => [name, gl.getUniformLocation(this.program, name)]));
    this.layers = new Map();
    this.ball = this.upload(ball(12));
    this.table = gl.createTexture();
    this.values = gl.createBuffer();
    this.valueCount = 0;
    this.towards = unit([-0.72, 0.72, 0.45]);
    this.zoom = 1;
    this.shift = [0, 0];
    this.middle = [0, 0, 0];  // mm
  }
  buffer(kind, data) { const gl = this.gl, one = gl.createBuffer(); gl.bindBuffer(kind, one); gl.bufferData(kind, data, gl.STATIC_DRAW); return one; }
  upload({ points, normals, corners }) {
    const gl = this.gl, array = gl.createVertexArray();
    gl.bindVertexArray(array);
    const buffers = [points, normals].map((data, place) => {
      const one = this.buffer(gl.ARRAY_BUFFER, data);
      gl.enableVertexAttribArray(place); gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
      return one;
    });
    buffers.push(this.buffer(gl.ELEMENT_ARRAY_BUFFER, corners));
    gl.bindVertexArray(null);
    return { array, buffers, corners: corners.length, points: points.length / 3 };
  }
  drop(layer) { layer.buffers.forEach(one => this.gl.deleteBuffer(one)); this.gl.deleteVertexArray(layer.array); }
  setLayers(layers) {  // each {id, key, points, normals, corners, colour, opacity, is_shaded}; what is the same stays
    const wanted = new Map(layers.map(one => [one.id, one]));
    for (const [id, have] of [...this.layers]) if (wanted.get(id)?.key !== have.key) { this.drop(have); this.layers.delete(id); }
    for (const one of layers) {
      if (this.layers.has(one.id)) continue;
      const made = this.upload({ points: numbers(Float32Array, one.points), normals: numbers(Float32Array, one.normals), corners: numbers(Uint32Array, one.corners) });
      this.layers.set(one.id, { ...made, key: one.key, rgb: rgb(one.colour), opacity: one.opacity, isShaded: one.is_shaded });
    }
  }
  setValues(bytes) {
    const gl = this.gl, values = bytes ? numbers(Float32Array, bytes) : new Float32Array(0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.values); gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    this.valueCount = values.length;
  }
  setTable(bytes) {
    const gl = this.gl;
    gl.bindTexture(gl.TEXTURE_2D, this.table); gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, bytes);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.LINEAR);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
  }
  axes() {  // right, up, towards the eye; up in the picture is up in the head
    const up = unit([0, 1, 2].map(k => (k === 2 ? 1 : 0) - this.towards[2] * this.towards[k]));
    return [cross(up, this.towards), up, this.towards];
  }
  scale() { return Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / (2 * HALF_MM) * this.zoom; }  // CSS pixels for a mm
  place(at) {
    const from = sub(at, this.middle), [right, up, towards] = this.axes(), s = this.scale();
    return { x: this.canvas.clientWidth / 2 + this.shift[0] + s * dot(right, from),
      y: this.canvas.clientHeight / 2 + this.shift[1] - s * dot(up, from), front: dot(unit(from), towards) };
  }
  turn(across, up) {
    const around = Math.atan2(this.towards[1], this.towards[0]) - across;
    const height = Math.max(-1.55, Math.min(1.55, Math.asin(this.towards[2]) + up));
    this.towards = [Math.cos(height) * Math.cos(around), Math.cos(height) * Math.sin(around), Math.sin(height)];
  }
  draw(electrodes, range) {
    const gl = this.gl, ratio = this.isSlow ? (this.isHeld ? 0.6 : 1) : Math.min(window.devicePixelRatio || 1, 2), { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height || gl.isContextLost()) return;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) { this.canvas.width = w; this.canvas.height = h; }
    gl.viewport(0, 0, w, h); gl.clearColor(1, 1, 1, 1); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST); gl.enable(gl.CULL_FACE); gl.disable(gl.BLEND); gl.depthFunc(gl.LESS); gl.useProgram(this.program);
    this.aim(width, height);
    gl.uniform2fv(this.at.uRange, range); gl.bindTexture(gl.TEXTURE_2D, this.table);
    gl.uniform4f(this.at.uPlace, 0, 0, 0, 1);
    const layers = [...this.layers.values()];
    for (const one of layers.filter(l => l.opacity >= 0.995)) this.drawOne(one, one.rgb, 1, one.isShaded && this.valueCount === one.points);
    for (const one of electrodes.filter(e => e.radius > 0)) {
      gl.uniform4f(this.at.uPlace, ...one.at, one.radius);
      this.drawOne(this.ball, rgb(COLOURS[one.sign]), 1, false);
    }
    gl.uniform4f(this.at.uPlace, 0, 0, 0, 1);
    gl.enable(gl.BLEND); gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA); gl.depthMask(false);
    for (const one of layers.filter(l => l.opacity < 0.995)) {
      if (!this.isSlow) {  // its nearest surface only
        gl.depthMask(true); gl.colorMask(false, false, false, false); this.drawOne(one, one.rgb, one.opacity, false);
        gl.depthMask(false); gl.colorMask(true, true, true, true); gl.depthFunc(gl.LEQUAL);
      }
      this.drawOne(one, one.rgb, one.opacity, false);
    }
    gl.depthMask(true);
  }
  aim(width, height) {
    const gl = this.gl, [right, up, towards] = this.axes(), s = this.scale();
    const rows = [right.map(x => 2 * s * x / width), up.map(x => 2 * s * x / height), towards.map(x => -x / DEPTH_MM)];
    const shift = [2 * this.shift[0] / width, -2 * this.shift[1] / height, 0], matrix = new Float32Array(16);
    for (let r = 0; r < 3; r++) { for (let c = 0; c < 3; c++) matrix[4 * c + r] = rows[r][c]; matrix[12 + r] = shift[r] - dot(rows[r], this.middle); }
    matrix[15] = 1;
    gl.uniformMatrix4fv(this.at.uView, false, matrix);
    gl.uniformMatrix3fv(this.at.uTurn, false, [0, 1, 2].flatMap(k => [right[k], up[k], towards[k]]));
  }
  drawOne(layer, colour, opacity, isShaded) {
    const gl = this.gl;
    gl.uniform3fv(this.at.uColour, colour); gl.uniform1f(this.at.uOpacity, opacity); gl.uniform1i(this.at.uShaded, isShaded ? 1 : 0);
    gl.bindVertexArray(layer.array);
    if (isShaded) { gl.bindBuffer(gl.ARRAY_BUFFER, this.values); gl.enableVertexAttribArray(2); gl.vertexAttribPointer(2, 1, gl.FLOAT, false, 0, 0); }
    else gl.disableVertexAttribArray(2);
    gl.drawElements(gl.TRIANGLES, layer.corners, gl.UNSIGNED_INT, 0);
    gl.bindVertexArray(null);
  }
}

const Head = {
  props: { layers: Array, bodies: Array, field: [Uint8Array, Object], range: Array, table: [Uint8Array, Object], electrodes: Array, sites: Array, look: Object, caption: String, verb: String },
  emits: ["pick"],
  data: () => ({ turned: 0, why: "" }),
  computed: {
    marks() {
      this.turned;  // the places follow the camera, which is not part of the page's data
      if (!this.painter) return [];
      const used = new Set(this.electrodes.map(one => one.site).filter(Boolean));
      const free = this.sites.filter(one => !used.has(one.name))
        .map(one => ({ key: "s" + one.name, name: one.name, text: one.name, sign: "free", ...this.painter.place(one.at) }));
      const here = this.electrodes
        .map(one => ({ key: "e" + one.label, name: one.site, text: one.text, sign: one.sign, ...this.painter.place(one.at) }));
      return [...free, ...here].filter(one => one.front > (one.sign === "free" ? 0.12 : -0.15));
    },
    letters() {
      this.turned;
      if (!this.painter) return [];
      const [right, up, towards] = this.painter.axes();
      return Object.entries(DIRECTIONS).map(([letter, way]) =>
        ({ letter, x: 34 + 23 * dot(way, right), y: 34 - 23 * dot(way, up), front: dot(way, towards) })).filter(one => Math.abs(one.front) < 0.9);
    },
  },
  watch: {
    layers() { this.lay(); },
    bodies() { this.lay(); },
    field() { this.painter?.setValues(this.field); this.paint(); },
    table() { this.painter?.setTable(this.table); this.paint(); },
    range() { this.paint(); },
    electrodes() { this.paint(); },
    look() { this.aim(this.look); },
  },
  methods: {
    lay() { this.painter?.setLayers([...this.layers, ...this.bodies]); this.paint(); },
    paint() {
      if (this.waits || !this.painter) return;
      this.waits = true;
      requestAnimationFrame(() => { this.waits = false; this.painter?.draw(this.electrodes, this.range); });
    },
    moved() { this.turned += 1; this.paint(); },
    aim({ towards, middle, keeps }) {
      if (!this.painter) return;
      this.painter.middle = middle;
      if (!keeps) { this.painter.towards = unit(towards); this.painter.zoom = 1; this.painter.shift = [0, 0]; }
      this.moved();
    },
    zoomBy(factor) { this.painter.zoom = Math.max(0.5, Math.min(8, this.painter.zoom * factor)); this.moved(); },
    key(event) {
      const step = Math.PI / 12, way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
      if (event.target !== this.$el || (!way && !"+=-".includes(event.key))) return;
      event.preventDefault();
      if (way) { this.painter.turn(...way); this.moved(); } else this.zoomBy(event.key === "-" ? 1 / 1.15 : 1.15);
    },
    down(event) {
      this.held.set(event.pointerId, [event.clientX, event.clientY]);
      this.$refs.canvas.setPointerCapture(event.pointerId);
      this.spread = 0;
      this.painter.isHeld = true;
    },
    move(event) {
      const last = this.held.get(event.pointerId);
      if (!last) return;
      const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
      this.held.set(event.pointerId, [event.clientX, event.clientY]);
      if (this.held.size === 2) {
        const [a, b] = [...this.held.values()], now = Math.hypot(a[0] - b[0], a[1] - b[1]);
        if (this.spread) this.zoomBy(now / this.spread);
        this.spread = now;
        this.painter.shift[0] += dx / 2; this.painter.shift[1] += dy / 2;
      } else if (event.shiftKey || event.buttons === 2) { this.painter.shift[0] += dx; this.painter.shift[1] += dy; }
      else this.painter.turn(dx * 0.009, dy * 0.009);
      this.moved();
    },
    up(event) { this.held.delete(event.pointerId); this.spread = 0; this.painter.isHeld = this.held.size > 0; this.paint(); },
  },
  created() { this.held = new Map(); },
  mounted() {
    try { this.painter = new Painter(this.$refs.canvas); } catch (error) { this.why = error.message; return; }
    this.painter.setTable(this.table); this.lay(); this.painter.setValues(this.field);
    this.observer = new ResizeObserver(() => this.moved());
    this.observer.observe(this.$el);
    this.$refs.canvas.addEventListener("webglcontextlost", () => { this.why = "The browser has lost its picture; load the page again."; });
    this.aim({ ...this.look, keeps: false });
    document.body.dataset.head = "ready";
  },
  beforeUnmount() { this.observer?.disconnect(); this.painter = null; },
  template: `
    <div class="sp-head" role="group" tabindex="0" @keydown="key" :aria-label="caption + '. Arrow keys turn the head, plus and minus zoom; sites are buttons.'">
      <canvas ref="canvas" aria-hidden="true" @pointerdown="down" @pointermove="move" @pointerup="up" @pointercancel="up"
              @wheel.prevent="zoomBy(Math.exp(-$event.deltaY * 0.0012))" @contextmenu.prevent></canvas>
      <p v-if="why" class="sp-none" role="alert">{{ why }}</p>
      <svg class="sp-compass" width="68" height="68" aria-hidden="true">
        <text v-for="one in letters" :key="one.letter" :x="one.x" :y="one.y" :opacity="one.front < -0.1 ? 0.5 : 1">{{ one.letter }}</text>
      </svg>
      <button v-for="one in marks" :key="one.key" type="button" class="sp-site" :class="'sp-site-' + one.sign"
              :style="{ transform: 'translate(' + one.x + 'px,' + one.y + 'px)' }" :data-site="one.name"
              :disabled="!one.name" :aria-label="one.sign === 'free' ? verb + ' ' + one.name : one.name ? one.text + ', take it away' : one.text"
              @click="$emit('pick', one.name)"><span class="sp-dot"></span><span class="sp-name">{{ one.text }}</span></button>
    </div>`,
};
window.stimplan_view = { install(app) { app.component("SpHead", Head); } };
// What the server offers is downloaded as soon as its address comes.
const watchDownloads = () => {
  if (!window.trame?.state) return setTimeout(watchDownloads, 100);
  let last = "";
  trame.state.watch(["download"], address => {
    if (!address || address === last) return;
    last = address;
    const link = document.createElement("a");
    link.href = address; link.download = "";
    link.click();
  });
};
watchDownloads();
})();
