// A match: listening, knobs, the map, comparing, taking away.
import { $, $$, complain, h, icon, minutes, signed, toast } from "./dom.js";
import * as api from "./api.js";
import { Meters, SpectrumChart } from "./chart.js";
import { Rack } from "./rack.js";
import { Session } from "./session.js";
import { ASPECTS } from "./setup.js";
import { Transport } from "./transport.js";
import { Lanes } from "./wave.js";

const SAME_RECORDING = 0.6;
const closeness = d => d <= SAME_RECORDING ? "alike" : d <= 0.9 ? "a little off" : d <= 1.5 ? "off" : "far off";

export class Result {
  constructor({ rematch, setup }) {
    this.rematch = rematch;
    this.transport = new Transport();
    this.session = new Session(this.transport);
    this.lanes = new Lanes($("#lanes"), this.transport);
    this.meters = new Meters(this.transport, $("#levels"), $("#spectrum-now"));
    this.rack = new Rack(this.session);
    this.spectra = new SpectrumChart($("#spectra"), $("#spectra-read"));
    this.difference = new SpectrumChart($("#difference"), $("#difference-read"));
    this.worker = new Worker("/static/analysis-worker.js", { type: "module" });
    this.bands = new Map();
    this.worker.onmessage = event => { this.bands.set(event.data.id, event.data.bands); this.waiting?.delete(event.data.id); this.compare(); };
    this.parts = [];
    this.controls();
    this.tabs();
    $("#again").addEventListener("click", () => this.again());
    $("#edit").addEventListener("click", () => setup(this.match));
    this.session.on(what => {
      if (what === "busy") $("#rendering").textContent = "rendering …";
      if (what === "heard") {
        this.said();
        // The other core is for rendering, unless somebody looks at the spectra.
        this.unlooked = this.tab !== "compare";
        if (!this.unlooked) this.analyse("match");
      }
      if (what === "turn" || what === "open" || what === "lock") this.wishes();
    });
  }
  controls() {
    const t = this.transport, play = $("#play");
    play.replaceChildren(icon("play", 18));
    const click = (button, action) => button.addEventListener("click", event => { action(); if (event.detail > 0) button.blur(); });
    click(play, () => t.toggle().catch(complain));
    click($("#unloop"), () => t.unloop());
    click($("#zoom-in"), () => this.lanes.zoom(2));
    click($("#zoom-out"), () => this.lanes.zoom(0.5));
    click($("#zoom-all"), () => this.lanes.zoom(1 / 256));
    $("#equal").addEventListener("change", event => t.setEqual(event.target.checked));
    $("#volume").addEventListener("input", event => t.setVolume(event.target.value / 100));
    t.on(what => {
      play.replaceChildren(icon(t.playing ? "pause" : "play", 18));
      play.setAttribute("aria-label", t.playing ? "Pause" : "Play");
      if (what === "load") {
        $("#chips").replaceChildren(...t.tracks.map((track, i) => {
          const chip = h("button", { type: "button", class: `chip ${track.kind}`, "aria-pressed": "false", title: track.name }, h("kbd", {}, String(i + 1)), ` ${track.label}`);
          click(chip, () => t.pick(i));
          return chip;
        }));
      }
      $$("#chips .chip").forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === t.current)));
      $("#unloop").hidden = !t.regions.size;
      const region = t.tracks.length ? t.regions.get(t.tracks[t.current].group) : null;
      $("#loop-hint").textContent = region ? `Looping ${region[0].toFixed(2)}–${region[1].toFixed(2)} s` : "Drag on a waveform to loop a part of it.";
      if (what === "play" && t.playing) this.tick();
      this.clock();
    });
  }
  clock() {
    const t = this.transport;
    if (t.tracks.length) $("#clock").textContent = `${t.position().toFixed(1)} / ${t.length(t.current).toFixed(1)} s`;
  }
  tick() { this.clock(); if (this.transport.playing) requestAnimationFrame(() => this.tick()); }
  tabs() {
    const tabs = $$("#tabs [role=tab]");
    const show = name => {
      tabs.forEach(tab => { const on = tab.dataset.tab === name; tab.setAttribute("aria-selected", String(on)); tab.tabIndex = on ? 0 : -1; $(`#tab-${tab.dataset.tab}`).hidden = !on; });
      this.tab = name;
      this.parts.forEach(part => part.shown?.(name));
      this.rack?.shown(name);
      if (name === "compare") {
        if (this.unlooked) { this.unlooked = false; this.analyse("match"); }
        this.compare();
      }
    };
    this.showTab = show;
    tabs.forEach((tab, i) => {
      tab.addEventListener("click", () => show(tab.dataset.tab));
      tab.addEventListener("keydown", event => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        event.preventDefault();
        event.stopPropagation();
        const next = tabs[(i + by + tabs.length) % tabs.length];
        next.focus();
        show(next.dataset.tab);
      });
    });
    show("knobs");
  }
  said() {
    const last = this.session.latencies.at(-1);
    $("#rendering").textContent = last ? `heard after ${Math.round(last.total)} ms` : "";
  }

  async open(id) { await this.show(await api.get(`matches/${id}`)); }
  // Effects on a recording without a match: a candidate at its defaults, turned by hand.
  async byHand({ input, references, uris, recordings }) {
    const candidate = await api.post("effects/knobs", { uris });
    await this.show({ id: `hand-${input.recording}`, status: "done", request: { input, references, effects: uris }, recordings, candidates: [candidate], report: { before: 0, aspects: [], notes: [] } });
  }
  async show(match) {
    this.match = match;
    const id = match.id;
    document.body.classList.toggle("by-hand", match.candidates[0].kind === "hand");
    this.bands.clear();
    const asked = match.request, input = match.recordings[asked.input.recording];
    if (input.missing) throw new Error(`the input of this match is not in the library any more: ${input.missing}`);
    const place = asked.input.stretch ? [asked.input.stretch[0], Math.min(asked.input.stretch[1], 20)] : input.window;
    this.place = place;
    this.input = input;
    const refs = asked.references.map(one => ({ ...one, facts: match.recordings[one.recording] })).filter(one => !one.facts.missing);
    const sounds = await Promise.all([
      api.stretch(input.id, ...place),
      ...refs.map(one => api.stretch(one.facts.id, ...(one.stretch ? [one.stretch[0], Math.min(one.stretch[1], 20)] : one.facts.window))),
    ]);
    this.refs = refs;
    this.transport.load([
      { key: "input", kind: "input", label: "Input", name: input.name, group: "input", ...sounds[0] },
      { key: "match", kind: "matched", label: match.candidates[0].kind === "hand" ? "Effects" : "Match", name: input.name, group: "input", ...sounds[0] },
      ...refs.map((one, i) => ({ key: `reference${i}`, kind: "reference", label: refs.length > 1 ? `Reference ${i + 1}` : "Reference", name: one.facts.name, group: `reference${i}`, ...sounds[i + 1] })),
    ]);
    this.transport.tracks.forEach(track => { if (track.key !== "match") this.analyse(track.key); });
    this.candidate = match.candidates[0];
    this.head();
    this.candidates();
    $("#looking").hidden = true;
    await this.take(match.candidates[0]);
    this.around(id).catch(complain);
    api.post("effects/warm", { uris: [...new Set(match.candidates.flatMap(one => one.slots.map(slot => slot.uri)))] }).catch(complain);
  }
  // What lies around the match is found out after it, and shown when it is known.
  async around(id) {
    if (this.match.candidates[0].kind !== "match" || this.match.candidates[0].slots.some(slot => slot.knobs.some(knob => knob.likely))) return;
    const { job } = await api.post(`matches/${id}/around`);
    if (!job) return;
    $("#looking").hidden = false;
    api.watch(`jobs/${job}/events`, async state => {
      if (["queued", "running"].includes(state.status)) return;
      if (this.match.id !== id) return;
      $("#looking").hidden = true;
      if (state.status !== "done") return;
      const match = await api.get(`matches/${id}`).catch(complain);
      if (!match || this.match.id !== id) return;
      this.match = match;
      this.candidate = match.candidates.find(one => one.kind === this.candidate.kind) || match.candidates[0];
      this.session.learn(match, this.candidate);
      this.candidates();
    });
  }
  async take(candidate) {
    this.candidate = candidate;
    $$("#candidates button").forEach(button => button.setAttribute("aria-checked", String(button.dataset.kind === candidate.kind)));
    this.session.open(this.match, candidate, this.input, ...this.place);
    this.only = new Set(this.match.request.only || ASPECTS);
    this.wishes();
    this.aspects();
    this.parts.forEach(part => part.open?.(this));
    await this.session.render(null);
  }
  head() {
    const { match, input, refs } = this, report = match.report;
    const hand = match.candidates[0].kind === "hand";
    $("#reset").textContent = hand ? "back to the defaults" : "back to the match";
    $("#to-match").textContent = hand ? "to the start" : "to the match";
    if (hand) {
      $("#result-title").replaceChildren(h("span", { class: "m" }, input.name), h("span", { class: "arrow" }, " by hand"));
      document.title = `${input.name} by hand · dialin studio`;
      $("#summary").replaceChildren(h("span", { class: "soft" }, `Through ${match.candidates[0].slots.map(slot => slot.name).join(" → ")}, from their defaults. Turn the knobs, or explore the map.`));
      return $("#notes").replaceChildren();
    }
    $("#result-title").replaceChildren(h("span", { class: "m" }, input.name), h("span", { class: "arrow" }, " made to sound like "), h("span", { class: "r" }, refs.map(one => one.facts.name).join(" + ")));
    document.title = `${input.name} → ${refs.map(one => one.facts.name).join(" + ")} · dialin studio`;
    const used = match.candidates[0].slots.filter(slot => slot.used), kind = match.candidates[0].kind;
    const before = report.before, after = match.candidates[0].after, change = before > 0 ? 100 * (after / before - 1) : 0;
    const off = [...report.aspects].filter(one => one.after > SAME_RECORDING).sort((a, b) => b.after - a.after).map(one => `${one.name} (${closeness(one.after)})`);
    $("#summary").replaceChildren(...[
      kind === "match" ? h("span", { class: `big ${change < -1 ? "better" : "same"}` }, `${signed(change, 0)} %`) : h("span", { class: "unsure" }, kind === "nearest" ? "not sure" : "left alone"),
      h("span", {}, kind === "input" ? "Nothing that was tried is nearer to the reference than the input itself." : `distance ${before.toFixed(2)} → ${after.toFixed(2)}, through ${used.map(slot => slot.name).join(" → ") || "nothing"}`),
      kind === "match" && report.sure === false ? h("span", { class: "unsure" }, "not sure") : null,
      h("span", { class: "soft" }, kind === "nearest" ? "The nearest candidate: there is not enough evidence that it is better than the input. Listen." : off.length ? `Still off: ${off.join(", ")}.` : kind === "match" ? "As near as two pieces of one recording." : ""),
    ].filter(Boolean));
    const notes = report.notes || [];
    $("#notes").replaceChildren(...(notes.length ? [h("details", {}, h("summary", {}, `${notes.length} ${notes.length > 1 ? "remarks" : "remark"}`), h("ul", {}, notes.map(note => h("li", {}, note))))] : []));
  }
  // What there is to choose among, and in what they differ.
  candidates() {
    const { match } = this, box = $("#candidates"), names = { match: "The match", nearest: "Nearest candidate", input: "Input as it is" };
    const said = one => {
      const first = match.candidates[0];
      const used = one.slots.filter(slot => slot.used).map(slot => slot.name);
      if (one.kind.startsWith("without-")) return `${one.after.toFixed(2)} away, ${signed(one.after - first.after, 2)}: as likely, with one effect less`;
      if (one === first) return `${one.after.toFixed(2)} away · ${used.join(" → ") || "no effects"}`;
      const mine = new Set(first.slots.filter(slot => slot.used).map(slot => slot.slot));
      const other = one.slots.filter(slot => slot.used).map(slot => slot.slot);
      const more = other.filter(slot => !mine.has(slot)), less = [...mine].filter(slot => !other.includes(slot));
      const moved = one.slots.flatMap(slot => slot.used && mine.has(slot.slot) ? slot.knobs.filter((knob, k) => Math.abs(knob.position - first.slots.find(s => s.slot === slot.slot).knobs[k].position) > 0.05).map(knob => `${slot.name} ${knob.name}`) : []);
      return [`${one.after.toFixed(2)} away`, more.length ? `with ${more.join(", ")}` : "", less.length ? `without ${less.join(", ")}` : "", moved.length ? `${moved.slice(0, 4).join(", ")}${moved.length > 4 ? " …" : ""} differ` : ""].filter(Boolean).join(" · ");
    };
    box.hidden = match.candidates.length < 2;
    box.replaceChildren(...match.candidates.map(one => h("button", { type: "button", role: "radio", "aria-checked": String(one === (this.candidate || match.candidates[0])), "data-kind": one.kind, onclick: () => this.take(one).catch(complain) },
      h("b", {}, one.name || names[one.kind] || one.kind), h("small", { class: "soft" }, one.says || said(one)))));
  }
  aspects() {
    const { report } = this.match;
    const largest = Math.max(SAME_RECORDING * 1.25, ...this.candidate.aspects.flatMap(one => [one.before, one.after]));
    const bar = (value, kind) => { const made = h("i", { class: kind }); made.style.width = `${100 * value / largest}%`; return h("div", { class: "track" }, made); };
    $("#aspect-rows").replaceChildren(...this.candidate.aspects.map(one => {
      const mark = h("i", { class: "mark" });
      mark.style.left = `${100 * SAME_RECORDING / largest}%`;
      return h("tr", {}, h("th", { scope: "row" }, one.name), h("td", { class: "pair" }, h("div", { class: "bars" }, bar(one.before, "input"), bar(one.after, "matched"), mark)),
        h("td", { class: "num" }, one.before.toFixed(2)), h("td", { class: "num" }, one.after.toFixed(2)), h("td", {}, closeness(one.after)));
    }));
    const families = this.match.report.families || [];
    $("#families-box").hidden = !families.length;
    $("#family-rows").replaceChildren(...families.map(one => {
      const made = h("i", { class: "matched" });
      made.style.width = `${100 * one.probability}%`;
      return h("tr", {}, h("th", { scope: "row", title: one.evidence.join("\n") }, one.title), h("td", { class: "pair" }, h("div", { class: "track" }, made)), h("td", { class: "num" }, `${Math.round(100 * one.probability)} %`), h("td", {}, one.used ? one.effects.join(", ") : "no"));
    }));
    const evidence = this.candidate.evidence || [];
    $("#evidence").replaceChildren(...evidence.map(line => h("li", {}, line)));
    $("#evidence-box").hidden = !evidence.length;
    $("#only").replaceChildren(...ASPECTS.map(name => h("label", { class: "switch" }, h("input", { type: "checkbox", checked: this.only.has(name), onchange: event => { event.target.checked ? this.only.add(name) : this.only.delete(name); this.wishes(); } }), name)));
  }
  // Whether matching again would do anything else than the last time.
  wishes() {
    if (!this.only) return;
    const asked = new Set(this.match.request.only || ASPECTS);
    const aspects = asked.size !== this.only.size || [...asked].some(name => !this.only.has(name));
    const locks = this.session.locks.size;
    $("#again").disabled = !this.only.size || !(aspects || locks);
    $("#again-text").textContent = !this.only.size ? "Leave at least one aspect on." : aspects || locks ? `Matches again${locks ? `, ${locks} ${locks > 1 ? "knobs" : "knob"} kept as they stand` : ""}${aspects ? `, for ${[...this.only].join(", ")}` : ""}.` : "Switch an aspect off, or lock a knob, to match again without it.";
  }
  again() {
    const { session } = this, body = { ...this.match.request };
    delete body.only;
    if (this.only.size < ASPECTS.length) body.only = [...this.only];
    const chain = session.slots.map(slot => slot.uri);
    body.lock = {};
    session.slots.forEach((slot, i) => slot.knobs.forEach((knob, k) => {
      const id = `${slot.slot}.${knob.id}`;
      if (session.locks.has(id)) body.lock[id] = session.native(i, k);
    }));
    if (!Object.keys(body.lock).length) delete body.lock;
    // What was chosen by a word has become these effects, which the locks are named after.
    else if (chain.length) body.effects = chain;
    this.rematch(body);
  }
  analyse(key) {
    const i = this.transport.index(key);
    if (i < 0) return;
    this.waiting ||= new Set();
    if (this.waiting.has(key)) { this.late = key; return; }
    this.waiting.add(key);
    const track = this.transport.tracks[i];
    const channels = track.channels.map(data => data.slice());
    this.worker.postMessage({ id: key, channels, rate: track.rate }, channels.map(data => data.buffer));
  }
  compare() {
    if (this.late && !this.waiting.has(this.late)) { const key = this.late; this.late = null; this.analyse(key); }
    if (this.tab !== "compare" || !this.transport.tracks.length) return;
    const shown = this.transport.tracks.filter(track => this.bands.has(track.key)).map(track => ({
      kind: track.kind, name: track.label, dashed: track.kind === "reference", key: track.key,
      // At equal loudness, whatever the levels.
      points: this.bands.get(track.key).map(([f, v]) => [f, Number.isFinite(track.lufs) ? v - track.lufs : v]),
    }));
    this.spectra.show(shown);
    const references = shown.filter(curve => curve.kind === "reference");
    if (!references.length) return;
    const weights = references.map(curve => this.refs[Number(curve.key.slice(9))].weight || 1), total = weights.reduce((a, b) => a + b, 0);
    const goal = references[0].points.map(([f], i) => [f, 10 * Math.log10(references.reduce((sum, curve, n) => sum + weights[n] / total * Math.pow(10, (curve.points[i]?.[1] ?? -120) / 10), 0))]);
    this.difference.show(shown.filter(curve => curve.kind !== "reference").map(curve => ({ ...curve, points: curve.points.slice(0, goal.length).map(([f, v], i) => [f, v - goal[i][1]]) })), { signed: true });
  }
}
export { minutes, toast };
