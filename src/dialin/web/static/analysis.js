// Numbers from samples: loudness (ITU-R BS.1770, as played: a mono sound comes from both
// loudspeakers), peaks, waveforms, long-term spectra. Pure functions, used by page and worker.

// K weighting at any rate: the two filters of BS.1770-4, after Brecht De Man, "Evaluation of
// implementations of the EBU R128 loudness measurement", 2018.
function weighting(rate) {
  const K1 = Math.tan(Math.PI * 1681.974450955533 / rate), Q1 = 0.7071752369554196;
  const Vh = Math.pow(10, 3.999843853973347 / 20), Vb = Math.pow(Vh, 0.4996667741545416);
  const a = 1 + K1 / Q1 + K1 * K1;
  const K2 = Math.tan(Math.PI * 38.13547087602444 / rate), Q2 = 0.5003270373238773;
  const b = 1 + K2 / Q2 + K2 * K2;
  return [
    [(Vh + Vb * K1 / Q1 + K1 * K1) / a, 2 * (K1 * K1 - Vh) / a, (Vh - Vb * K1 / Q1 + K1 * K1) / a,
      2 * (K1 * K1 - 1) / a, (1 - K1 / Q1 + K1 * K1) / a],
    [1, -2, 1, 2 * (K2 * K2 - 1) / b, (1 - K2 / Q2 + K2 * K2) / b],
  ];
}
export function loudness(channels, rate) {
  const [one, two] = weighting(rate);
  const hop = Math.round(rate / 10), length = channels[0].length;
  const count = Math.max(1, Math.floor(length / hop));
  const power = new Float64Array(count);
  let peak = 0;
  for (const data of channels) {
    let x1 = 0, x2 = 0, y1 = 0, y2 = 0, z1 = 0, z2 = 0;
    for (let block = 0; block < count; block++) {
      const end = block === count - 1 && count * hop > length ? length : Math.min(length, (block + 1) * hop);
      let sum = 0;
      for (let n = block * hop; n < end; n++) {
        const x = data[n];
        if (x > peak) peak = x; else if (-x > peak) peak = -x;
        const y = one[0] * x + one[1] * x1 + one[2] * x2 - one[3] * y1 - one[4] * y2;
        const z = y - 2 * y1 + y2 - two[3] * z1 - two[4] * z2;
        x2 = x1; x1 = x; y2 = y1; y1 = y; z2 = z1; z1 = z;
        sum += z * z;
      }
      power[block] += sum / hop;
    }
  }
  // Gating blocks of 400 ms, a hop of 100 ms apart; mono counts twice.
  const both = channels.length === 1 ? 2 : 1, blocks = [];
  for (let i = 0; i + 4 <= count; i++) blocks.push(both * (power[i] + power[i + 1] + power[i + 2] + power[i + 3]) / 4);
  if (!blocks.length) blocks.push(both * power.reduce((a, b) => a + b, 0) / count);
  const level = mean => -0.691 + 10 * Math.log10(mean);
  const mean = list => list.reduce((a, b) => a + b, 0) / list.length;
  const loud = blocks.filter(p => level(p) > -70);
  if (!loud.length) return { lufs: -Infinity, peak };
  const gate = level(mean(loud)) - 10;
  return { lufs: level(mean(loud.filter(p => level(p) > gate))), peak };
}

// Lowest and highest sample of each column.
export function outline(channels, columns, from = 0, to = channels[0].length) {
  const low = new Float32Array(columns), high = new Float32Array(columns), step = (to - from) / columns;
  for (let c = 0; c < columns; c++) {
    const first = Math.floor(from + c * step), last = Math.max(first + 1, Math.floor(from + (c + 1) * step));
    let bottom = Infinity, top = -Infinity;
    for (const data of channels) {
      const end = Math.min(last, data.length);
      for (let n = first; n < end; n++) {
        const x = data[n];
        if (x < bottom) bottom = x;
        if (x > top) top = x;
      }
    }
    low[c] = bottom === Infinity ? 0 : bottom;
    high[c] = top === -Infinity ? 0 : top;
  }
  return { low, high };
}

function transform(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) { [re[i], re[j]] = [re[j], re[i]]; [im[i], im[j]] = [im[j], im[i]]; }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = -2 * Math.PI / size, wr = Math.cos(angle), wi = Math.sin(angle), half = size >> 1;
    for (let start = 0; start < n; start += size) {
      let cr = 1, ci = 0;
      for (let k = start; k < start + half; k++) {
        const r = re[k + half] * cr - im[k + half] * ci, i = re[k + half] * ci + im[k + half] * cr;
        re[k + half] = re[k] - r; im[k + half] = im[k] - i;
        re[k] += r; im[k] += i;
        [cr, ci] = [cr * wr - ci * wi, cr * wi + ci * wr];
      }
    }
  }
}
export const LOWEST = 30, PER_OCTAVE = 6;
// Long-term spectrum in sixth-octave bands, dB (Welch: Hann windows, half overlapped).
export function bands(channels, rate) {
  const size = 8192, length = channels[0].length, power = new Float64Array(size / 2 + 1);
  const hann = Float64Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos(2 * Math.PI * n / size));
  let frames = 0;
  for (let start = 0; start === 0 || start + size <= length; start += size / 2) {
    // Two real signals go through one transform.
    const re = new Float64Array(size), im = new Float64Array(size);
    const left = channels[0], right = channels[1] || channels[0];
    for (let n = 0; n < size && start + n < length; n++) {
      re[n] = left[start + n] * hann[n];
      im[n] = right[start + n] * hann[n];
    }
    transform(re, im);
    for (let k = 0; k <= size / 2; k++) {
      const m = (size - k) % size;
      power[k] += (re[k] * re[k] + im[k] * im[k] + re[m] * re[m] + im[m] * im[m]) / 2;
    }
    frames++;
  }
  const result = [], half = Math.pow(2, 0.5 / PER_OCTAVE), bin = rate / size;
  for (let i = 0; ; i++) {
    const centre = LOWEST * Math.pow(2, i / PER_OCTAVE);
    if (centre > Math.min(20000, 0.45 * rate)) break;
    const from = centre / half / bin, to = centre * half / bin;
    let sum = 0;
    for (let k = Math.floor(from); k <= Math.ceil(to); k++) {
      const share = Math.min(to, k + 0.5) - Math.max(from, k - 0.5);
      if (share > 0) sum += power[k] * share;
    }
    result.push([centre, 10 * Math.log10(Math.max(sum / frames / size, 1e-14))]);
  }
  return result;
}
