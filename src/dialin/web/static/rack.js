// The effects of a session with all their knobs.
import { $, h, icon } from "./dom.js";
import { FORMATS } from "./chooser.js";
import { makeKnob } from "./knob.js";

export class Rack {
  constructor(session) {
    this.session = session;
    this.box = $("#rack");
    this.amount = $("#amount");
    this.amount.addEventListener("input", () => session.setAmount(Number(this.amount.value), false));
    this.amount.addEventListener("change", () => session.setAmount(Number(this.amount.value), true));
    $("#undo").append(icon("undo"));
    $("#redo").append(icon("redo"));
    $("#undo").addEventListener("click", () => session.undo());
    $("#redo").addEventListener("click", () => session.redo());
    $("#reset").addEventListener("click", () => session.reset());
    session.on(what => {
      if (what === "open" || what === "learn") this.rebuild();
      if (what === "turn" && this.box.offsetParent === null) this.stale = true;
      else if (what === "open" || what === "learn" || what === "turn") this.show();
    });
  }
  // What nobody sees need not follow a point that is dragged over the map.
  shown(name) { if (name === "knobs" && this.stale && this.knobs) this.show(); }
  // Anew, with the focus where it was.
  rebuild() {
    const places = () => [...this.box.querySelectorAll("button, select, input, .dial")];
    const at = places().indexOf(document.activeElement);
    this.build();
    if (at >= 0) { this.show(); places()[at]?.focus(); }
  }
  build() {
    const { session } = this;
    this.knobs = [];
    const panel = (slot, i) => {
      const power = h("button", { type: "button", class: "power", "aria-label": `${slot.name} in use`, title: "In use, or left out", onclick: () => session.setBypass(i, !session.slots[i].bypass) }, icon("power"));
      const knobs = slot.knobs.map((knob, k) => makeKnob(knob, slot.name, {
        position: session.slots[i].settings[k],
        locked: session.locks.has(`${slot.slot}.${knob.id}`),
        change: (value, done) => session.set(i, k, value, done),
        lock: on => { const id = `${slot.slot}.${knob.id}`; on ? session.locks.add(id) : session.locks.delete(id); session.tell("lock"); },
      }));
      this.knobs[i] = knobs;
      const live = knobs.filter((_, k) => !slot.knobs[k].dead), dead = knobs.filter((_, k) => slot.knobs[k].dead);
      return h("section", { class: "effect", "data-slot": slot.slot, "aria-label": slot.name },
        h("header", {}, power, h("h3", { title: slot.uri }, slot.name), h("span", { class: "soft format" }, FORMATS[slot.format] || slot.format), slot.reason ? h("span", { class: "soft reason", title: slot.reason }, "left out") : null),
        h("div", { class: "knobs" }, live.map(knob => knob.element)),
        dead.length ? h("details", {}, h("summary", {}, `${dead.length} that change nothing`), h("div", { class: "knobs" }, dead.map(knob => knob.element))) : null,
        live.length + dead.length ? null : h("p", { class: "soft" }, "This effect has no knobs."));
    };
    const made = session.candidate.slots.map(panel);
    this.panels = made;
    const used = made.filter((_, i) => session.candidate.slots[i].used), out = made.filter((_, i) => !session.candidate.slots[i].used);
    this.box.replaceChildren(...used);
    if (out.length) {
      const names = session.candidate.slots.filter(slot => !slot.used).map(slot => slot.name).join(", ");
      this.box.append(h("details", { class: "out", open: !used.length }, h("summary", {}, `Left out: ${names}`), h("div", { class: "rack" }, out)));
    }
    if (!made.length) this.box.append(h("p", { class: "soft" }, "No effects: the input is heard as it is."));
  }
  show() {
    const { session } = this;
    this.stale = false;
    session.slots.forEach((slot, i) => {
      this.panels[i].classList.toggle("off", slot.bypass);
      this.panels[i].querySelector(".power").setAttribute("aria-pressed", String(!slot.bypass));
      slot.settings.forEach((value, k) => this.knobs[i][k].show(value));
    });
    this.amount.value = String(session.amount);
    this.amount.setAttribute("aria-valuetext", `${Math.round(session.amount)} per cent`);
    $("#amount-text").textContent = `${Math.round(session.amount)} %`;
    $("#undo").disabled = !session.past.length;
    $("#redo").disabled = !session.future.length;
    $("#reset").disabled = !session.changed;
  }
}
