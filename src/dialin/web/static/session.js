// What is heard of a match: effects, where their knobs stand, the amount; undo and redo; and the
// sound of it, rendered anew whenever something moves. The newest wish wins: while one render is
// under way, only the last of those asked for meanwhile is made next.
import * as api from "./api.js";
import { complain } from "./dom.js";
import { toNative } from "./params.js";

export class Session {
  constructor(transport) {
    this.transport = transport;
    this.listeners = new Set();
    this.latencies = [];
    this.slots = [];
    this.amount = 100;
    this.match = null;
  }
  on(listener) { this.listeners.add(listener); }
  tell(what) { this.listeners.forEach(listener => listener(what)); }

  // A candidate of a match, on a stretch of its input.
  open(match, candidate, input, start, seconds) {
    // What is under way of another candidate is not heard any more.
    Object.assign(this, { match, candidate, input, start, seconds, opened: {} });
    this.slots = candidate.slots.map(slot => ({
      ...slot, bypass: !slot.used, settings: slot.knobs.map(knob => knob.position),
      neutrals: Object.fromEntries(slot.knobs.filter(knob => knob.neutral !== null && knob.neutral !== undefined).map(knob => [knob.id, knob.neutral])),
    }));
    this.locks = new Set(candidate.slots.flatMap(slot => slot.knobs.filter(knob => knob.locked).map(knob => `${slot.slot}.${knob.id}`)));
    this.amount = 100;
    this.past = [];
    this.future = [];
    this.kept = this.snapshot();
    this.first = this.kept;
    this.restore();
    this.tell("open");
  }
  // The same candidate, of which more is known now; the knobs stay where they are.
  learn(match, candidate) {
    this.match = match;
    this.candidate = candidate;
    this.slots.forEach((slot, i) => { slot.knobs = candidate.slots[i].knobs; });
    this.tell("learn");
  }
  snapshot() { return JSON.stringify({ slots: this.slots.map(slot => ({ bypass: slot.bypass, settings: slot.settings })), amount: this.amount }); }
  apply(text) {
    const state = JSON.parse(text);
    if (state.slots.length !== this.slots.length || state.slots.some((slot, i) => slot.settings.length !== this.slots[i].settings.length)) return;
    state.slots.forEach((slot, i) => { this.slots[i].bypass = slot.bypass; this.slots[i].settings = slot.settings; });
    this.amount = state.amount;
  }
  get storage() { return `dialin.session.${this.match.id}.${this.candidate.kind}`; }
  // This tab's own knobs outlive a reload, and no other tab sees them.
  restore() {
    try {
      const text = sessionStorage.getItem(this.storage);
      if (text) { this.apply(text); this.kept = this.snapshot(); }
    } catch { /* none kept */ }
  }
  native(slot, knob) { return toNative(this.slots[slot].knobs[knob], this.slots[slot].settings[knob]); }
  get changed() { return this.snapshot() !== this.first; }

  set(slot, knob, value, done) {
    this.slots[slot].settings[knob] = value;
    if (done) this.commit(); else this.tell("turn");
    this.render(slot);
  }
  setAmount(amount, done) {
    this.amount = amount;
    if (done) this.commit(); else this.tell("turn");
    this.render(null);
  }
  setBypass(slot, bypass) {
    this.slots[slot].bypass = bypass;
    this.commit();
    this.render(null);
  }
  // All knobs at once, as from a map; a list for each slot.
  setAll(settings, done) {
    settings.forEach((values, i) => { if (values) this.slots[i].settings = [...values]; });
    if (done) this.commit(); else this.tell("turn");
    this.render(null);
  }
  commit() {
    const now = this.snapshot();
    if (now !== this.kept) {
      this.past.push(this.kept);
      if (this.past.length > 200) this.past.shift();
      this.future = [];
      this.kept = now;
      try { sessionStorage.setItem(this.storage, now); } catch { /* private windows */ }
    }
    this.tell("turn");
  }
  travel(from, to) {
    if (!from.length) return;
    to.push(this.kept);
    this.kept = from.pop();
    this.apply(this.kept);
    try { sessionStorage.setItem(this.storage, this.kept); } catch { /* private windows */ }
    this.tell("turn");
    this.render(null);
  }
  undo() { this.travel(this.past, this.future); }
  redo() { this.travel(this.future, this.past); }
  reset() { this.apply(this.first); this.commit(); this.render(null); }

  chain() {
    return { slots: this.slots.map(({ uri, settings, bypass, neutrals }) => ({ uri, settings, bypass, neutrals })), amount: this.amount };
  }
  body(changed) {
    return { ...this.chain(), recording: this.input.id, start: this.start, seconds: this.seconds, ...(changed === null || changed === undefined ? {} : { changed }) };
  }
  render(changed) {
    this.wanted = { changed, since: this.wanted?.since ?? performance.now() };
    if (!this.busy) this.busy = this.work().finally(() => { this.busy = null; });
    return this.busy;
  }
  async work() {
    while (this.wanted) {
      const { changed, since } = this.wanted, { opened } = this;
      this.wanted = null;
      this.tell("busy");
      try {
        const sound = await api.render(this.body(changed));
        if (opened !== this.opened) continue;
        const when = this.transport.replace("match", sound);
        const heard = performance.now() + Math.max(0, (when ?? 0) - (this.transport.context?.currentTime ?? 0)) * 1000;
        this.latencies.push({ total: heard - since, render: sound.spent * 1000 });
        if (this.latencies.length > 1000) this.latencies.shift();
        this.tell("heard");
      } catch (error) {
        this.tell("heard");
        complain(error);
      }
    }
  }
}
