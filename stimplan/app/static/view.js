// Names and sites over the picture of the head: it asks the view for its camera, and puts each name where its place is.
(function () {
  "use strict";
  const ROTATION_RAD = Math.PI / 12;
  const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => { const n = Math.hypot(...a) || 1; return a.map((x) => x / n); };

  function axesOf(camera) {
    const towards = unit(sub(camera.position, camera.focalPoint));
    const right = unit(cross(camera.viewUp, towards));
    return { right, up: cross(towards, right), towards };
  }

  const Overlay = {
    props: { viewRef: String, sites: Array, electrodes: Array, start: Object, picking: Boolean },
    emits: ["pick"],
    data: () => ({ width: 1, height: 1, camera: null }),
    computed: {
      axes() { return this.camera && axesOf(this.camera); },
      marks() {
        if (!this.axes) return [];
        const used = new Map(this.electrodes.filter((one) => one.site).map((one) => [one.site, one]));
        const free = this.sites.filter((one) => !used.has(one.name))
          .map((one) => ({ key: "s" + one.name, name: one.name, text: one.name, sign: "free", ...this.place(one.at) }));
        const here = this.electrodes
          .map((one) => ({ key: "e" + one.label, name: one.site, text: one.text, sign: one.sign, ...this.place(one.at) }));
        return [...free, ...here].filter((one) => one.front > 0.05);
      },
      letters() {
        if (!this.axes) return [];
        const ends = { R: [1, 0, 0], L: [-1, 0, 0], A: [0, 1, 0], P: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1] };
        return Object.entries(ends).map(([letter, way]) => ({ letter, x: 34 + 22 * dot(way, this.axes.right),
          y: 34 - 22 * dot(way, this.axes.up), front: dot(way, this.axes.towards) })).filter((one) => one.front > -0.9);
      },
    },
    methods: {
      view() { return window.trame && trame.refs && trame.refs[this.viewRef]; },
      place(at) {
        const from = sub(at, this.camera.focalPoint), scale = this.height / (2 * this.camera.parallelScale);
        const x = this.width / 2 + scale * dot(from, this.axes.right);
        const y = this.height / 2 - scale * dot(from, this.axes.up);
        return { x, y, front: dot(unit(from), this.axes.towards) };
      },
      look() {
        const view = this.view();
        if (!view || !view.getCamera) return false;
        const seen = view.getCamera();
        if (!this.camera || JSON.stringify(seen) !== JSON.stringify(this.camera)) this.camera = JSON.parse(JSON.stringify(seen));
        return true;
      },
      follow() {  // while somebody turns the head, and a little longer
        this.until = performance.now() + 600;
        if (this.frame) return;
        const step = () => {
          this.look();
          this.frame = performance.now() < this.until || this.held ? requestAnimationFrame(step) : 0;
        };
        this.frame = requestAnimationFrame(step);
      },
      turn(event) {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
        const zoom = { "+": 0.9, "=": 0.9, "-": 1.1 }[event.key];
        if ((!way && !zoom) || !this.camera) return;
        event.preventDefault();
        const camera = JSON.parse(JSON.stringify(this.camera));
        if (zoom) camera.parallelScale *= zoom;
        if (way) this.rotate(camera, way);
        this.view().setCamera(camera);
        this.follow();
      },
      rotate(camera, way) {
        const { right, up, towards } = axesOf(camera), c = Math.cos(ROTATION_RAD), s = Math.sin(ROTATION_RAD);
        const distance = Math.hypot(...sub(camera.position, camera.focalPoint));
        const side = right.map((r, i) => way[0] * r + way[1] * up[i]);
        const next = towards.map((t, i) => c * t + s * side[i]);
        camera.position = camera.focalPoint.map((f, i) => f + distance * next[i]);
        if (way[1]) camera.viewUp = unit(up.map((u, i) => c * u - way[1] * s * towards[i]));
      },
      measure() {
        const box = this.$el.getBoundingClientRect();
        this.width = box.width;
        this.height = box.height;
        this.look();
      },
    },
    mounted() {
      const box = this.$el.parentElement;
      this.on = (name, call) => { box.addEventListener(name, call, { passive: true }); };
      this.on("pointerdown", () => { this.held = true; this.follow(); });
      this.on("wheel", () => this.follow());
      this.on("touchmove", () => this.follow());
      this.release = () => { this.held = false; this.follow(); };
      window.addEventListener("pointerup", this.release);
      this.observer = new ResizeObserver(() => this.measure());
      this.observer.observe(this.$el);
      document.addEventListener("click", () => this.follow());
      const begin = () => {
        const view = this.view();
        if (!view || !view.setCamera) return setTimeout(begin, 50);
        setTimeout(() => { view.setCamera(this.start); this.measure(); this.follow(); document.body.dataset.head = "ready"; }, 150);
      };
      begin();
    },
    beforeUnmount() {
      this.observer.disconnect();
      window.removeEventListener("pointerup", this.release);
    },
    template: `
      <div class="sp-overlay" role="group" tabindex="0" @keydown="turn"
           aria-label="Head. Arrow keys turn it, plus and minus zoom; the sites are buttons.">
        <svg class="sp-compass" width="68" height="68" aria-hidden="true">
          <text v-for="one in letters" :key="one.letter" :x="one.x" :y="one.y" :opacity="one.front < 0 ? 0.45 : 1">{{ one.letter }}</text>
        </svg>
        <button v-for="one in marks" :key="one.key" type="button" class="sp-site" :class="'sp-site-' + one.sign"
                :style="{ left: one.x + 'px', top: one.y + 'px' }" :title="one.text"
                :aria-label="one.sign === 'free' ? 'Put an electrode at ' + one.name : one.text + ', take it away'"
                @click="$emit('pick', one.name)"><span class="sp-dot"></span><span class="sp-name">{{ one.text }}</span></button>
      </div>`,
  };
  window.stimplan_view = {
    install(app) {
      app.component("SpOverlay", Overlay);
      app.config.globalProperties.sp_colours = { anode: [0.784, 0.196, 0.169], cathode: [0.165, 0.42, 0.69], idle: [0.45, 0.45, 0.45] };
      app.config.globalProperties.sp_interaction = [
        { button: 1, action: "Rotate" }, { button: 2, action: "Pan" },
        { button: 3, action: "Zoom", scrollEnabled: true }, { button: 1, action: "Pan", shift: true },
      ];
    },
  };
})();
