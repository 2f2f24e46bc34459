"use strict";
// Viewer of stimplan's 3-D scenes: WebGL 2, no library, nothing loaded. Coordinates: x right, y front, z up, metres.
(() => {
const VERTEX = `#version 300 es
in vec3 aPoint; in vec3 aNormal; in float aValue;
uniform mat4 uView; uniform mat3 uTurn;
out vec3 vPoint; out vec3 vNormal; out float vValue;
void main() { vPoint = aPoint; vNormal = uTurn * aNormal; vValue = aValue; gl_Position = uView * vec4(aPoint, 1.0); }`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 vPoint; in vec3 vNormal; in float vValue;
uniform vec3 uColour; uniform float uOpacity; uniform bool uShaded; uniform vec2 uLimits; uniform vec4 uCut;
uniform bool uIsCut; uniform sampler2D uTable;
out vec4 colour;
void main() {
  if (uIsCut && dot(vPoint, uCut.xyz) > uCut.w) discard;
  vec3 n = normalize(vNormal);
  bool inside = n.z < 0.0;
  if (inside) n = -n;
  vec3 base = uColour;
  if (uShaded) {
    if (vValue < -1e20) base = vec3(0.73);
    else base = texture(uTable, vec2(clamp((vValue - uLimits.x) / (uLimits.y - uLimits.x), 0.0, 1.0) * 0.99609375 + 0.001953125, 0.5)).rgb;
  }
  float key = max(dot(n, normalize(vec3(0.35, 0.55, 0.9))), 0.0), fill = max(dot(n, normalize(vec3(-0.8, -0.1, 0.6))), 0.0);
  vec3 lit = base * (0.42 + 0.55 * key + 0.16 * fill);
  if (inside) lit *= 0.62;
  // A skin seen through is densest at its rim, as glass is.
  float alpha = uOpacity >= 0.995 ? 1.0 : uOpacity + (1.0 - uOpacity) * 0.55 * pow(1.0 - n.z, 3.0);
  colour = vec4(min(lit, 1.0) * alpha, alpha);
}`;
const CUT_VERTEX = `#version 300 es
in vec3 aPoint;
uniform mat4 uView;
out vec3 vPoint;
void main() { vPoint = aPoint; gl_Position = uView * vec4(aPoint, 1.0); }`;
const CUT_FRAGMENT = `#version 300 es
precision highp float; precision highp sampler3D;
in vec3 vPoint;
uniform sampler3D uLabels; uniform sampler3D uValues; uniform sampler2D uTable; uniform sampler2D uTones;
uniform vec3 uOrigin; uniform vec3 uShape; uniform vec3 uValueShape; uniform float uStep; uniform bool uShaded;
out vec4 colour;
void main() {
  vec3 place = (vPoint - uOrigin) / uStep, at = (place + 0.5) / uShape;
  if (any(lessThan(at, vec3(0.0))) || any(greaterThan(at, vec3(1.0)))) discard;
  float label = texture(uLabels, at).r;
  if (label < 0.001) discard;
  vec4 tone = texture(uTones, vec2(label * 255.0 / 256.0 + 0.001953125, 0.5));
  float value = texture(uValues, (place / 2.0 + 0.5) / uValueShape).r;
  vec3 field = texture(uTable, vec2(value * 0.99609375 + 0.001953125, 0.5)).rgb;
  colour = vec4(uShaded && tone.a > 0.5 ? field : tone.rgb, 1.0);
}`;
const VIEWS = { Left: [-1, 0, 0.12], Right: [1, 0, 0.12], Front: [0, 1, 0.12], Back: [0, -1, 0.12], Top: [0, -0.0001, 1] };
const CUTS = [["no cut", null], ["from the left", [-1, 0, 0]], ["from the right", [1, 0, 0]], ["from the front", [0, 1, 0]],
  ["from the back", [0, -1, 0]], ["from the top", [0, 0, 1]]];
const AXES = { R: [1, 0, 0], L: [-1, 0, 0], A: [0, 1, 0], P: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1] };
const AXIS_WORDS = { R: "right", L: "left", A: "front", P: "back", S: "up", I: "down" };

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = a => { const l = Math.hypot(...a) || 1; return [a[0] / l, a[1] / l, a[2] / l]; };
const rgb = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16) / 255);
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const number = (value, digits = 3) => { const r = Number(value.toPrecision(digits)); return String(Object.is(r, -0) ? 0 : r).replace("-", "\u2212"); };

async function inflated(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
function unpacked(raw, one) {
  if (one.kind === "bytes") return raw.slice(one.at, one.at + one.n);
  const codes = new Uint32Array(one.n);
  for (let plane = 0; plane < one.planes; plane++)
    for (let i = 0, at = one.at + plane * one.n; i < one.n; i++) codes[i] |= raw[at + i] << (8 * plane);
  if (one.kind === "corners") {
    for (let i = 0, next = 0; i < one.n; i++) { if (codes[i] === 0) codes[i] = next++; else codes[i] = next - codes[i]; }
    return codes;
  }
  const length = one.n / one.rows;
  for (let row = 0; row < one.rows; row++)
    for (let i = 0, last = 0; i < length; i++) {
      const code = codes[row * length + i];
      last = (last + (code & 1 ? -((code + 1) >> 1) : code >> 1)) & 65535;
      codes[row * length + i] = last;
    }
  return codes;
}
function normalsOf(points, corners) {
  const normals = new Float32Array(points.length);
  for (let t = 0; t < corners.length; t += 3) {
    const [a, b, c] = [3 * corners[t], 3 * corners[t + 1], 3 * corners[t + 2]];
    const u = [0, 1, 2].map(k => points[b + k] - points[a + k]), v = [0, 1, 2].map(k => points[c + k] - points[a + k]);
    const n = cross(u, v);
    for (const p of [a, b, c]) for (let k = 0; k < 3; k++) normals[p + k] += n[k];
  }
  for (let p = 0; p < normals.length; p += 3) {
    const l = Math.hypot(normals[p], normals[p + 1], normals[p + 2]) || 1;
    normals[p] /= l; normals[p + 1] /= l; normals[p + 2] /= l;
  }
  return normals;
}

class Viewer {
  constructor(root, scene, raw) {
    this.root = root; this.scene = scene;
    this.stage = make("div", { class: "scene-stage" });
    this.canvas = make("canvas", { tabindex: "0", role: "img" });
    this.marks = make("div", { class: "scene-marks", "aria-hidden": "true" });
    this.probe = make("div", { class: "scene-probe", role: "status" });
    this.stage.append(this.canvas, this.marks);
    const gl = this.gl = this.canvas.getContext("webgl2", { antialias: true, alpha: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("no WebGL 2");
    this.program = this.linked([VERTEX, FRAGMENT], ["aPoint", "aNormal", "aValue"]);
    this.at = this.uniforms(this.program, ["uView", "uTurn", "uColour", "uOpacity", "uShaded", "uLimits", "uCut", "uIsCut", "uTable"]);
    this.layers = scene.layers.map(layer => this.uploaded(layer, raw));
    this.volume = scene.cut && this.uploadedCut(scene.cut, raw);
    this.shade = 0; this.cut = null; this.cutShare = 0.5; this.zoom = 1; this.shift = [0, 0]; this.dotAt = null;
    this.frame();
    this.look(scene.view);
    this.panel();
    root.append(this.stage, this.controls, this.help);
    root.classList.add("is-live");
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.stage);
    this.canvas.addEventListener("webglcontextlost", event => {
      event.preventDefault(); root.classList.remove("is-live"); this.stage.remove(); this.controls.remove(); this.help.remove();
    });
    this.draw();
  }
  linked(sources, attributes) {
    const gl = this.gl, program = gl.createProgram();
    sources.forEach((source, at) => {
      const shader = gl.createShader(at ? gl.FRAGMENT_SHADER : gl.VERTEX_SHADER);
      gl.shaderSource(shader, source); gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    });
    attributes.forEach((name, place) => gl.bindAttribLocation(program, place, name));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    return program;
  }
  uniforms(program, names) { return Object.fromEntries(names.map(name => [name, this.gl.getUniformLocation(program, name)])); }
  texture(kind, filter, upload) {
    const gl = this.gl, texture = gl.createTexture();
    gl.bindTexture(kind, texture); gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    upload();
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(kind, name, filter);
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(kind, name, gl.CLAMP_TO_EDGE);
    return texture;
  }
  uploadedCut(cut, raw) {  // tissues and field on grids: what a cut shows
    const gl = this.gl, box = (shape, filter, data) => this.texture(gl.TEXTURE_3D, filter, () => gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, ...shape, 0, gl.RED, gl.UNSIGNED_BYTE, data));
    const tones = new Uint8Array(1024);
    for (const [label, colour, isColoured] of cut.colours) tones.set([...rgb(colour).map(x => 255 * x), isColoured ? 255 : 0], 4 * label);
    const values = {};
    for (const one of cut.values) {
      const codes = unpacked(raw, this.scene.arrays[one.array]), [low, high] = this.layers.find(layer => layer.shades.length).shades[one.shade].limits;
      const inUnit = Float32Array.from(codes, code => code === 65535 ? -1e30 : one.low + code / 65534 * (one.high - one.low));
      const shown = Uint8Array.from(inUnit, value => Math.round(255 * Math.max(0, Math.min(1, (value - low) / (high - low)))));
      values[one.shade] = { ...one, inUnit, texture: box(one.shape, gl.LINEAR, shown) };
    }
    const program = this.linked([CUT_VERTEX, CUT_FRAGMENT], ["aPoint"]), array = gl.createVertexArray(), buffer = gl.createBuffer();
    gl.bindVertexArray(array); gl.bindBuffer(gl.ARRAY_BUFFER, buffer); gl.enableVertexAttribArray(0); gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
    const at = this.uniforms(program, ["uView", "uLabels", "uValues", "uTable", "uTones", "uOrigin", "uShape", "uValueShape", "uStep", "uShaded"]);
    const codes = unpacked(raw, this.scene.arrays[cut.labels]);
    const labels = box(cut.shape, gl.NEAREST, codes);
    const palette = this.texture(gl.TEXTURE_2D, gl.NEAREST, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, tones));
    return { ...cut, codes, values, program, array, buffer, at, labels, palette, isColoured: new Set(cut.colours.filter(one => one[2]).map(one => one[0])) };
  }
  drawCut(matrix) {  // the face of the cut
    const gl = this.gl, v = this.volume, k = this.cut.findIndex(x => x !== 0), [a, b] = [0, 1, 2].filter(x => x !== k), depth = this.cut[k] * this.plane()[3];
    const corner = (s, t) => { const p = [0, 0, 0]; p[k] = depth; p[a] = v.origin_m[a] + s * v.shape[a] * v.spacing_m; p[b] = v.origin_m[b] + t * v.shape[b] * v.spacing_m; return p; };
    const value = v.values[this.shade], shade = this.layers.find(layer => layer.shades.length)?.shades[this.shade];
    gl.useProgram(v.program); gl.bindVertexArray(v.array); gl.bindBuffer(gl.ARRAY_BUFFER, v.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([...corner(0, 0), ...corner(1, 0), ...corner(0, 1), ...corner(1, 1)]), gl.DYNAMIC_DRAW);
    gl.uniformMatrix4fv(v.at.uView, false, matrix); gl.uniform3fv(v.at.uOrigin, v.origin_m); gl.uniform3fv(v.at.uShape, v.shape);
    gl.uniform3fv(v.at.uValueShape, value ? value.shape : v.shape); gl.uniform1f(v.at.uStep, v.spacing_m); gl.uniform1i(v.at.uShaded, value ? 1 : 0);
    const units = [[v.at.uTable, gl.TEXTURE_2D, shade ? shade.texture : v.palette], [v.at.uLabels, gl.TEXTURE_3D, v.labels], [v.at.uValues, gl.TEXTURE_3D, value ? value.texture : v.labels], [v.at.uTones, gl.TEXTURE_2D, v.palette]];
    units.forEach(([place, kind, texture], unit) => { gl.activeTexture(gl.TEXTURE0 + unit); gl.bindTexture(kind, texture); gl.uniform1i(place, unit); });
    gl.activeTexture(gl.TEXTURE0);
    gl.disable(gl.BLEND); gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4); gl.useProgram(this.program);
  }
  uploaded(layer, raw) {
    const gl = this.gl, codes = unpacked(raw, this.scene.arrays[layer.points]), corners = unpacked(raw, this.scene.arrays[layer.corners]);
    const count = codes.length / 3, points = new Float32Array(codes.length);
    for (let p = 0; p < count; p++) for (let k = 0; k < 3; k++) points[3 * p + k] = layer.origin_m[k] + layer.step_m * codes[k * count + p];
    const buffer = (kind, data) => { const b = gl.createBuffer(); gl.bindBuffer(kind, b); gl.bufferData(kind, data, gl.STATIC_DRAW); return b; };
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    [points, normalsOf(points, corners)].forEach((data, place) => {
      buffer(gl.ARRAY_BUFFER, data); gl.enableVertexAttribArray(place); gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
    });
    buffer(gl.ELEMENT_ARRAY_BUFFER, corners);
    const shades = layer.shades.map(shade => {
      const packed = unpacked(raw, this.scene.arrays[shade.array]);
      const values = Float32Array.from(packed, code => code === 65535 ? -1e30 : shade.low + code / 65534 * (shade.high - shade.low));
      const table = bytes(shade.colours);
      const texture = this.texture(gl.TEXTURE_2D, gl.LINEAR, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, table));
      return { ...shade, values, table, texture, buffer: buffer(gl.ARRAY_BUFFER, values) };
    });
    return { ...layer, points, corners, array, shades, rgb: rgb(layer.colour), count: corners.length, shown: true };
  }
  frame() {  // the middle and the size of everything
    const low = [1e9, 1e9, 1e9], high = [-1e9, -1e9, -1e9];
    for (const layer of this.layers.filter(l => l.group === "scalp" || l.group === "cortex"))
      for (let i = 0; i < layer.points.length; i++) { const k = i % 3; low[k] = Math.min(low[k], layer.points[i]); high[k] = Math.max(high[k], layer.points[i]); }
    const brain = this.layers.find(layer => layer.group === "cortex");
    if (brain) low[2] = Math.max(low[2], brain.points.reduce((least, x, i) => i % 3 === 2 && x < least ? x : least, 1e9) - 0.035);  // a long neck would make the head small
    this.low = low; this.high = high;
    this.middle = low.map((x, k) => (x + high[k]) / 2);
    this.radius = Math.max(...low.map((x, k) => (high[k] - x) / 2));
  }
  look(direction) { this.towards = unit(direction); this.zoom = 1; this.shift = [0, 0]; }
  axes() {  // right, up, towards the eye; up in the picture is up in the head
    const up = unit([0, 1, 2].map(k => (k === 2 ? 1 : 0) - this.towards[2] * this.towards[k]));
    return [cross(up, this.towards), up, this.towards];
  }
  scale() { return Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / (2 * this.radius * 1.18) * this.zoom; }  // CSS pixels for a metre
  place(point) {  // CSS pixels, and the depth towards the eye
    const from = point.map((x, k) => x - this.middle[k]), s = this.scale(), [right, up, towards] = this.axes();
    return [this.canvas.clientWidth / 2 + this.shift[0] + s * dot(right, from), this.canvas.clientHeight / 2 + this.shift[1] - s * dot(up, from), dot(towards, from)];
  }
  turn(across, up) {
    const around = Math.atan2(this.towards[1], this.towards[0]) - across;
    const height = Math.max(-1.55, Math.min(1.55, Math.asin(this.towards[2]) + up));
    this.towards = [Math.cos(height) * Math.cos(around), Math.cos(height) * Math.sin(around), Math.sin(height)];
    this.draw();
  }
  draw() { if (!this.waits) { this.waits = true; requestAnimationFrame(() => { this.waits = false; this.drawNow(); }); } }
  drawNow() {
    const gl = this.gl, ratio = Math.min(window.devicePixelRatio || 1, 2), width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (!width || !height) return;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio); this.canvas.height = Math.round(height * ratio);
    }
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(1, 1, 1, 1); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT); gl.enable(gl.DEPTH_TEST);
    gl.useProgram(this.program);
    const [right, up, towards] = this.axes(), s = this.scale(), sx = 2 * s / width, sy = 2 * s / height, sz = -1 / (4 * this.radius);
    const rows = [right.map(x => x * sx), up.map(x => x * sy), towards.map(x => x * sz)];
    const shift = [2 * this.shift[0] / width, -2 * this.shift[1] / height, 0];
    const matrix = new Float32Array(16);
    for (let r = 0; r < 3; r++) { for (let c = 0; c < 3; c++) matrix[4 * c + r] = rows[r][c]; matrix[12 + r] = shift[r] - dot(rows[r], this.middle); }
    matrix[15] = 1;
    gl.uniformMatrix4fv(this.at.uView, false, matrix);
    gl.uniformMatrix3fv(this.at.uTurn, false, [right[0], up[0], towards[0], right[1], up[1], towards[1], right[2], up[2], towards[2]]);
    gl.uniform4f(this.at.uCut, ...this.plane());
    const shown = this.layers.filter(layer => layer.shown && layer.opacity > 0.004);
    if (this.cut && this.volume) this.drawCut(matrix);
    for (const layer of shown.filter(l => l.opacity >= 0.995)) { gl.disable(gl.BLEND); this.drawLayer(layer); }
    for (const layer of shown.filter(l => l.opacity < 0.995)) {
      gl.colorMask(false, false, false, false); this.drawLayer(layer);  // its nearest surface only
      gl.colorMask(true, true, true, true); gl.enable(gl.BLEND); gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA); gl.depthFunc(gl.LEQUAL);
      this.drawLayer(layer); gl.depthFunc(gl.LESS);
    }
    this.annotate();
  }
  plane() {
    if (!this.cut) return [0, 0, 0, 1];
    const ends = [0, 1, 2].map(k => this.cut[k] > 0 ? [this.low[k], this.high[k]] : [-this.high[k], -this.low[k]]);
    const k = this.cut.findIndex(x => x !== 0);
    return [...this.cut, ends[k][1] - this.cutShare * (ends[k][1] - ends[k][0])];
  }
  drawLayer(layer) {
    const gl = this.gl, shade = layer.shades[this.shade];
    gl.uniform3fv(this.at.uColour, layer.rgb); gl.uniform1f(this.at.uOpacity, layer.opacity);
    gl.uniform1i(this.at.uShaded, shade ? 1 : 0); gl.uniform1i(this.at.uIsCut, this.cut && layer.is_cut ? 1 : 0);
    gl.bindVertexArray(layer.array);
    if (shade) {
      gl.bindBuffer(gl.ARRAY_BUFFER, shade.buffer); gl.enableVertexAttribArray(2); gl.vertexAttribPointer(2, 1, gl.FLOAT, false, 0, 0);
      gl.uniform2fv(this.at.uLimits, shade.limits); gl.bindTexture(gl.TEXTURE_2D, shade.texture);
    } else gl.disableVertexAttribArray(2);
    gl.drawElements(gl.TRIANGLES, layer.count, gl.UNSIGNED_INT, 0);
  }
  annotate() {
    const spans = [], [right, up] = this.axes(), width = this.canvas.clientWidth;
    for (const [letter, way] of Object.entries(AXES)) {
      const flat = [dot(right, way), dot(up, way)], seen = Math.hypot(...flat);
      if (seen < 0.45) continue;  // it points at the viewer
      // Outside the box around the head, as far as that reaches in this direction of the picture.
      const reach = [0, 1, 2].reduce((sum, k) => sum + Math.abs(right[k] * flat[0] + up[k] * flat[1]) / seen * (this.high[k] - this.low[k]) / 2, 0) * 0.97 * this.scale() + 12;
      const [x, y] = this.place(this.middle);
      spans.push(this.word(letter, x + reach * flat[0] / seen, y - reach * flat[1] / seen, "axis"));
    }
    const taken = [];
    for (const label of this.scene.labels) {
      if (!this.layers.some(layer => layer.group === label.group && layer.shown)) continue;
      const [x, y, depth] = this.place(label.point_m);
      const side = Math.sign(x - width / 2) || 1, lines = label.text.split("\n").length, at = label.group === "target" ? [x, y + 46] : [x + side * 30, y - 24];  // clear of the rim
      while (taken.some(([tx, ty, tl]) => Math.abs(tx - at[0]) < 62 && Math.abs(ty - at[1]) < 8 * (lines + tl) + 3)) at[1] += 6;
      taken.push([...at, lines]);
      const span = this.word(label.text, ...at, "word");
      span.style.borderColor = label.colour;
      if (depth < -0.25 * this.radius) span.classList.add("behind");
      spans.push(span);
    }
    if (this.dotAt) { const [x, y] = this.place(this.dotAt), mark = make("i", { class: "scene-dot" }); mark.style.left = x + "px"; mark.style.top = y + "px"; spans.push(mark); }
    this.marks.replaceChildren(...spans);
    const most = 0.22 * width / this.scale(), power = 10 ** Math.floor(Math.log10(most)), length = [5, 2, 1].find(f => f * power <= most) * power;
    this.ruler.style.width = length * this.scale() + "px";
    this.rulerText.textContent = number(1e3 * length) + " mm";
    const facing = Object.entries(AXES).reduce((best, one) => dot(one[1], this.towards) > dot(best[1], this.towards) ? one : best);
    this.canvas.setAttribute("aria-label", `3-D scene, ${this.scene.title}: the head seen mostly from ${{ up: "the top", down: "below" }[AXIS_WORDS[facing[0]]] || "the " + AXIS_WORDS[facing[0]]}. Arrow keys turn it, plus and minus zoom.`);
  }
  word(text, x, y, kind) {  // never beyond the edge
    const span = make("span", { class: kind }), lines = text.split("\n");
    const room = kind === "axis" ? 12 : Math.min(14 + 3.4 * Math.max(...lines.map(line => line.length)), 120), tall = 8 * lines.length + 6;
    span.textContent = text;
    span.style.left = Math.max(room, Math.min(this.canvas.clientWidth - room, x)) + "px";
    span.style.top = Math.max(tall, Math.min(this.canvas.clientHeight - tall, y)) + "px";
    return span;
  }
  panel() {
    this.controls = make("div", { class: "scene-panel" });
    const group = (name, ...children) => { const set = make("fieldset", {}, make("legend", {}, name), ...children); this.controls.append(set); return set; };
    group("View", ...Object.entries(VIEWS).map(([name, way]) => this.button(name, () => { this.look(way); this.draw(); })), this.button("Start", () => { this.look(this.scene.view); this.draw(); }));
    const groups = [...new Set(this.layers.map(layer => layer.group))], set = group("Show");
    for (const name of groups) {
      const members = this.layers.filter(layer => layer.group === name), box = make("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => { members.forEach(layer => { layer.shown = box.checked; }); this.draw(); });
      set.append(make("label", {}, box, name[0].toUpperCase() + name.slice(1)));
    }
    const skin = this.layers.find(layer => layer.group === "scalp");
    if (skin) set.append(this.slider("scalp, how dense", skin.opacity, value => { skin.opacity = value; this.draw(); }));
    const shades = this.layers.flatMap(layer => layer.shades);
    if (shades.length > 1) {
      const choice = make("select", { "aria-label": "What colours the cortex" }, ...shades.map((shade, at) => make("option", { value: at }, shade.what)));
      choice.addEventListener("change", () => { this.shade = Number(choice.value); this.bar(); this.draw(); });
      group("Colours", choice);
    }
    const how = make("select", { "aria-label": "Cut" }, ...CUTS.map(([name], at) => make("option", { value: at }, name)));
    const where = this.slider("how far", 0.5, value => { this.cutShare = value; this.draw(); });
    where.hidden = true;
    how.addEventListener("change", () => { this.cut = CUTS[how.value][1]; where.hidden = !this.cut; where.style.display = this.cut ? "" : "none"; this.draw(); });
    where.style.display = "none";
    group("Cut", how, where);
    const whole = this.button("Full screen", () => document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen().catch(() => {}));
    group("Picture", this.button("Save PNG", () => this.save()), ...(document.fullscreenEnabled ? [whole] : []));
    this.help = make("p", { class: "scene-help" }, "Drag to turn, with Shift or two fingers to move; + and \u2212, pinch, or the wheel after a click to zoom; arrow keys turn. Click the cortex for its value.");
    this.colourBar = make("div", { class: "scene-bar" });
    this.ruler = make("i"); this.rulerText = make("span");
    this.stage.append(this.colourBar, make("div", { class: "scene-scale", "aria-hidden": "true" }, this.rulerText, this.ruler), this.probe);
    this.bar();
  }
  button(name, action) { const one = make("button", { type: "button" }, name); one.addEventListener("click", action); return one; }
  slider(name, value, action) {
    const one = make("input", { type: "range", min: "0", max: "1", step: "0.01", value: String(value) });
    one.addEventListener("input", () => action(Number(one.value)));
    return make("label", {}, name, one);
  }
  bar() {
    const shade = this.layers.flatMap(layer => layer.shades[this.shade] || [])[0];
    this.colourBar.replaceChildren();
    if (!shade) return;
    const stops = Array.from({ length: 33 }, (_, i) => { const at = 3 * Math.round(i * 255 / 32); return `rgb(${shade.table[at]},${shade.table[at + 1]},${shade.table[at + 2]})`; });
    const ramp = make("div", { class: "ramp" });
    ramp.style.background = `linear-gradient(to right, ${stops.join(",")})`;
    const [low, high] = shade.limits, ticks = [0, 0.25, 0.5, 0.75, 1].map(f => make("span", {}, number(low + f * (high - low))));
    this.colourBar.append(`${shade.what}, ${shade.unit}`, ramp, make("div", { class: "ticks" }, ...ticks), make("div", { class: "ends" }, shade.ends));
  }
  save() {
    this.drawNow();
    const link = make("a", { download: "scene.png", href: this.canvas.toDataURL("image/png") });
    link.click();
  }
  listen() {
    const canvas = this.canvas, held = new Map();
    let moved = 0, spread = 0;
    canvas.addEventListener("pointerdown", event => { canvas.focus({ preventScroll: true }); canvas.setPointerCapture(event.pointerId); held.set(event.pointerId, [event.clientX, event.clientY]); moved = 0; spread = 0; });
    canvas.addEventListener("pointermove", event => {
      if (!held.has(event.pointerId)) return;
      const [x, y] = held.get(event.pointerId), dx = event.clientX - x, dy = event.clientY - y;
      held.set(event.pointerId, [event.clientX, event.clientY]); moved += Math.abs(dx) + Math.abs(dy);
      if (held.size === 2) {
        const [a, b] = [...held.values()], now = Math.hypot(a[0] - b[0], a[1] - b[1]);
        if (spread) this.zoomBy(now / spread);
        spread = now; this.shift[0] += dx / 2; this.shift[1] += dy / 2; this.draw();
      } else if (event.shiftKey || event.buttons === 2) { this.shift[0] += dx; this.shift[1] += dy; this.draw(); }
      else this.turn(dx * 0.009, dy * 0.009);
    });
    const release = event => { if (held.delete(event.pointerId) && event.type === "pointerup" && moved < 4) this.ask(event); spread = 0; };
    canvas.addEventListener("pointerup", release); canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("contextmenu", event => event.preventDefault());
    canvas.addEventListener("wheel", event => {  // the page scrolls until the scene was clicked
      if (document.activeElement !== canvas) return;
      event.preventDefault(); this.zoomBy(Math.exp(-event.deltaY * 0.0012));
    }, { passive: false });
    canvas.addEventListener("keydown", event => {
      const step = 0.12, keys = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
      if (keys[event.key]) { event.preventDefault(); this.turn(...keys[event.key]); }
      else if (event.key === "+" || event.key === "=") this.zoomBy(1.15);
      else if (event.key === "-") this.zoomBy(1 / 1.15);
      else if (event.key === "0" || event.key === "Home") { event.preventDefault(); this.look(this.scene.view); this.draw(); }
    });
  }
  zoomBy(factor) { this.zoom = Math.max(0.4, Math.min(12, this.zoom * factor)); this.draw(); }
  ask(event) {  // the value of the surface below the pointer: one straight line against every triangle
    const box = this.canvas.getBoundingClientRect(), [right, up, towards] = this.axes(), s = this.scale();
    const across = (event.clientX - box.left - box.width / 2 - this.shift[0]) / s, high = -(event.clientY - box.top - box.height / 2 - this.shift[1]) / s;
    const start = this.middle.map((m, k) => m + across * right[k] + high * up[k]), plane = this.plane();
    let best = null;
    for (const layer of this.layers.filter(l => l.shown && l.shades[this.shade])) {
      const p = layer.points, c = layer.corners, values = layer.shades[this.shade].values;
      for (let t = 0; t < c.length; t += 3) {
        const [i, j, k] = [3 * c[t], 3 * c[t + 1], 3 * c[t + 2]];
        const a = [p[i] - start[0], p[i + 1] - start[1], p[i + 2] - start[2]], e = [p[j] - p[i], p[j + 1] - p[i + 1], p[j + 2] - p[i + 2]], f = [p[k] - p[i], p[k + 1] - p[i + 1], p[k + 2] - p[i + 2]];
        const n = cross(e, f), facing = dot(n, towards);
        if (Math.abs(facing) < 1e-14) continue;
        const depth = dot(n, a) / facing, hit = towards.map((x, m) => x * depth - a[m]);
        const v = dot(cross(hit, f), n) / dot(n, n), w = dot(cross(e, hit), n) / dot(n, n);
        if (v < 0 || w < 0 || v + w > 1 || (best && depth <= best.depth)) continue;
        const point = start.map((x, m) => x + towards[m] * depth);
        if (this.cut && layer.is_cut && dot(point, plane) > plane[3]) continue;
        best = { depth, point, shade: layer.shades[this.shade], value: (1 - v - w) * values[c[t]] + v * values[c[t + 1]] + w * values[c[t + 2]] };
      }
    }
    best = this.onCut(start, towards, plane, best) || best;
    this.dotAt = best && best.point;
    this.probe.textContent = best ? this.said(best) : "";
    this.draw();
  }
  onCut(start, towards, plane, before) {  // the value on the face of the cut, where that is nearer than a surface
    const v = this.volume, value = v && this.cut && v.values[this.shade], along = dot(plane, towards);
    if (!value || Math.abs(along) < 1e-6) return null;
    const depth = (plane[3] - dot(plane, start)) / along, point = start.map((x, m) => x + towards[m] * depth);
    if (before && before.depth >= depth) return null;
    const at = step => [0, 1, 2].map(m => Math.round((point[m] - v.origin_m[m]) / step)), inside = (p, shape) => p.every((x, m) => x >= 0 && x < shape[m]);
    const fine = at(v.spacing_m), coarse = at(2 * v.spacing_m);
    if (!inside(fine, v.shape) || !inside(coarse, value.shape)) return null;
    const label = v.codes[fine[0] + v.shape[0] * (fine[1] + v.shape[1] * fine[2])];
    if (!label) return null;
    const number = v.isColoured.has(label) ? value.inUnit[coarse[0] + value.shape[0] * (coarse[1] + value.shape[1] * coarse[2])] : -1e30;
    return { depth, point, value: number, shade: this.layers.find(layer => layer.shades.length).shades[this.shade] };
  }
  said({ point, shade, value }) {
    const m = this.scene.mni_from_scene, mm = (m ? [0, 1, 2].map(r => dot(m[r], point) + m[r][3]) : point).map(x => String(Math.round(1e3 * x)).replace("-", "\u2212"));
    return `${value < -1e20 ? "no value here" : `${shade.what} ${number(value)} ${shade.unit}`} at (${mm.join(", ")}) mm ${m ? "MNI" : "head coordinates"}`;
  }
}

async function start(root) {
  try {
    const scene = JSON.parse(root.querySelector("script.scene-data").textContent);
    if (typeof DecompressionStream === "undefined") throw new Error("no DecompressionStream");
    root.viewer = new Viewer(root, scene, await inflated(scene.data));
  } catch (error) {
    root.classList.remove("is-live");
    root.dataset.why = error.message;
  }
}
document.querySelectorAll(".scene3d").forEach(start);
})();
