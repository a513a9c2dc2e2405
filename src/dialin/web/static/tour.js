// Four steps with the recordings that come with dialin: from nothing to a match that is heard.
import { $, h, recall, remember } from "./dom.js";

const INPUT = "example-guitar-slide", REFERENCE = "example-guitar-metal";

export class Tour {
  constructor(setup) {
    this.setup = setup;
    this.box = $("#tour");
    this.at = 0;
  }
  offer() { if (!recall("seen") && !location.hash.startsWith("#/match/")) this.start(); }
  start() { location.hash = "#/"; this.step(1); }
  end() { remember("seen", true); this.at = 0; this.box.hidden = true; document.querySelectorAll(".spot").forEach(one => one.classList.remove("spot")); }
  // What happened: moves the tour on where it waits for it.
  event(what) {
    if (this.at === 2 && what === "begun") this.step(2, true);
    if (this.at === 2 && what === "matched") this.step(3);
  }
  step(number, waiting = false) {
    this.at = number;
    const steps = {
      1: ["Two recordings", "dialin turns knobs until one recording sounds like another. Here is a clean slide guitar, and a metal guitar it shall sound like. Both come with dialin.", "Use these two", async () => {
        this.box.querySelector(".primary").disabled = true;
        if (!this.setup.input) await this.setup.example("input", INPUT);
        if (!this.setup.references.length) await this.setup.example("reference", REFERENCE);
        this.step(2);
      }, ".decks"],
      2: waiting ? ["Searching", "Hundreds of renders, on this machine alone. The curve is the distance to the reference; it takes about half a minute.", null, null, "#progress"]
        : ["Match", "dialin hears which effects are there. You can choose any that is installed, VST3 and LV2 plugins too.", "Match", () => this.setup.match(), "#go-row"],
      3: ["Listen", "Space plays. 1, 2 and 3 switch between input, match and reference in the middle of a note, equally loud. Drag on a waveform to loop a part.", "Next", () => this.step(4), ".player"],
      4: ["Turn, explore, take away", "Turn any knob, or Amount: you hear it at once. The map walks through all its sounds. “Take away” has the preset and the audio. Now your own recordings!", "Done", () => this.end(), "#tabs"],
    };
    const [title, text, word, action, spot] = steps[number];
    document.querySelectorAll(".spot").forEach(one => one.classList.remove("spot"));
    const target = document.querySelector(spot);
    target?.classList.add("spot");
    this.box.hidden = false;
    this.box.replaceChildren(h("div", { class: "tour-head" }, h("b", {}, title), h("span", { class: "soft num" }, `${number} of 4`)), h("p", {}, text),
      h("div", { class: "row" }, word ? h("button", { type: "button", class: "primary", onclick: action }, word) : null, h("button", { type: "button", class: "small", onclick: () => this.end() }, number === 4 ? "Close" : "Skip the tour")));
    target?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
}
