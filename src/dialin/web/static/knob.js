// One knob, in its own units. Drag, wheel, arrows, double-click for the default, type a value.
import { clamp, h, icon } from "./dom.js";
import { isStepped, parse, snap, text } from "./params.js";

const SWEEP = 270, FROM = 135, RADIUS = 25, CENTRE = 32;
const point = (position, radius) => {
  const angle = (FROM + SWEEP * position) * Math.PI / 180;
  return [CENTRE + radius * Math.cos(angle), CENTRE + radius * Math.sin(angle)];
};
const arc = (from, to, radius) => {
  const [x1, y1] = point(Math.min(from, to), radius), [x2, y2] = point(Math.max(from, to), radius);
  return `M${x1.toFixed(2)} ${y1.toFixed(2)}A${radius} ${radius} 0 ${Math.abs(to - from) * SWEEP > 180 ? 1 : 0} 1 ${x2.toFixed(2)} ${y2.toFixed(2)}`;
};
const tick = (position, radius, length) => {
  const [x1, y1] = point(position, radius), [x2, y2] = point(position, radius + length);
  return `M${x1.toFixed(2)} ${y1.toFixed(2)}L${x2.toFixed(2)} ${y2.toFixed(2)}`;
};

// spec: as the studio tells it. change(position, done) is called while it is turned; lock(on).
export function makeKnob(spec, label, { position, locked, change, lock }) {
  let value = position, held = locked;
  const name = spec.title || spec.name;
  const base = spec.neutral_position ?? spec.default_position;
  const lockButton = h("button", { type: "button", class: "lock", title: "Keep this knob when matching again", "aria-pressed": String(held),
    "aria-label": `Lock ${label} ${name}`, onclick: () => { held = !held; lock(held); showLock(); } });
  function showLock() {
    lockButton.setAttribute("aria-pressed", String(held));
    lockButton.replaceChildren(icon(held ? "lock" : "open", 13));
  }
  showLock();
  const marks = [["matched", spec.position, "the match"], ["default", spec.default_position, "default"]];
  if (spec.neutral_position !== null) marks.push(["neutral", spec.neutral_position, "neutral"]);
  const said = marks.map(([, at, what]) => `${what} ${text(spec, at)}`).join(", ");
  const hint = [name, said, spec.likely ? `as likely from ${text(spec, spec.likely[0])} to ${text(spec, spec.likely[1])}` : "", spec.dead ? "changes nothing that can be heard" : ""].filter(Boolean).join("\n");

  let control, face = () => {};
  const typed = h("button", { type: "button", class: "value num", title: "Click to type a value" });
  if (spec.curve === "toggle") {
    control = h("button", { type: "button", class: "toggle", role: "switch", "aria-label": `${label} ${name}`, title: hint,
      onclick: () => set(value > 0.5 ? 0 : 1, true) }, h("i", {}));
    face = () => control.setAttribute("aria-checked", String(value > 0.5));
  } else if (spec.labels.length && spec.labels.length <= 64) {
    control = h("select", { "aria-label": `${label} ${name}`, title: hint, onchange: () => set(control.selectedIndex / (spec.steps - 1), true) },
      spec.labels.map(one => h("option", {}, one)));
    face = () => { control.selectedIndex = Math.round(value * (spec.steps - 1)); };
  } else {
    const move = h("svg:path", { class: "move" }), hand = h("svg:path", { class: "hand" });
    const drawing = h("svg:svg", { viewBox: "0 0 64 60", "aria-hidden": "true" },
      h("svg:path", { class: "track", d: arc(0, 1, RADIUS) }),
      spec.likely ? h("svg:path", { class: "likely", d: arc(spec.likely[0], Math.max(spec.likely[1], spec.likely[0] + 0.01), RADIUS + 5) }) : null,
      move, marks.map(([kind, at]) => h("svg:path", { class: `mark ${kind}`, d: tick(at, kind === "matched" ? 21.5 : 23, kind === "matched" ? 7 : 4) })),
      h("svg:circle", { class: "cap", cx: CENTRE, cy: CENTRE, r: 17 }), hand);
    control = h("div", { class: "dial", tabindex: "0", role: "slider", "aria-label": `${label} ${name}`, "aria-valuemin": "0", "aria-valuemax": "100", title: hint }, drawing);
    face = () => {
      move.setAttribute("d", Math.abs(value - base) < 0.002 ? "" : arc(base, value, RADIUS));
      const [x1, y1] = point(value, 7), [x2, y2] = point(value, 15);
      hand.setAttribute("d", `M${x1.toFixed(2)} ${y1.toFixed(2)}L${x2.toFixed(2)} ${y2.toFixed(2)}`);
      control.setAttribute("aria-valuenow", (100 * value).toFixed(1));
      control.setAttribute("aria-valuetext", text(spec, value));
    };
    turned(control);
  }
  const box = h("div", { class: `knob ${spec.dead ? "dead" : ""}`, "data-knob": spec.id }, h("div", { class: "head" }, h("span", { class: "name", title: name }, name), lockButton), control, control.tagName === "SELECT" ? null : typed);
  function show() {
    face();
    typed.textContent = text(spec, value);
    typed.setAttribute("aria-label", `${label} ${name} ${typed.textContent}, type a value`);
    box.classList.toggle("moved", Math.abs(value - spec.position) > 1e-6);
  }
  function set(next, done) {
    const there = snap(spec, next);
    if (there === value && !done) return;
    value = there;
    show();
    change(value, done);
  }
  function turned(dial) {
    const least = isStepped(spec) ? 1 / (spec.steps - 1) : 0.01;
    let from = null, rest = 0, idle = 0;
    // Where the rack was built anew meanwhile, this knob shows nothing any more, and its value is old.
    const settled = () => { if (dial.isConnected) change(value, true); };
    dial.addEventListener("pointerdown", event => {
      if (event.button !== 0) return;
      dial.setPointerCapture(event.pointerId);
      from = { y: event.clientY, x: event.clientX, value, fine: event.shiftKey, moved: false };
    });
    dial.addEventListener("pointermove", event => {
      if (!from) return;
      if (event.shiftKey !== from.fine) from = { ...from, y: event.clientY, x: event.clientX, value, fine: event.shiftKey };
      const way = (from.y - event.clientY) + (event.clientX - from.x);
      if (Math.abs(way) > 2) from.moved = true;
      if (from.moved) set(from.value + way / (from.fine ? 1600 : 180), false);
    });
    const end = () => { if (from?.moved) change(value, true); from = null; };
    dial.addEventListener("pointerup", end);
    dial.addEventListener("pointercancel", end);
    dial.addEventListener("dblclick", () => set(spec.default_position, true));
    // The wheel turns what has the focus; over another it scrolls the page.
    dial.addEventListener("wheel", event => {
      if (document.activeElement !== dial) return;
      event.preventDefault();
      rest -= event.deltaY * (event.shiftKey ? 0.1 : 1);
      const steps = Math.trunc(rest / 30);
      if (!steps) return;
      rest -= 30 * steps;
      set(value + steps * least, false);
      clearTimeout(idle);
      idle = setTimeout(settled, 300);
    }, { passive: false });
    dial.addEventListener("keydown", event => {
      const step = event.shiftKey && !isStepped(spec) ? 0.001 : least;
      const to = { ArrowUp: value + step, ArrowRight: value + step, ArrowDown: value - step, ArrowLeft: value - step,
        PageUp: value + Math.max(0.1, least), PageDown: value - Math.max(0.1, least), Home: 0, End: 1, Delete: spec.default_position, Backspace: spec.default_position }[event.key];
      if (event.key === "Enter") { event.preventDefault(); event.stopPropagation(); return type(); }
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      set(clamp(to, 0, 1), false);
      clearTimeout(idle);
      idle = setTimeout(settled, 400);
    });
  }
  function type() {
    const input = h("input", { type: "text", class: "value num", value: text(spec, value), "aria-label": `${label} ${name}, value` });
    let over = false;
    const leave = take => {
      if (over) return;
      over = true;
      const at = take ? parse(spec, input.value) : null;
      input.replaceWith(typed);
      if (at !== null) set(at, true);
    };
    input.addEventListener("keydown", event => {
      event.stopPropagation();
      if (event.key === "Enter") { event.preventDefault(); leave(true); typed.focus(); }
      if (event.key === "Escape") { leave(false); typed.focus(); }
    });
    input.addEventListener("blur", () => leave(true));
    typed.replaceWith(input);
    input.focus();
    input.select();
  }
  typed.addEventListener("click", type);
  show();
  return { element: box, show(next) { if (next !== value) { value = next; show(); } }, lock(on) { held = on; showLock(); } };
}
