// Small helpers of the page: elements, messages, numbers as text.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// h("button", {class: "small", onclick: f, "aria-label": "x"}, "text", child)
export function h(tag, attributes = {}, ...children) {
  const made = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "hidden") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

const ICONS = {
  play: "M4 2.2v11.6L13.4 8z",
  pause: "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  up: "M3.5 10L8 5.5 12.5 10",
  down: "M3.5 6L8 10.5 12.5 6",
  plus: "M8 3v10M3 8h10",
  star: "M8 1.8l1.9 4 4.3.5-3.2 3 .9 4.4L8 11.5l-3.9 2.2.9-4.4-3.2-3 4.3-.5z",
  lock: "M4.5 7.5V5.5a3.5 3.5 0 0 1 7 0v2M3.5 7.5h9v6h-9z",
  open: "M4.5 7.5V5.5a3.5 3.5 0 0 1 6.6-1.6M3.5 7.5h9v6h-9z",
  undo: "M6 3L2.5 6.5 6 10M2.5 6.5h7a4 4 0 0 1 0 8H7",
  redo: "M10 3l3.5 3.5L10 10M13.5 6.5h-7a4 4 0 0 0 0 8H9",
  grip: "M6 3.5v.01M10 3.5v.01M6 8v.01M10 8v.01M6 12.5v.01M10 12.5v.01",
  power: "M8 2v6M4.6 4.4a5 5 0 1 0 6.8 0",
  pin: "M8 14s4.5-4.6 4.5-8a4.5 4.5 0 0 0-9 0c0 3.4 4.5 8 4.5 8zM8 6v.01",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.7 9h5.6l.7-9",
  wave: "M2 8h1.5l1.5-4 2 9 2-11 2 9 1.2-3H14",
};
export function icon(name, size = 16) {
  return h("svg:svg", { viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true",
    class: `icon ${name === "play" || name === "pause" ? "solid" : ""}` }, h("svg:path", { d: ICONS[name] }));
}

export function toast(text, kind = "info") {
  const box = document.getElementById("toasts");
  const made = h("div", { class: `toast ${kind}` }, h("span", {}, text),
    h("button", { type: "button", class: "ghost", "aria-label": "Dismiss", onclick: () => made.remove() }, icon("close", 14)));
  [...box.children].filter(other => other.firstChild.textContent === text).forEach(other => other.remove());
  box.append(made);
  while (box.children.length > 4) box.firstChild.remove();
  if (kind !== "error") setTimeout(() => made.remove(), 5000);
  return made;
}
// What went wrong, said once, whoever noticed it.
export const complain = error => {
  if (error?.name === "AbortError") return;
  console.warn(error);
  toast(error?.message || String(error), "error");
};

export const minutes = exact => {
  const seconds = Math.round(10 * exact) / 10;
  const whole = Math.floor(seconds / 60);
  const rest = seconds - 60 * whole;
  return `${whole}:${rest < 10 ? "0" : ""}${rest.toFixed(1)}`;
};
export const signed = (value, digits = 1) => {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : (value < 0 ? "−" : "+") + text;
};
export const ago = when => {
  const passed = Date.now() / 1000 - when;
  if (passed < 60) return "just now";
  if (passed < 3600) return `${Math.round(passed / 60)} min ago`;
  if (passed < 86400) return `${Math.round(passed / 3600)} h ago`;
  return new Date(when * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
};

// Colours of the style sheet, for what is drawn on a canvas; read again when the theme changes.
let palette = null;
export function colours() {
  if (!palette) {
    const style = getComputedStyle(document.documentElement);
    palette = Object.fromEntries(["paper", "card", "ink", "soft", "hair", "wash", "input", "matched", "reference", "nearest",
      "good", "low", "mid", "high"].map(name => [name, style.getPropertyValue(`--${name}`).trim()]));
  }
  return palette;
}
const repaint = new Set();
export const onTheme = draw => { repaint.add(draw); return () => repaint.delete(draw); };
export function themeChanged() { palette = null; repaint.forEach(draw => draw()); }

// A canvas as large as it is shown, in the device's own pixels.
export function fit(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio)), height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
}
export function onResize(element, draw) {
  const watch = new ResizeObserver(() => draw());
  watch.observe(element);
}
export const remember = (key, value) => { try { localStorage.setItem(`dialin.${key}`, JSON.stringify(value)); } catch { /* private windows */ } };
export const recall = (key, otherwise = null) => {
  try { return JSON.parse(localStorage.getItem(`dialin.${key}`)) ?? otherwise; } catch { return otherwise; }
};
