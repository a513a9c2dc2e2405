// Curves over frequency: long-term spectra of what is heard, and the live one.
import { colours, fit, onResize, onTheme } from "./dom.js";

const LOW = 30, HIGH = 20000, LEFT = 40, BOTTOM = 22, TOP = 8, RIGHT = 8;
const TICKS = [[50, "50"], [100, "100"], [200, "200"], [500, "500"], [1000, "1k"], [2000, "2k"], [5000, "5k"], [10000, "10k"]];

export class SpectrumChart {
  constructor(canvas, readout) {
    this.canvas = canvas;
    this.readout = readout;
    this.curves = [];
    this.live = null;
    this.unit = "dB";
    onResize(canvas, () => this.draw());
    onTheme(() => this.draw());
    canvas.addEventListener("pointermove", event => {
      const box = canvas.getBoundingClientRect();
      this.hover = event.clientX - box.left;
      this.draw();
    });
    canvas.addEventListener("pointerleave", () => { this.hover = null; this.draw(); });
  }
  // curves: {kind, name, points: [[hertz, dB]], dashed}
  show(curves, { signed = false } = {}) {
    this.curves = curves;
    this.signed = signed;
    const values = curves.flatMap(curve => curve.points.map(([, y]) => y));
    if (signed) {
      const reach = Math.min(24, Math.max(6, Math.ceil(Math.max(0, ...values.map(Math.abs)) / 6) * 6));
      this.range = [-reach, reach];
    } else {
      const top = Math.ceil(Math.max(-60, ...values) / 10) * 10;
      this.range = [top - 60, top];
    }
    this.draw();
  }
  draw() {
    const { canvas } = this, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !this.range) return;
    const c = colours(), context = fit(canvas), [low, high] = this.range;
    const X = f => LEFT + (width - LEFT - RIGHT) * Math.log(f / LOW) / Math.log(HIGH / LOW);
    const Y = v => TOP + (height - TOP - BOTTOM) * (1 - (Math.min(Math.max(v, low), high) - low) / (high - low));
    context.font = "12px system-ui, sans-serif";
    context.lineWidth = 1;
    const step = this.signed ? (high > 12 ? 12 : 6) : 20;
    for (let v = low; v <= high; v += step) {
      context.strokeStyle = this.signed && v === 0 ? c.reference : c.hair;
      context.beginPath(); context.moveTo(LEFT, Y(v)); context.lineTo(width - RIGHT, Y(v)); context.stroke();
      context.fillStyle = c.soft; context.textAlign = "right";
      context.fillText(`${this.signed && v > 0 ? "+" : ""}${String(v).replace("-", "−")}`, LEFT - 6, Y(v) + 4);
    }
    context.textAlign = "center";
    for (const [f, word] of TICKS) {
      context.strokeStyle = c.hair;
      context.beginPath(); context.moveTo(X(f), TOP); context.lineTo(X(f), height - BOTTOM); context.stroke();
      context.fillStyle = c.soft;
      context.fillText(word, X(f), height - 6);
    }
    for (const curve of this.curves) {
      context.strokeStyle = c[curve.kind];
      context.lineWidth = 2;
      context.setLineDash(curve.dashed ? [6, 4] : []);
      context.beginPath();
      curve.points.forEach(([f, v], i) => i ? context.lineTo(X(f), Y(v)) : context.moveTo(X(f), Y(v)));
      context.stroke();
    }
    context.setLineDash([]);
    if (this.hover !== null && this.hover > LEFT && this.readout) {
      const f = LOW * Math.pow(HIGH / LOW, (this.hover - LEFT) / (width - LEFT - RIGHT));
      context.strokeStyle = c.soft;
      context.beginPath(); context.moveTo(this.hover, TOP); context.lineTo(this.hover, height - BOTTOM); context.stroke();
      const near = curve => curve.points.reduce((best, p) => Math.abs(Math.log(p[0] / f)) < Math.abs(Math.log(best[0] / f)) ? p : best, curve.points[0]);
      this.readout.textContent = `${f < 1000 ? Math.round(f) + " Hz" : (f / 1000).toFixed(1) + " kHz"}: ` +
        this.curves.map(curve => `${curve.name} ${near(curve)[1].toFixed(1).replace("-", "−")} dB`).join(", ");
    } else if (this.readout) this.readout.textContent = " ";
  }
}

// Levels of both sides and the spectrum of the moment, drawn while it plays.
export class Meters {
  constructor(transport, levels, spectrum) {
    this.transport = transport;
    this.levels = levels;
    this.spectrum = spectrum;
    this.held = [-90, -90];
    this.shown = [-90, -90];
    transport.on(what => { if (what === "play" && transport.playing) requestAnimationFrame(() => this.frame()); });
    onTheme(() => this.draw());
    onResize(levels, () => this.draw());
  }
  frame() {
    this.draw();
    if (this.transport.playing || this.shown.some(level => level > -80)) requestAnimationFrame(() => this.frame());
  }
  draw() {
    const { transport, levels, spectrum } = this, c = colours();
    const context = fit(levels), width = levels.clientWidth, height = levels.clientHeight;
    const place = db => width * Math.min(1, Math.max(0, (db + 60) / 60));
    const data = new Float32Array(2048);
    for (const side of [0, 1]) {
      let peak = 0;
      if (transport.playing && transport.sides) {
        transport.sides[side].getFloatTimeDomainData(data);
        for (const x of data) if (Math.abs(x) > peak) peak = Math.abs(x);
      }
      const db = 20 * Math.log10(Math.max(peak, 1e-5));
      this.shown[side] = Math.max(db, this.shown[side] - 1.6);
      this.held[side] = Math.max(db, this.held[side] - 0.35);
      const y = side * (height / 2 + 1), tall = height / 2 - 2;
      context.fillStyle = c.wash; context.fillRect(0, y, width, tall);
      context.fillStyle = c.good; context.fillRect(0, y, place(this.shown[side]), tall);
      context.fillStyle = this.held[side] > -0.2 ? c.matched : c.soft; context.fillRect(place(this.held[side]) - 2, y, 2, tall);
    }
    if (!spectrum) return;
    const s = fit(spectrum), w = spectrum.clientWidth, t = spectrum.clientHeight;
    const kind = transport.tracks[transport.current]?.kind || "input", bars = Math.floor(w / 4);
    if (!transport.playing || !transport.spectrum) { s.fillStyle = c.wash; s.fillRect(0, t - 2, w, 2); return; }
    const bins = new Float32Array(transport.spectrum.frequencyBinCount);
    transport.spectrum.getFloatFrequencyData(bins);
    const rate = transport.context.sampleRate;
    s.fillStyle = c[kind];
    for (let i = 0; i < bars; i++) {
      const from = LOW * Math.pow(HIGH / LOW, i / bars), to = LOW * Math.pow(HIGH / LOW, (i + 1) / bars);
      const first = Math.floor(from / rate * 4096), last = Math.max(first + 1, Math.ceil(to / rate * 4096));
      let top = -120;
      for (let k = first; k < last && k < bins.length; k++) if (bins[k] > top) top = bins[k];
      const tall = t * Math.min(1, Math.max(0.02, (top + 4.5 * Math.log2(from / LOW) * 0.5 + 85) / 75));
      s.fillRect(i * 4, t - tall, 3, tall);
    }
  }
}
