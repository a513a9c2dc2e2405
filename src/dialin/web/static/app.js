// The page: which view is shown, keys, theme.
import { $, $$, complain, recall, remember, themeChanged, toast } from "./dom.js";
import * as api from "./api.js";
import { History } from "./history.js";
import { EffectMap } from "./map.js";
import { Result } from "./result.js";
import { Progress, Setup } from "./setup.js";
import { Take } from "./take.js";
import { Tour } from "./tour.js";

// The token is in a cookie by now; it need not stay where it can be seen or copied by mistake.
if (location.search) history.replaceState(null, "", `/${location.hash}`);

const setup = new Setup(id => { location.hash = `#/match/${id}`; });
const progress = new Progress(ended);
const result = new Result({ rematch, setup: match => { location.hash = "#/"; setup.again(match); } });
const past = new History();
const tour = new Tour(setup);
const map = new EffectMap();
result.parts.push(new Take(), map);

function view(name) {
  for (const one of ["setup", "result", "history"]) $(`#view-${one}`).hidden = one !== name;
  $$(".top nav a").forEach(link => link.getAttribute("href") === (name === "history" ? "#/history" : "#/") && name !== "result" ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
  if (name !== "result") { result.transport.stop(); document.title = "dialin studio"; }
}
async function route() {
  const [, id] = /^#\/match\/([A-Za-z0-9-]+)$/.exec(location.hash) || [];
  try {
    if (location.hash === "#/history") { progress.leave(); view("history"); await past.show(); }
    else if (id) await show(id);
    else if (location.hash === "#/hand") await byHand();
    else { view("setup"); if (!progress.id) progress.leave(); }
  } catch (error) { complain(error); view("setup"); }
}
// This tab's own, kept in it.
async function byHand() {
  let asked = null;
  try { asked = JSON.parse(sessionStorage.getItem("dialin.hand")); } catch { /* none kept */ }
  if (!asked) { location.hash = "#/"; return; }
  progress.leave();
  view("result");
  result.showTab("knobs");
  await result.byHand(asked);
}
async function show(id) {
  if (result.match?.id === id && result.match.status === "done") return view("result");
  const match = await api.get(`matches/${id}`);
  if (["queued", "running"].includes(match.status)) {
    view("setup");
    if (!setup.input && !setup.references.length) await setup.again(match);
    progress.follow(id);
    progress.box.scrollIntoView({ block: "nearest" });
    tour.event("begun");
    return;
  }
  progress.leave();
  if (!match.candidates) {
    toast({ cancelled: "This match was cancelled.", interrupted: "The studio was closed before this match was done. Press Match to do it again." }[match.status] || `This match failed: ${match.error}`, match.status === "failed" ? "error" : "info");
    location.hash = "#/";
    await setup.again(match);
    return;
  }
  view("result");
  result.showTab("knobs");
  await result.open(id);
}
async function ended(id, state) {
  if (location.hash !== `#/match/${id}`) {
    if (state.status === "done") toast("A match is done: it is in the history.");
    return;
  }
  if (state.status === "done") {
    await show(id).catch(complain);
    tour.event("matched");
    $("#play").focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  } else {
    if (state.status === "failed") complain(new Error(state.error.message));
    else toast("Cancelled. Nothing was kept.");
    location.hash = "#/";
  }
}
async function rematch(body) {
  try { location.hash = `#/match/${(await api.post("matches", body)).id}`; } catch (error) { complain(error); }
}

// -- keys ---------------------------------------------------------------------------------------
document.addEventListener("keydown", event => {
  if (event.defaultPrevented || $("dialog[open]")) return;
  const t = result.transport, shown = !$("#view-result").hidden && t.tracks.length;
  const writing = event.target.closest("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]");
  const control = event.target.closest("button, input, select, textarea, a, summary");
  if (writing) return;
  if (event.key === "?" ) { event.preventDefault(); return $("#help").showModal(); }
  if (!shown) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && key === "z") { event.preventDefault(); return event.shiftKey ? result.session.redo() : result.session.undo(); }
  if ((event.ctrlKey || event.metaKey) && key === "y") { event.preventDefault(); return result.session.redo(); }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const here = t.position(), region = t.span(t.current);
  if (event.key === " ") {
    // What has the focus answers to space itself.
    if (control && control.id !== "play") return;
    event.preventDefault();
    t.toggle().catch(complain);
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    if (event.target.closest("input[type=range]")) return;
    event.preventDefault();
    t.skip(event.key === "ArrowLeft" ? -1 : 1);
  } else if (/^[1-9]$/.test(key)) t.pick(Number(key) - 1);
  else if (key === "l") $("#equal").click();
  else if (key === "[") t.loop(t.current, here, here < region[1] - 0.05 ? region[1] : t.length(t.current));
  else if (key === "]") t.loop(t.current, region[0] < here ? region[0] : 0, here);
  else if (key === "escape") t.unloop();
  else if (key === "+" || key === "=") result.lanes.zoom(2);
  else if (key === "-") result.lanes.zoom(0.5);
  else if (key === "0") result.lanes.zoom(1 / 256);
});
$("#show-help").addEventListener("click", () => $("#help").showModal());
$("#hand").addEventListener("click", () => {
  sessionStorage.setItem("dialin.hand", JSON.stringify(setup.byHand()));
  if (location.hash === "#/hand") route(); else location.hash = "#/hand";
});
$("#start-tour").addEventListener("click", () => tour.start());

// -- theme --------------------------------------------------------------------------------------
const THEMES = ["auto", "light", "dark"];
function theme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
  $("#theme").setAttribute("aria-label", `Theme: ${name}`);
  $("#theme").title = `Theme: ${name}`;
  themeChanged();
}
let chosen = recall("theme", "auto");
theme(THEMES.includes(chosen) ? chosen : "auto");
$("#theme").addEventListener("click", () => { chosen = THEMES[(THEMES.indexOf(chosen) + 1) % 3]; remember("theme", chosen); theme(chosen); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => themeChanged());
// A file that misses its place is not to take the place of the page.
for (const name of ["dragover", "drop"]) document.addEventListener(name, event => event.preventDefault());

window.dialinStudio = { api, setup, result, map, progress, tour, state: () => result.transport.state() };
// What was turned a moment ago is kept too.
window.addEventListener("pagehide", () => { if (result.session.match) result.session.commit(); });
window.addEventListener("hashchange", () => { route(); });
try {
  await setup.load(await api.get("studio"));
} catch (error) { complain(error); }
await route();
tour.offer();
document.documentElement.dataset.ready = "yes";
