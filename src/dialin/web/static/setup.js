// The first view: what is matched, to what, through which effects; and how far it is.
import { $, complain, h, icon, minutes, recall, remember, toast } from "./dom.js";
import * as api from "./api.js";
import { Chooser } from "./chooser.js";
import { described, overview } from "./wave.js";

export const ASPECTS = ["tone", "level", "dynamics", "space", "modulation", "distortion"];
const LONGEST = 600;

export class Setup {
  constructor(begun) {
    this.begun = begun;
    this.input = null;
    this.references = [];
    this.examples = [];
    this.chooser = new Chooser($("#chooser"), () => this.ready());
    this.go = $("#go");
    this.go.addEventListener("click", () => this.match());
    this.only = new Set(ASPECTS);
    $("#aspects").append(...ASPECTS.map(name => h("label", { class: "switch" }, h("input", { type: "checkbox", checked: true, onchange: event => { event.target.checked ? this.only.add(name) : this.only.delete(name); this.ready(); } }), name)));
    for (const side of ["input", "reference"]) this.door($(`#deck-${side}`), side);
  }
  async load(about) {
    this.examples = about.examples;
    this.limits = about.limits;
    this.draw();
    await this.chooser.load();
    this.ready();
  }
  // Where files are dropped.
  door(deck, side) {
    deck.addEventListener("dragover", event => { if (event.dataTransfer.types.includes("Files")) { event.preventDefault(); deck.classList.add("over"); } });
    deck.addEventListener("dragleave", event => { if (!deck.contains(event.relatedTarget)) deck.classList.remove("over"); });
    deck.addEventListener("drop", event => {
      deck.classList.remove("over");
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      this.take(side, [...event.dataTransfer.files]);
    });
  }
  async take(side, files) {
    for (const file of side === "input" ? files.slice(0, 1) : files) {
      const deck = $(`#deck-${side}`), bar = h("div", { class: "bar", role: "progressbar", "aria-label": `Sending ${file.name}`, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0" }, h("i", {}));
      deck.append(bar);
      try {
        if (file.size > this.limits.bytes) throw new Error(`${file.name} is larger than ${Math.round(this.limits.bytes / 2 ** 20)} MiB, the most this studio takes`);
        const made = await api.upload(file, share => { bar.firstChild.style.width = `${100 * share}%`; bar.setAttribute("aria-valuenow", String(Math.round(100 * share))); });
        await this.add(side, made);
      } catch (error) { complain(error); }
      bar.remove();
    }
  }
  async example(side, id) {
    try { await this.add(side, await api.get(`recordings/${id}`)); } catch (error) { complain(error); }
  }
  async add(side, recording, stretch = null, weight = 1) {
    const drawn = await api.get(`recordings/${recording.id}/outline`);
    const one = { recording, drawn, stretch, weight };
    if (side === "input") this.input = one;
    else if (this.references.length < 8) this.references.push(one);
    this.draw();
    this.ready();
  }
  draw() {
    $("#deck-input").replaceChildren(...this.deck("input", "Input", "the recording to change", this.input ? [this.input] : []));
    $("#deck-reference").replaceChildren(...this.deck("reference", "Reference", "what it should sound like", this.references));
    this.order?.();
  }
  deck(side, title, about, filled) {
    const file = h("input", { type: "file", class: "hidden", accept: "audio/*,.wav,.flac,.aif,.aiff,.ogg,.opus,.mp3,.m4a", multiple: side === "reference", tabindex: "-1", id: `file-${side}`,
      "aria-label": `File of the ${side}`, onchange: () => { this.take(side, [...file.files]); file.value = ""; } });
    const choose = h("button", { type: "button", class: filled.length ? "small" : "choose", onclick: () => file.click() }, filled.length ? (side === "input" ? "another file" : "add a reference") : "Choose a file");
    const examples = h("select", { "aria-label": `An example as ${side}`, class: "examples", onchange: () => { if (examples.value) this.example(side, examples.value); } },
      h("option", { value: "" }, "or an example"), this.examples.map(one => h("option", { value: one.id }, one.name.replace(/\.flac$/, ""))));
    const head = h("div", { class: "deck-head" }, h("h2", {}, title, filled.length ? null : h("span", { class: "soft" }, ` ${about}`)), filled.length && (side === "input" || filled.length < 8) ? h("span", { class: "row" }, choose, examples) : null);
    if (!filled.length) {
      return [head, h("div", { class: "drop" }, icon("wave", 34), h("p", {}, side === "input" ? "Drop a recording here" : "Drop one or more recordings here"),
        h("p", { class: "row" }, choose, examples), h("p", { class: "soft" }, "WAV, FLAC, AIFF, MP3, Ogg, Opus … It stays on this machine."), file)];
    }
    return [head, file, ...filled.map((one, i) => h("div", { class: `take ${side}` },
      h("div", { class: "take-head" }, h("b", { title: one.recording.name }, one.recording.name), h("span", { class: "soft num" }, described(one.recording)),
        side === "reference" && filled.length > 1 ? h("label", { class: "weight" }, "weight", h("input", { type: "range", min: "0.1", max: "2", step: "0.1", value: String(one.weight), "aria-label": `Weight of ${one.recording.name}`,
          oninput: event => { one.weight = Number(event.target.value); event.target.nextSibling.textContent = one.weight.toFixed(1); } }), h("span", { class: "num" }, one.weight.toFixed(1))) : null,
        h("button", { type: "button", class: "ghost", "aria-label": `Take ${one.recording.name} out`, onclick: () => { if (side === "input") this.input = null; else this.references.splice(i, 1); this.draw(); this.ready(); } }, icon("close", 14))),
      overview(one.recording, one.drawn, side, { stretch: one.stretch, longest: LONGEST, onstretch: made => { one.stretch = made; } })))];
  }
  ready() {
    const why = !this.input ? "Choose an input first" : !this.references.length ? "Choose a reference" : this.chooser.catalogue && !this.chooser.value ? "Add an effect to the chain" : !this.only.size ? "Leave at least one aspect on" : "";
    this.go.disabled = Boolean(why);
    $("#hand").disabled = !this.input || !this.chooser.catalogue || !this.byHand();
    $("#why").textContent = why || `${this.input.recording.name} → ${this.references.map(one => one.recording.name).join(" + ")}`;
  }
  // What can be turned without a match: effects that are known.
  byHand() {
    const { value, catalogue } = this.chooser, uris = Array.isArray(value) ? value : value === "default" || value === "auto" ? catalogue.default : null;
    if (!uris || !this.input) return null;
    const { input, references } = this.request(), recordings = Object.fromEntries([this.input, ...this.references].map(one => [one.recording.id, one.recording]));
    return { input, references, uris, recordings };
  }
  request() {
    const part = one => ({ recording: one.recording.id, ...(one.stretch ? { stretch: one.stretch } : {}) });
    const effort = document.querySelector("input[name=effort]:checked").value;
    const body = { input: part(this.input), references: this.references.map(one => ({ ...part(one), weight: one.weight })), effects: this.chooser.value, seed: Number($("#seed").value) || 0, keep: $("#keep").checked };
    if (effort !== "normal") body.budget = Number(effort);
    if (this.only.size < ASPECTS.length) body.only = [...this.only];
    return body;
  }
  async match() {
    this.go.disabled = true;
    try {
      remember("seen", true);
      this.begun((await api.post("matches", this.request())).id);
    } catch (error) { complain(error); }
    this.ready();
  }
  // Everything as it was for a match of the history.
  async again(match) {
    this.input = null;
    this.references = [];
    const asked = match.request;
    try {
      await this.add("input", match.recordings[asked.input.recording], asked.input.stretch || null);
      for (const one of asked.references) await this.add("reference", match.recordings[one.recording], one.stretch || null, one.weight);
      this.chooser.set(asked.effects);
    } catch (error) { complain(error); }
  }
}

// How far a match is.
export class Progress {
  constructor(ended) {
    this.ended = ended;
    this.box = $("#progress");
    this.canvas = $("#descent");
    this.stopWatching = null;
    $("#cancel").addEventListener("click", () => this.wish("cancel"));
    $("#finish").addEventListener("click", () => this.wish("finish"));
  }
  async wish(what) {
    try {
      await api.post(`matches/${this.id}/${what}`);
      $("#phase").textContent = what === "cancel" ? "Cancelling …" : "Taking the best so far …";
    } catch (error) { complain(error); }
  }
  follow(id) {
    this.leave();
    this.id = id;
    this.trail = [];
    this.began = performance.now();
    this.box.hidden = false;
    this.show({ status: "queued" });
    this.stopWatching = api.watch(`matches/${id}/events`, state => {
      if (this.id !== id) return;
      this.show(state);
      if (!["queued", "running"].includes(state.status)) { this.leave(); this.ended(id, state); }
    });
  }
  leave() {
    this.stopWatching?.();
    this.stopWatching = null;
    this.id = null;
    this.box.hidden = true;
  }
  show(state) {
    const searching = state.phase === "searching";
    const share = searching ? state.renders / Math.max(1, state.budget) : state.status === "queued" || ["starting", "listening"].includes(state.phase) ? 0 : 1;
    $("#progress-bar i").style.width = `${100 * share}%`;
    $("#progress-bar").setAttribute("aria-valuenow", String(Math.round(100 * share)));
    $("#phase").textContent = state.status === "queued" ? "Waiting for its turn …" : searching ? "Searching" : { starting: "Starting …", listening: "Listening to the recordings …" }[state.phase] || `${(state.phase || "").replace(/^./, c => c.toUpperCase())} …`;
    const facts = [];
    if (state.budget) {
      facts.push(["renders", `${state.renders} of ${state.budget}`], ["distance", `${state.best.toFixed(2)}`, `was ${state.untouched.toFixed(2)}`]);
      const rate = state.renders / Math.max(state.seconds, 0.1), left = (state.budget - state.renders) / rate;
      facts.push(["left", searching ? `about ${left < 1 ? 1 : Math.ceil(left)} s` : "nearly done", `${rate.toFixed(0)} renders a second`]);
      if (searching) this.trail.push([state.renders, state.best, state.untouched, state.budget]);
    }
    $("#facts").replaceChildren(...facts.map(([name, value, more]) => h("div", {}, h("dt", {}, name), h("dd", { class: "num" }, value, more ? h("small", { class: "soft" }, ` ${more}`) : null))));
    $("#finish").disabled = !searching;
    this.draw();
  }
  draw() {
    import("./dom.js").then(({ colours, fit }) => {
      const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
      if (!width) return;
      const context = fit(this.canvas), c = colours(), last = this.trail.at(-1);
      if (!last) return;
      const top = Math.max(last[2], ...this.trail.map(one => one[1])) * 1.04, X = r => 4 + (width - 8) * r / last[3], Y = d => height - 4 - (height - 10) * d / top;
      context.strokeStyle = c.input; context.setLineDash([5, 4]);
      context.beginPath(); context.moveTo(4, Y(last[2])); context.lineTo(width - 4, Y(last[2])); context.stroke();
      context.setLineDash([]); context.strokeStyle = c.matched; context.lineWidth = 2.5;
      context.beginPath();
      this.trail.forEach(([r, d], i) => i ? context.lineTo(X(r), Y(d)) : context.moveTo(X(r), Y(d)));
      context.stroke();
      context.fillStyle = c.matched;
      context.beginPath(); context.arc(X(last[0]), Y(last[1]), 4, 0, 7); context.fill();
    });
  }
}
export { minutes, recall, toast };
