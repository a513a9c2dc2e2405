// Taking away: presets, the whole recording, the report.
import { $, complain, h, toast } from "./dom.js";
import * as api from "./api.js";

const KINDS = [["json", "dialin preset", "For dialin apply, batches, and this studio."], ["vstpreset", ".vstpreset", "One for each VST3 plugin in the chain."],
  ["lv2", "LV2 presets", "A bundle for ~/.lv2."], ["reaper", "REAPER", "An action that builds the chain, and a chain of plugins."]];

export class Take {
  constructor() {
    this.box = $("#exports");
    this.bar = $("#render-bar");
    this.box.replaceChildren(...KINDS.map(([kind, name, about]) => h("div", { class: "offer" }, h("h3", {}, name), h("p", { class: "soft" }, about),
      h("p", { class: "soft why", hidden: true }),
      h("button", { type: "button", class: "small", "data-kind": kind, onclick: () => this.preset(kind) }, "Download"))));
    $("#render-all").addEventListener("click", () => this.render());
    $("#render-cancel").addEventListener("click", () => this.job && api.post(`jobs/${this.job}/cancel`).catch(complain));
    $("#get-report").addEventListener("click", () => window.open(`/api/matches/${this.result.match.id}/report`, "_blank", "noopener"));
    $("#save-report").addEventListener("click", () => api.follow(`matches/${this.result.match.id}/files/report.html`));
  }
  open(result) {
    this.result = result;
    const formats = new Set(result.session.slots.map(slot => slot.format));
    this.box.querySelectorAll("button").forEach(button => {
      const needs = { vstpreset: "vst3", lv2: "lv2" }[button.dataset.kind];
      button.disabled = Boolean(needs) && !formats.has(needs);
      const why = button.previousSibling;
      why.hidden = !button.disabled;
      why.textContent = button.disabled ? `No effect of this chain is ${needs === "lv2" ? "an LV2" : "a VST3"} plugin.` : "";
    });
  }
  get name() { return this.result.input.name.replace(/\.[^.]*$/, ""); }
  async preset(kind) {
    const { session, match } = this.result;
    try {
      const notes = await api.download("export", { ...session.chain(), kind, name: this.name, about: { input: this.result.input.name, match: match.id } });
      notes.forEach(note => toast(note));
      toast(session.amount < 100 ? `Saved as it is heard, at ${Math.round(session.amount)} %` : "Saved as it is heard");
    } catch (error) { complain(error); }
  }
  async render() {
    const { session } = this.result, button = $("#render-all");
    button.disabled = true;
    this.bar.hidden = false;
    try {
      const { id } = await api.post("files", { ...session.chain(), recording: this.result.input.id, headroom: $("#headroom").checked });
      this.job = id;
      api.watch(`jobs/${id}/events`, state => {
        const share = state.of ? Math.min(1, state.done / state.of) : 0;
        $("#render-bar i").style.width = `${100 * share}%`;
        $("#render-text").textContent = state.status === "queued" ? "waiting …" : `${Math.round(100 * share)} %`;
        if (["queued", "running"].includes(state.status)) return;
        this.bar.hidden = true;
        button.disabled = false;
        this.job = null;
        if (state.status === "done") {
          const made = state.result;
          api.follow(`jobs/${id}/file`);
          toast(`Rendered ${made.seconds.toFixed(1)} s, peak ${made.peak_dbfs.toFixed(1)} dBFS${made.clipped ? `, ${made.clipped} samples clipped: tick “turn down”` : ""}`);
        } else if (state.status === "failed") complain(new Error(state.error.message));
        else toast("Cancelled");
      });
    } catch (error) { complain(error); this.bar.hidden = true; button.disabled = false; }
  }
}
