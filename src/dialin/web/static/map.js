// The map: a plane of sounds. Settings lie on a grid and are interpolated between its points, so
// every point has its own; near the match the map bends to the match's own settings.
import { $, clamp, colours, complain, fit, h, icon, onResize, onTheme, recall, remember } from "./dom.js";
import * as api from "./api.js";
import { snap, text } from "./params.js";

const rgb = colour => {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  return found ? found.slice(1).map(part => parseInt(part, 16)) : [128, 128, 128];
};
const mixed = (a, b, t) => a.map((v, i) => v + t * (b[i] - v));
// A value of a grid of rows from y = -1 up, anywhere between.
function between(grid, x, y, read) {
  const rows = grid.length, columns = grid[0].length;
  const across = (clamp(x, -1, 1) + 1) / 2 * (columns - 1), up = (clamp(y, -1, 1) + 1) / 2 * (rows - 1);
  const left = Math.min(Math.floor(across), columns - 2), low = Math.min(Math.floor(up), rows - 2), u = across - left, v = up - low;
  const weigh = (a, b, c, d) => (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d);
  return read([grid[low][left], grid[low][left + 1], grid[low + 1][left], grid[low + 1][left + 1]], weigh);
}
const number = (grid, x, y) => between(grid, x, y, (four, weigh) => weigh(...four));
const vector = (grid, x, y) => between(grid, x, y, (four, weigh) => four[0].map((_, k) => weigh(four[0][k], four[1][k], four[2][k], four[3][k])));

export class EffectMap {
  constructor() {
    this.of = $("#map-of");
    this.by = $("#map-by");
    this.field = $("#field");
    this.canvas = $("#field canvas");
    this.handle = $("#field .handle");
    this.facts = null;
    this.place = [0, 0];
    this.of.addEventListener("change", () => this.begin());
    this.by.addEventListener("change", () => this.draw());
    $("#map-make").addEventListener("click", () => this.begin());
    $("#map-cancel").addEventListener("click", () => this.key && api.post(`jobs/${this.key}/cancel`).catch(complain));
    $("#to-match").addEventListener("click", () => this.go(this.facts.point, true));
    $("#to-neutral").addEventListener("click", () => this.go([0, 0], true));
    $("#set-pin").append(icon("pin", 14), "set a pin");
    $("#set-pin").addEventListener("click", () => this.pin());
    $("#path-place").addEventListener("input", event => this.along(event.target.value / 1000, false));
    $("#path-place").addEventListener("change", event => this.along(event.target.value / 1000, true));
    this.listen();
    onResize(this.field, () => this.draw());
    onTheme(() => this.draw());
  }
  open(result) {
    this.result = result;
    this.session = result.session;
    if (!this.heard) { this.heard = true; this.session.on(what => { if (what === "turn") this.follow(); }); }
    this.stop?.();
    this.facts = null;
    this.key = null;
    $("#map-grid").hidden = $("#map-wait").hidden = $("#map-none").hidden = true;
    const used = this.session.candidate.slots.map((slot, i) => [slot, i]).filter(([slot]) => slot.used && slot.knobs.length);
    this.of.replaceChildren(...(used.length > 1 ? [h("option", { value: "all" }, "the whole chain")] : []), ...used.map(([slot, i]) => h("option", { value: String(i) }, slot.name)));
    this.none(used.length ? "" : "There are no effects in this match to explore.");
    if (result.tab === "map") this.begin();
  }
  shown(name) { if (name === "map" && this.session && !this.facts && !this.key) this.begin(); else if (name === "map") this.draw(); }
  none(why) {
    $("#map-none").hidden = !why;
    $("#map-why").textContent = why;
    $("#map-make").hidden = !this.of.options.length;
  }
  // Slots that the map turns, and where the match has their knobs.
  get turned() {
    const all = this.session.candidate.slots.map((_, i) => i);
    return this.of.value === "all" ? all.filter(i => this.session.candidate.slots[i].used && this.session.candidate.slots[i].knobs.length) : [Number(this.of.value)];
  }
  async begin() {
    if (!this.of.options.length) return;
    this.stop?.();
    this.facts = null;
    this.none("");
    $("#map-grid").hidden = true;
    const slots = this.turned.map(i => ({ uri: this.session.slots[i].uri, settings: this.session.candidate.slots[i].knobs.map(knob => knob.position) }));
    try {
      const { key, ready } = await api.post("maps", { recording: this.session.input.id, start: this.session.start, seconds: this.session.seconds, slots });
      this.key = key;
      if (ready) return await this.take(key);
      $("#map-wait").hidden = false;
      this.stop = api.watch(`jobs/${key}/events`, state => {
        if (this.key !== key) return;
        const share = state.of ? state.done / state.of : 0;
        $("#map-phase").textContent = state.status === "queued" ? "Waiting for its turn …" : `${(state.phase || "starting").replace(/^./, c => c.toUpperCase())} … ${state.of > 1 ? `${state.done} of ${state.of}` : ""}`;
        $("#map-bar i").style.width = `${100 * share}%`;
        $("#map-bar").setAttribute("aria-valuenow", String(Math.round(100 * share)));
        if (["queued", "running"].includes(state.status)) return;
        $("#map-wait").hidden = true;
        if (state.status === "done") this.take(key).catch(complain);
        else { this.key = null; this.none(state.status === "cancelled" ? "Cancelled." : state.error.message); }
      });
    } catch (error) { this.key = null; this.none(error.message); }
  }
  async take(key) {
    const facts = await api.get(`maps/${key}`);
    if (this.key !== key) return;
    this.facts = facts;
    this.knobs = this.turned.flatMap(i => this.session.candidate.slots[i].knobs.map((knob, k) => ({ knob, slot: i, k, name: `${this.turned.length > 1 ? `${this.session.candidate.slots[i].name} ` : ""}${knob.title || knob.name}` })));
    this.residual = facts.settings.map((value, k) => value - vector(facts.grid, ...facts.point)[k]);
    const before = this.by.value, live = this.knobs.map((one, n) => [one, n]).filter(([, n]) => facts.live[n]);
    this.by.replaceChildren(h("optgroup", { label: "Timbre" }, Object.keys(facts.field).map(name => h("option", { value: `timbre ${name}` }, name))),
      h("optgroup", { label: "Knobs" }, live.map(([one, n]) => h("option", { value: `knob ${n}` }, one.name))));
    if ([...this.by.options].some(option => option.value === before)) this.by.value = before;
    this.place = [...facts.point];
    this.pins = recall(`pins.${key}`, []);
    $("#map-grid").hidden = false;
    this.showPins();
    this.draw();
    this.follow();
  }
  settings([x, y]) {
    const { grid, point, width } = this.facts;
    const near = Math.exp(-0.5 * ((x - point[0]) ** 2 + (y - point[1]) ** 2) / width ** 2);
    return vector(grid, x, y).map((value, k) => snap(this.knobs[k].knob, clamp(value + near * this.residual[k], 0, 1)));
  }
  go(place, done) {
    this.place = place.map(value => clamp(value, -1, 1));
    const values = this.settings(this.place), slots = this.session.slots.map(() => null);
    this.knobs.forEach(({ slot, k }, n) => { slots[slot] ||= [...this.session.slots[slot].settings]; slots[slot][k] = values[n]; });
    this.moving = true;
    this.session.setAll(slots, done);
    this.moving = false;
    this.mark();
  }
  along(share, done) {
    const [a, b] = this.ends;
    this.go([0, 1].map(axis => this.pins[a][axis] + share * (this.pins[b][axis] - this.pins[a][axis])), done);
  }
  pin() {
    if (this.pins.length >= 12) this.pins.shift();
    this.pins.push([...this.place]);
    this.kept();
  }
  kept() { remember(`pins.${this.key}`, this.pins); this.showPins(); this.draw(); }
  showPins() {
    $("#pins").replaceChildren(...this.pins.map((place, i) => h("li", {},
      h("button", { type: "button", class: "go", onclick: () => this.go(place, true) }, `Pin ${i + 1} `, h("span", { class: "soft num" }, place.map(v => v.toFixed(2).replace("-", "−")).join(", "))),
      h("button", { type: "button", class: "ghost", "aria-label": `Take pin ${i + 1} out`, onclick: () => { this.pins.splice(i, 1); this.kept(); } }, icon("close", 13)))));
    const path = $("#path");
    path.hidden = this.pins.length < 2;
    if (path.hidden) return;
    this.ends = [this.pins.length - 2, this.pins.length - 1];
    const choice = end => h("select", { "aria-label": `${end ? "To" : "From"} pin`, onchange: event => { this.ends[end] = Number(event.target.value); this.draw(); } }, this.pins.map((_, i) => h("option", { value: String(i), selected: i === this.ends[end] }, String(i + 1))));
    path.firstElementChild.replaceChildren("From pin ", choice(0), " to ", choice(1));
    $("#path-place").setAttribute("aria-label", "Place on the path between the pins");
  }
  listen() {
    const { field } = this;
    let held = false;
    const placed = event => {
      const box = field.getBoundingClientRect();
      return [2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height];
    };
    field.addEventListener("pointerdown", event => {
      if (event.button !== 0 || !this.facts) return;
      field.setPointerCapture(event.pointerId);
      held = true;
      this.go(placed(event), false);
    });
    field.addEventListener("pointermove", event => { if (held) this.go(placed(event), false); });
    const end = () => { if (held) { held = false; this.session.commit(); } };
    field.addEventListener("pointerup", end);
    field.addEventListener("pointercancel", end);
    let idle = 0;
    field.addEventListener("keydown", event => {
      if (!this.facts || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = event.shiftKey ? 0.005 : 0.04, by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
      const key = event.key.toLowerCase();
      if (by) this.go([this.place[0] + by[0], this.place[1] + by[1]], false);
      else if (key === "p") this.pin();
      else if (key === "m") this.go(this.facts.point, true);
      else if (key === "n") this.go([0, 0], true);
      else return;
      event.preventDefault();
      event.stopPropagation();
      clearTimeout(idle);
      idle = setTimeout(() => this.session.commit(), 400);
    });
  }
  // Whether the knobs still stand where the map put them.
  follow() {
    if (!this.facts || this.moving) return;
    const values = this.settings(this.place);
    const there = this.knobs.every(({ slot, k }, n) => Math.abs(this.session.slots[slot].settings[k] - values[n]) < 1e-6);
    this.handle.style.opacity = there ? "1" : "0.45";
    this.values();
  }
  mark() {
    this.handle.style.left = `${50 + 50 * this.place[0]}%`;
    this.handle.style.top = `${50 - 50 * this.place[1]}%`;
    this.handle.style.opacity = "1";
    const { facts } = this, said = Object.entries(facts.field).slice(0, 3).map(([name, grid]) => `${name} ${number(grid, ...this.place).toFixed(0)}`);
    $("#map-place").textContent = `${this.place.map(v => v.toFixed(2).replace("-", "−")).join(", ")}: ${said.join(", ")}`;
    this.values();
  }
  values() {
    if (!this.knobs) return;
    $("#map-values").replaceChildren(...this.knobs.filter((_, n) => this.facts.live[n]).flatMap(({ knob, slot, k, name }) => [h("dt", {}, name), h("dd", {}, text(knob, this.session.slots[slot].settings[k]))]));
  }
  draw() {
    if (!this.facts || this.field.clientWidth === 0) return;
    const [kind, name] = [this.by.value.split(" ")[0], this.by.value.split(" ").slice(1).join(" ")];
    const W = 192, H = 144, values = new Float32Array(W * H);
    const at = kind === "knob" ? (x, y) => this.settings([x, y])[Number(name)] : (x, y) => number(this.facts.field[name], x, y);
    let low = Infinity, high = -Infinity;
    for (let j = 0; j < H; j++) for (let i = 0; i < W; i++) {
      const v = values[j * W + i] = at(2 * i / (W - 1) - 1, 1 - 2 * j / (H - 1));
      if (v < low) low = v;
      if (v > high) high = v;
    }
    const span = high - low || 1, c = colours(), [from, middle, to] = [rgb(c.low), rgb(c.mid), rgb(c.high)];
    const image = new ImageData(W, H);
    for (let j = 0; j < H; j++) for (let i = 0; i < W; i++) {
      const n = j * W + i, t = (values[n] - low) / span;
      // Faint lines of equal value, ten of them, as wide wherever they run.
      const slope = 5 * (Math.abs(values[j * W + Math.min(i + 1, W - 1)] - values[j * W + Math.max(i - 1, 0)]) + Math.abs(values[Math.min(j + 1, H - 1) * W + i] - values[Math.max(j - 1, 0) * W + i])) / span;
      const line = slope > 1e-4 ? 1 - 0.1 * clamp(1.1 - Math.abs((10 * t + 0.5) % 1 - 0.5) / (0.8 * slope), 0, 1) : 1;
      const colour = t < 0.5 ? mixed(from, middle, 2 * t) : mixed(middle, to, 2 * t - 1);
      image.data.set([...colour.map(v => v * line), 255], 4 * n);
    }
    const small = new OffscreenCanvas(W, H);
    small.getContext("2d").putImageData(image, 0, 0);
    const context = fit(this.canvas), width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(small, 0, 0, width, height);
    const X = x => width * (x + 1) / 2, Y = y => height * (1 - y) / 2;
    const badge = (place, word, colour, under = false) => {
      context.font = "600 12px system-ui, sans-serif";
      context.textAlign = "center";
      const wide = context.measureText(word).width + 14, x = X(place[0]), y = Y(place[1]), below = (under ? y < height - 40 : y < 40) ? 22 : -14;
      context.fillStyle = c.card;
      context.strokeStyle = colour;
      context.lineWidth = 2.5;
      context.beginPath(); context.arc(x, y, 6, 0, 7); context.fill(); context.stroke();
      context.beginPath(); context.roundRect(clamp(x - wide / 2, 2, width - wide - 2), y + below - 11, wide, 19, 9); context.fill();
      context.fillStyle = c.ink;
      context.fillText(word, clamp(x, wide / 2 + 2, width - wide / 2 - 2), y + below + 3);
    };
    if (this.pins.length > 1 && this.ends) {
      const [a, b] = this.ends.map(i => this.pins[i]);
      if (a && b) {
        context.strokeStyle = c.ink; context.lineWidth = 1.5; context.setLineDash([5, 4]);
        context.beginPath(); context.moveTo(X(a[0]), Y(a[1])); context.lineTo(X(b[0]), Y(b[1])); context.stroke();
        context.setLineDash([]);
      }
    }
    badge([0, 0], "neutral", c.reference);
    badge(this.facts.point, this.session.candidate.kind === "hand" ? "start" : "match", c.matched);
    // Under their places: a pin is often set where the match is.
    this.pins.forEach((place, i) => badge(place, String(i + 1), c.ink, true));
    const written = v => kind === "knob" ? text(this.knobs[Number(name)].knob, v) : v.toFixed(0);
    $("#scale-low").textContent = written(low);
    $("#scale-high").textContent = written(high);
    this.mark();
    this.follow();
  }
}
