// All tracks start on the same sample and run on; switching only turns gains.
//
// Times are seconds in a track. Tracks of one group (the input and what is made of it) are the same
// music and share a loop; each reference has its own. A track's sound can be replaced while it
// plays: the new one comes in at the very place where the old one is, and both cross over.
import { loudness } from "./analysis.js";
import { clamp } from "./dom.js";

const LOUDEST = -16, CROSS = 0.02, SHORTEST = 0.05;

export class Transport {
  constructor() {
    this.tracks = [];
    this.current = 0;
    this.playing = false;
    this.equal = true;
    this.volume = 1;
    this.offsets = [];
    this.regions = new Map();
    this.startedAt = 0;
    this.context = null;
    this.listeners = new Set();
  }
  on(listener) { this.listeners.add(listener); return () => this.listeners.delete(listener); }
  tell(what) { this.listeners.forEach(listener => listener(what)); }

  get audio() {
    if (!this.context) {
      const context = this.context = new AudioContext({ latencyHint: "interactive" });
      this.master = context.createGain();
      this.master.connect(context.destination);
      this.spectrum = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0.75 });
      this.master.connect(this.spectrum);
      const split = context.createChannelSplitter(2);
      // Mono comes from both loudspeakers, and is shown so.
      const stereo = new GainNode(context, { channelCount: 2, channelCountMode: "explicit", channelInterpretation: "speakers" });
      this.master.connect(stereo).connect(split);
      this.sides = [0, 1].map(side => {
        const analyser = new AnalyserNode(context, { fftSize: 2048 });
        split.connect(analyser, side);
        return analyser;
      });
      this.master.gain.value = this.volume * this.volume;
    }
    return this.context;
  }

  // Tracks: {key, kind, name, group, channels, rate}
  load(tracks) {
    this.stop();
    this.tracks.forEach(track => track.gain.disconnect());
    this.regions.clear();
    this.tracks = tracks.map(track => {
      const gain = this.audio.createGain();
      gain.gain.value = 0;
      gain.connect(this.master);
      return { ...track, ...this.measured(track), gain, voice: null };
    });
    this.offsets = tracks.map(() => 0);
    this.current = clamp(this.tracks.findIndex(track => track.kind === "matched"), 0, tracks.length);
    this.balance();
    this.blend(0);
    this.tell("load");
  }
  measured({ channels, rate }) {
    const buffer = this.audio.createBuffer(channels.length, channels[0].length, rate);
    channels.forEach((data, c) => buffer.copyToChannel(data, c));
    return { buffer, channels, rate, ...loudness(channels, rate) };
  }
  index(key) { return this.tracks.findIndex(track => track.key === key); }

  // New sound for a track. Returns the moment, on the context's clock, at which it is heard.
  replace(key, sound) {
    const i = this.index(key), track = this.tracks[i];
    if (i < 0) return null;
    Object.assign(track, this.measured(sound));
    this.balance();
    let when = this.audio.currentTime;
    if (this.playing) {
      when = this.audio.currentTime + 0.008;
      const old = track.voice;
      track.voice = this.voice(i, when, this.at(i, when), true);
      if (old) {
        old.level.gain.setValueAtTime(1, when);
        old.level.gain.linearRampToValueAtTime(0, when + CROSS);
        old.source.stop(when + CROSS + 0.01);
      }
    }
    this.blend();
    this.tell("replace");
    return when;
  }
  voice(i, when, offset, fade) {
    const source = this.audio.createBufferSource(), level = this.audio.createGain();
    source.buffer = this.tracks[i].buffer;
    source.loop = true;
    [source.loopStart, source.loopEnd] = this.span(i);
    source.connect(level).connect(this.tracks[i].gain);
    if (fade) {
      level.gain.setValueAtTime(0, when);
      level.gain.linearRampToValueAtTime(1, when + CROSS);
    }
    source.onended = () => level.disconnect();
    source.start(when, offset);
    return { source, level };
  }

  length(i) { return this.tracks[i].buffer.duration; }
  span(i) { return this.regions.get(this.tracks[i].group) || [0, this.length(i)]; }
  wrap(i, time) {
    const [from, to] = this.span(i), size = to - from;
    return from + (((time - from) % size) + size) % size;
  }
  at(i, when) { return this.wrap(i, this.offsets[i] + (this.playing ? Math.max(0, when - this.startedAt) : 0)); }
  get now() { return this.context ? this.context.currentTime : 0; }
  position(i = this.current) { return this.tracks.length ? this.at(i, this.now) : 0; }
  // Of all tracks at one moment: the clock may go on between two looks at it.
  positions() { const now = this.now; return this.tracks.map((_, i) => this.at(i, now)); }

  async toggle() { return this.playing ? this.stop() : this.play(); }
  async play() {
    if (!this.tracks.length) return;
    await this.audio.resume();
    if (this.playing) return;
    this.start();
    this.playing = true;
    this.tell("play");
  }
  start() {
    const when = this.audio.currentTime + 0.03;
    this.tracks.forEach((track, i) => { track.voice = this.voice(i, when, this.offsets[i], false); });
    this.startedAt = when;
  }
  halt() {
    this.tracks.forEach(track => { track.voice?.source.stop(); track.voice = null; });
  }
  stop() {
    if (!this.playing) return;
    this.offsets = this.positions();
    this.playing = false;
    this.halt();
    this.tell("play");
  }
  // Whatever moves the tracks: says where each goes from where it is, and starts them there.
  move(change) {
    const now = this.positions();
    const target = change(now) || (time => time);
    now.forEach((time, i) => { this.offsets[i] = this.wrap(i, target(time)); });
    if (this.playing) { this.halt(); this.start(); }
    this.tell("move");
  }
  seek(to) { this.move(() => () => to); }
  skip(by) { this.move(() => time => time + by); }
  loop(i, from, to) {
    const end = this.length(i);
    [from, to] = [clamp(Math.min(from, to), 0, end), clamp(Math.max(from, to), 0, end)];
    if (to - from < SHORTEST) return;
    this.move(() => { this.regions.set(this.tracks[i].group, [from, to]); });
  }
  unloop() { this.move(() => { this.regions.clear(); }); }

  pick(i) {
    if (i < 0 || i >= this.tracks.length) return;
    this.current = i;
    this.blend();
    this.tell("pick");
  }
  setEqual(on) { this.equal = on; this.balance(); this.blend(); this.tell("level"); }
  setVolume(volume) {
    this.volume = volume;
    this.audio;
    this.master.gain.setTargetAtTime(volume * volume, this.audio.currentTime, 0.006);
  }
  // Equal loudness: the highest at which no track's peak passes -0.5 dBFS, -16 LUFS at most.
  // Otherwise they keep their levels to each other, turned down together if one would clip.
  balance() {
    const heard = this.tracks.filter(track => Number.isFinite(track.lufs) && track.peak > 0);
    const db = peak => 20 * Math.log10(peak);
    const target = Math.min(LOUDEST, ...heard.map(track => track.lufs - db(track.peak) - 0.5));
    const natural = Math.min(0, ...heard.map(track => -0.1 - db(track.peak)));
    this.tracks.forEach(track => {
      track.db = this.equal ? (Number.isFinite(track.lufs) ? target - track.lufs : 0) : natural;
    });
  }
  factor(i) { return Math.pow(10, this.tracks[i].db / 20); }
  blend(smooth = 0.006) {
    this.tracks.forEach((track, i) => {
      const value = i === this.current ? this.factor(i) : 0;
      if (smooth) track.gain.gain.setTargetAtTime(value, this.audio.currentTime, smooth);
      else track.gain.gain.value = value;
    });
  }
  state() {
    return {
      playing: this.playing, current: this.current, keys: this.tracks.map(track => track.key),
      positions: this.positions(), gains: this.tracks.map(track => track.gain.gain.value),
      wanted: this.tracks.map((_, i) => i === this.current ? this.factor(i) : 0),
      lufs: this.tracks.map(track => track.lufs), peaks: this.tracks.map(track => track.peak),
      lengths: this.tracks.map((_, i) => this.length(i)), region: this.tracks.length ? this.regions.get(this.tracks[this.current].group) || null : null,
      equal: this.equal, time: this.context?.currentTime ?? null,
    };
  }
}
