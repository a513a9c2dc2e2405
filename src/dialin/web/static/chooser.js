// Choosing effects: search, families, favourites; the chain below each other, dragged into order.
import { complain, h, icon, recall, remember, toast } from "./dom.js";
import * as api from "./api.js";

const SHOWN = 60;
export const FORMATS = { builtin: "built-in", lv2: "LV2", vst3: "VST3", au: "AU" };

export class Chooser {
  constructor(box, changed) {
    this.changed = changed;
    this.catalogue = null;
    this.mode = "auto";
    this.chain = [];
    this.family = "all";
    this.modes = h("div", { class: "segments", role: "radiogroup", "aria-label": "Effects" });
    this.about = h("p", { class: "soft about" });
    this.search = h("input", { type: "search", placeholder: "Search effects by name or maker", "aria-label": "Search effects", oninput: () => this.list() });
    this.families = h("div", { class: "chips", role: "group", "aria-label": "Families" });
    this.found = h("ul", { class: "found", "aria-label": "Effects that are installed" });
    this.picked = h("ol", { class: "picked", "aria-label": "The chain, in order" });
    this.more = h("p", { class: "soft" });
    this.own = h("div", { class: "own" },
      h("div", {}, this.search, this.families, this.found, this.more),
      h("div", {}, h("h3", {}, "The chain"), this.picked,
        h("button", { type: "button", class: "small", id: "save-favourite", onclick: () => this.keep() }, icon("star", 14), " keep as a favourite")));
    box.append(this.modes, this.about, this.own);
  }
  async load() {
    this.catalogue = await api.get("effects");
    this.byUri = new Map(this.catalogue.effects.map(effect => [effect.uri, effect]));
    const kept = recall("chain");
    if (kept) {
      this.chain = kept.chain.filter(uri => this.byUri.has(uri));
      this.mode = kept.mode;
    }
    this.draw();
  }
  // What the studio is asked for; null where a chain of one's own is still empty.
  get value() {
    if (this.mode === "own") return this.chain.length ? this.chain : null;
    return this.mode;
  }
  set(value) {
    if (Array.isArray(value)) { this.mode = "own"; this.chain = value.filter(uri => this.byUri.has(uri)); } else this.mode = value;
    this.draw();
  }
  draw() {
    const words = {
      ...Object.fromEntries((this.catalogue.words || []).map(one => [one.word, [one.name, one.about]])),
      own: ["My own chain", "Any effects that are installed here, in series. Drag them into order."] };
    if (!words[this.mode]) this.mode = "auto";
    this.modes.replaceChildren(...Object.entries(words).map(([mode, [name]]) => h("button", { type: "button", role: "radio", "aria-checked": String(mode === this.mode), "data-mode": mode,
      onclick: () => { this.mode = mode; this.draw(); } }, name)));
    this.about.textContent = words[this.mode][1];
    this.own.hidden = this.mode !== "own";
    const families = ["all", "favourites", ...this.catalogue.families];
    this.families.replaceChildren(...families.map(family => h("button", { type: "button", class: "chip", "aria-pressed": String(family === this.family),
      onclick: () => { this.family = family; this.draw(); } }, family)));
    this.list();
    this.order();
    remember("chain", { mode: this.mode, chain: this.chain });
    this.changed();
  }
  name(uri) { return this.byUri.get(uri)?.name || uri; }
  list() {
    const wanted = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let rows;
    if (this.family === "favourites") {
      rows = Object.entries(this.catalogue.favourites).map(([name, uris]) => ({ name, uris, format: uris.map(uri => this.name(uri)).join(" → "), vendor: "", favourite: true }));
    } else {
      rows = this.catalogue.effects.filter(effect => this.family === "all" || effect.family === this.family).map(effect => ({ ...effect, uris: [effect.uri] }));
    }
    rows = rows.filter(row => wanted.every(word => `${row.name} ${row.vendor} ${row.format}`.toLowerCase().includes(word)));
    this.more.textContent = rows.length > SHOWN ? `and ${rows.length - SHOWN} more: search for them` : rows.length ? "" : this.family === "favourites" ? "No favourites yet: keep a chain as one, below it." : "Nothing of that name is installed.";
    this.found.replaceChildren(...rows.slice(0, SHOWN).map(row => h("li", {},
      h("button", { type: "button", class: "add", "data-uri": row.uris.join(" "), onclick: () => { this.chain.push(...row.uris); this.draw(); } },
        icon("plus", 14), h("span", { class: "name" }, row.name), h("span", { class: "soft" }, row.favourite ? row.format : [FORMATS[row.format] || row.format, row.vendor].filter(Boolean).join(" · "))),
      row.favourite ? h("button", { type: "button", class: "ghost", "aria-label": `Take ${row.name} out of the favourites`, onclick: () => this.drop(row.name) }, icon("trash", 14)) : null)));
  }
  order() {
    this.picked.replaceChildren(...(this.chain.length ? this.chain.map((uri, i) => {
      const shift = by => { const [one] = this.chain.splice(i, 1); this.chain.splice(i + by, 0, one); this.draw(); this.picked.children[i + by]?.querySelector(by < 0 ? ".up" : ".down")?.focus(); };
      const row = h("li", { draggable: "true", "data-uri": uri }, h("span", { class: "grip", "aria-hidden": "true" }, icon("grip")), h("span", { class: "name" }, this.name(uri)),
        h("button", { type: "button", class: "ghost up", "aria-label": `Move ${this.name(uri)} up`, disabled: i === 0, onclick: () => shift(-1) }, icon("up", 14)),
        h("button", { type: "button", class: "ghost down", "aria-label": `Move ${this.name(uri)} down`, disabled: i === this.chain.length - 1, onclick: () => shift(1) }, icon("down", 14)),
        h("button", { type: "button", class: "ghost", "aria-label": `Take ${this.name(uri)} out`, onclick: () => { this.chain.splice(i, 1); this.draw(); } }, icon("close", 14)));
      row.addEventListener("dragstart", event => { this.dragged = i; row.classList.add("dragged"); event.dataTransfer.effectAllowed = "move"; event.dataTransfer.setData("text/plain", String(i)); });
      row.addEventListener("dragend", () => { this.dragged = null; row.classList.remove("dragged"); });
      row.addEventListener("dragover", event => { if (this.dragged !== null && this.dragged !== undefined) { event.preventDefault(); row.classList.add("over"); } });
      row.addEventListener("dragleave", () => row.classList.remove("over"));
      row.addEventListener("drop", event => {
        if (this.dragged === null || this.dragged === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        const [one] = this.chain.splice(this.dragged, 1);
        this.chain.splice(i, 0, one);
        this.dragged = null;
        this.draw();
      });
      return row;
    }) : [h("li", { class: "empty soft" }, "Empty: add effects from the list.")]));
    this.own.querySelector("#save-favourite").disabled = !this.chain.length;
  }
  async keep() {
    const name = await ask("Keep this chain as a favourite", "Its name", this.chain.map(uri => this.name(uri)).join(" + ").slice(0, 60).replace(/[:/\\]/g, "-"));
    if (!name) return;
    try {
      this.catalogue.favourites = (await api.post("favourites", { name, effects: this.chain })).favourites;
      toast(`Kept as “${name}”. The command line knows it too: --fx "${name}"`);
      this.draw();
    } catch (error) { complain(error); }
  }
  async drop(name) {
    try {
      this.catalogue.favourites = (await api.post("favourites", { name, effects: null })).favourites;
      this.draw();
    } catch (error) { complain(error); }
  }
}

// A question with one line of an answer.
export function ask(title, label, value = "") {
  return new Promise(resolve => {
    const input = h("input", { type: "text", value, "aria-label": label, maxlength: "64" });
    const dialog = h("dialog", { class: "ask", "aria-label": title }, h("form", { method: "dialog" }, h("h2", {}, title), h("label", {}, label, input),
      h("div", { class: "row" }, h("button", { type: "submit", class: "primary", value: "yes" }, "Keep"), h("button", { type: "button", class: "small", onclick: () => dialog.close("") }, "Cancel"))));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes" ? input.value.trim() : null); });
    document.body.append(dialog);
    dialog.showModal();
    input.select();
  });
}
