// Talking to the studio. The cookie that came with the page says who we are.

export class Refused extends Error {
  constructor(status, code, message) { super(message); this.status = status; this.code = code; }
}
async function checked(answer) {
  if (answer.ok) return answer;
  let said = null;
  try { said = (await answer.json()).error; } catch { /* no JSON: said below */ }
  throw new Refused(answer.status, said?.code || "http", said?.message || `the studio answered ${answer.status}`);
}
async function ask(path, options = {}) {
  try {
    return await checked(await fetch(`/api/${path}`, options));
  } catch (error) {
    if (error instanceof TypeError) throw new Refused(0, "gone", "the studio does not answer: is it still running in the terminal?");
    throw error;
  }
}
export const get = async path => (await ask(path)).json();
const send = (path, body, method, signal) => ask(path, {
  method, signal, headers: { "Content-Type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body),
});
export const post = async (path, body) => {
  const answer = await send(path, body, "POST");
  return answer.status === 204 ? null : answer.json();
};
export const remove = path => ask(path, { method: "DELETE" });

// Float32 samples, one channel after the other.
async function samples(answer) {
  const rate = Number(answer.headers.get("X-Sample-Rate")), count = Number(answer.headers.get("X-Channels"));
  const all = new Float32Array(await answer.arrayBuffer());
  const length = all.length / count;
  const channels = Array.from({ length: count }, (_, c) => all.subarray(c * length, (c + 1) * length));
  return { rate, channels, length, seconds: length / rate, spent: Number(answer.headers.get("X-Render-Seconds")) };
}
export const stretch = async (id, start, seconds) =>
  samples(await ask(`recordings/${id}/window?start=${start}&seconds=${seconds}`));
export const render = async (body, signal) => samples(await send("render", body, "POST", signal));

// Uploading tells how far it is, which fetch does not.
export function upload(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/recordings?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = event => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      let said = {};
      try { said = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status === 201) resolve(said);
      else reject(new Refused(request.status, said.error?.code, said.error?.message || `the studio answered ${request.status}`));
    };
    request.onerror = () => reject(new Refused(0, "gone", `${file.name} could not be sent: it is too large for this studio, or the studio is not running any more`));
    request.send(file);
  });
}

// States of a job as they come; the browser connects anew by itself where the line breaks.
export function watch(path, tell) {
  const source = new EventSource(`/api/${path}`);
  source.onmessage = event => {
    const state = JSON.parse(event.data);
    if (!["queued", "running"].includes(state.status)) source.close();
    tell(state);
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) tell({ status: "failed", error: { message: "the studio does not answer any more" } });
  };
  return () => source.close();
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
export async function download(path, body) {
  const answer = await send(path, body, "POST");
  const name = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("Content-Disposition") || "");
  save(await answer.blob(), name ? decodeURIComponent(name[1]) : "preset");
  return JSON.parse(answer.headers.get("X-Notes") || "[]");
}
export const follow = path => {
  const link = document.createElement("a");
  link.href = `/api/${path}`;
  link.download = "";
  link.click();
};
