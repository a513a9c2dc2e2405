// Long-term spectra, off the page's own thread.
import { bands } from "./analysis.js";

onmessage = event => postMessage({ id: event.data.id, bands: bands(event.data.channels, event.data.rate) });
