// Matches that were made here before.
import { $, ago, complain, h, icon } from "./dom.js";
import * as api from "./api.js";

const STATUS = { done: "", failed: "failed", cancelled: "cancelled", interrupted: "interrupted", running: "running", queued: "waiting" };

export class History {
  constructor() {
    this.list = $("#history-list");
    this.search = $("#history-search");
    let typing = 0;
    this.search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => this.show(), 150); });
  }
  async show() {
    try {
      const rows = await api.get(`matches?search=${encodeURIComponent(this.search.value)}`);
      this.list.replaceChildren(...(rows.length ? rows.map(row => this.row(row)) : [h("li", { class: "soft empty" }, this.search.value ? "Nothing of that name." : "No matches yet.")]));
    } catch (error) { complain(error); }
  }
  row(row) {
    const { before, after, effects, sure } = row.summary;
    const change = before ? `${Math.round(100 * (after / before - 1))} %`.replace("-", "−") : "";
    const facts = row.status === "done" ? [effects.length ? effects.join(" → ") : "left alone", sure === false ? "not sure" : ""].filter(Boolean).join(" · ") : [STATUS[row.status], row.error].filter(Boolean).join(": ");
    const item = h("li", { class: `match ${row.status}` },
      h("a", { href: `#/match/${row.id}` }, h("b", {}, row.title), h("span", { class: "soft" }, facts)),
      h("span", { class: "num change" }, row.status === "done" ? change : ""), h("time", { class: "soft", datetime: new Date(row.created * 1000).toISOString() }, ago(row.created)),
      h("button", { type: "button", class: "ghost", "aria-label": `Delete ${row.title}`, onclick: async () => {
        if (!await confirmed(`Delete “${row.title}”?`, "Its preset, audio and report in this library are deleted; files you saved elsewhere stay.")) return;
        try { await api.remove(`matches/${row.id}`); item.remove(); if (!this.list.children.length) this.show(); } catch (error) { complain(error); }
      } }, icon("trash", 15)));
    return item;
  }
}
function confirmed(title, text) {
  return new Promise(resolve => {
    const dialog = h("dialog", { class: "ask", "aria-label": title }, h("form", { method: "dialog" }, h("h2", {}, title), h("p", {}, text),
      h("div", { class: "row" }, h("button", { type: "submit", class: "danger", value: "yes" }, "Delete"), h("button", { type: "submit", class: "small", value: "" }, "Keep"))));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
