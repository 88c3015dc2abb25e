// What a conversation is carried by: microphone and loudspeaker, recordings, and the socket to the server.

export class Trouble extends Error {
  // `kind` says which way out to show; the message is the server's or the browser's own.
  constructor(kind, message = "") {
    super(message);
    this.kind = kind;
  }
}

// ---------------------------------------------------------------- sound

const WANTED_RATE = 16000;
const PAUSE_MS = 200; // longer than the gaps between words

export async function openSound({ onFrame, onNote, onLost }) {
  // Returns {sampleRate, play(samples or note), clear(), close()}. Notes come back with `at`, the moment
  // (performance.now) at which what stood before them has left the loudspeaker.
  if (!window.isSecureContext || !navigator.mediaDevices) throw new Trouble("insecure");
  const stream = await openMicrophone();
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  try {
    stream.getTracks().forEach((track) => (track.onended = onLost));
    const { context, source } = await openContext(stream);
    const capture = new AudioWorkletNode(context, "capture");
    capture.port.onmessage = ({ data }) => onFrame(data);
    source.connect(capture).connect(context.destination); // silent, but what leads nowhere may not run
    const playout = new AudioWorkletNode(context, "playout", { numberOfInputs: 0, outputChannelCount: [1] });
    playout.port.onmessage = ({ data }) => {
      const at = heardAt(context, data.at);
      setTimeout(() => onNote({ ...data, at }), data.cleared ? 0 : at - performance.now());
    };
    playout.connect(context.destination);
    return {
      sampleRate: context.sampleRate,
      play: (item) => playout.port.postMessage(item, item instanceof Float32Array ? [item.buffer] : []),
      clear: () => playout.port.postMessage("clear"),
      close: () => (stop(), context.close()),
    };
  } catch (error) {
    stop();
    throw error;
  }
}

async function openMicrophone() {
  // The server removes noise itself, where it was told to; only the browser can remove the bot's own voice.
  const audio = { echoCancellation: true, noiseSuppression: false, autoGainControl: true, channelCount: 1 };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const kinds = { NotAllowedError: "permission", NotFoundError: "microphone", NotReadableError: "occupied" };
    throw new Trouble(kinds[error.name] ?? "other", error.message);
  }
}

async function openContext(stream) {
  let context = new AudioContext({ sampleRate: WANTED_RATE, latencyHint: "interactive" });
  let source;
  try {
    source = context.createMediaStreamSource(stream);
  } catch {
    await context.close(); // this browser does not resample a microphone, so the server will
    context = new AudioContext({ latencyHint: "interactive" });
    source = context.createMediaStreamSource(stream);
  }
  try {
    await context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
  } catch {
    throw new Trouble("unreachable");
  }
  await context.resume();
  return { context, source };
}

function heardAt(context, time) {
  const { contextTime, performanceTime } = context.getOutputTimestamp();
  if (contextTime > 0) return performanceTime + (time - contextTime) * 1000;
  return performance.now() + (time - context.currentTime + (context.outputLatency || 0)) * 1000;
}

export async function decodeFile(file) {
  // Returns the recording as mono at 16 kHz.
  let audio;
  try {
    audio = await new OfflineAudioContext(1, 1, WANTED_RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Trouble("file", file.name);
  }
  const mono = new Float32Array(audio.length);
  for (let i = 0; i < audio.numberOfChannels; i++) {
    audio.getChannelData(i).forEach((sample, at) => (mono[at] += sample / audio.numberOfChannels));
  }
  return { samples: mono, sampleRate: WANTED_RATE };
}

export class Loudness {
  // Tells speech from silence well enough to know when a speaker stopped; the server decides for itself.
  level = 0; // 0 to 1, for the eye
  #spokeAt = 0; // performance.now of the newest speech
  #pausedAt = 0; // where the speech before it ended
  #floor = 0.01;

  hear(frame, at) {
    const rms = Math.sqrt(frame.reduce((sum, sample) => sum + sample * sample, 0) / frame.length);
    this.#floor += (rms - this.#floor) * (rms < this.#floor ? 0.2 : 0.002);
    if (rms > Math.max(3 * this.#floor, 0.005)) {
      if (at - this.#spokeAt > PAUSE_MS) this.#pausedAt = this.#spokeAt;
      this.#spokeAt = at;
    }
    const decibel = 20 * Math.log10(rms + 1e-6);
    this.level = Math.max(this.level - 0.04, Math.min(1, Math.max(0, (decibel + 60) / 60)));
  }

  speechEnd(now) {
    // When the last finished stretch of speech ended, 0 before any; who speaks right now has begun the next one.
    return now - this.#spokeAt > PAUSE_MS ? this.#spokeAt : this.#pausedAt;
  }
}

// ---------------------------------------------------------------- socket

export function connect(path, token) {
  // Returns an open WebSocket; throws Trouble with the reason, which is not easy to learn.
  const url = new URL(path, document.baseURI);
  const speakable = /^[\w!#$%&'*+.^`|~-]+$/.test(token); // what a subprotocol may be made of
  if (token && !speakable) url.searchParams.set("token", token);
  const ask = url.href;
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, speakable ? [`bearer.${token}`] : []);
  socket.binaryType = "arraybuffer";
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(socket);
    socket.onclose = () => whyRefused(ask, token, speakable).then(reject);
  });
}

async function whyRefused(url, token, speakable) {
  // Browsers keep secret why a socket was refused. The same request without the upgrade is refused for the same reason.
  const headers = speakable ? { Authorization: `Bearer ${token}` } : {};
  try {
    const answer = await fetch(url, { headers, cache: "no-store" });
    if (answer.status === 401) return new Trouble(token ? "wrongToken" : "token");
    const kinds = { 403: "forbidden", 503: "busy" };
    return new Trouble(kinds[answer.status] ?? "socket", (await answer.text()).trim());
  } catch {
    return new Trouble("unreachable");
  }
}
