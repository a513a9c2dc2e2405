// A knob's travel: the same curves as dialin.effects.parameter, so that a value is shown while it is
// turned and not when the render comes back.
import { clamp } from "./dom.js";

export const isStepped = knob => knob.curve === "stepped" || knob.curve === "toggle";
export function snap(knob, position) {
  const value = clamp(position, 0, 1);
  return isStepped(knob) ? Math.round(value * (knob.steps - 1)) / (knob.steps - 1) : value;
}
export function toNative(knob, position) {
  const value = snap(knob, position);
  if (knob.values.length) return knob.values[Math.round(value * (knob.steps - 1))];
  if (knob.curve === "log") return knob.minimum * Math.pow(knob.maximum / knob.minimum, value);
  return knob.minimum + value * (knob.maximum - knob.minimum);
}
export function toPosition(knob, native) {
  const value = clamp(native, knob.minimum, knob.maximum);
  if (knob.values.length) {
    let best = 0;
    knob.values.forEach((v, i) => { if (Math.abs(v - value) < Math.abs(knob.values[best] - value)) best = i; });
    return best / (knob.steps - 1);
  }
  if (knob.curve === "log") return Math.log(value / knob.minimum) / Math.log(knob.maximum / knob.minimum);
  return snap(knob, (value - knob.minimum) / (knob.maximum - knob.minimum));
}
// Three digits, but no integer loses one.
export function digits(value) {
  const size = Math.abs(value);
  const count = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const text = value.toFixed(count);
  return (count ? text.replace(/\.?0+$/, "") : text).replace(/^-/, "−");
}
export function text(knob, position) {
  const native = toNative(knob, position);
  if (knob.labels.length) return knob.labels[Math.round(snap(knob, position) * (knob.steps - 1))];
  if (knob.curve === "toggle") return native === knob.maximum ? "on" : "off";
  if (knob.low_text && native <= knob.minimum) return knob.low_text;
  if (knob.high_text && native >= knob.maximum) return knob.high_text;
  return `${digits(native)} ${knob.unit}`.trim();
}
// Position of what a person typed, or null: "4.5", "-12 dB", "1.2k", a label.
export function parse(knob, typed) {
  const said = typed.trim().replace("−", "-").replace(",", ".");
  const label = knob.labels.findIndex(one => one.toLowerCase() === said.toLowerCase());
  if (label >= 0) return label / (knob.steps - 1);
  if (knob.curve === "toggle" && /^(on|off)$/i.test(said)) return said.toLowerCase() === "on" ? 1 : 0;
  const found = /^([-+]?\d*\.?\d+(?:e[-+]?\d+)?)\s*(k)?/i.exec(said);
  if (!found) return null;
  let value = Number(found[1]) * (found[2] ? 1000 : 1);
  if (knob.unit === "ms" && /\ds$|\d s$/i.test(said)) value *= 1000;
  if (knob.unit === "s" && /ms$/i.test(said)) value /= 1000;
  return toPosition(knob, value);
}
