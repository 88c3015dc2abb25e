// On the audio thread. Times are in the context's seconds and exact to the sample.

class Capture extends AudioWorkletProcessor {
  // Posts what comes in as frames of 20 ms.
  size = Math.round(sampleRate / 50);
  frame = new Float32Array(this.size);
  filled = 0;

  process([[samples = []]]) {
    for (const sample of samples) {
      this.frame[this.filled++] = sample;
      if (this.filled === this.size) {
        this.port.postMessage(this.frame, [this.frame.buffer]);
        this.frame = new Float32Array(this.size);
        this.filled = 0;
      }
    }
    return true;
  }
}

class Playout extends AudioWorkletProcessor {
  // Plays the Float32Arrays it is sent. Any other object is a note: it is posted back when all before it was played,
  // or with `cleared` set when "clear" came first. After a note with `listen` set the first audible sample is told, too.
  queue = [];
  offset = 0; // into the first array
  listening = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => (data === "clear" ? this.clear() : this.queue.push(data));
  }

  clear() {
    const notes = this.queue.splice(0).filter((item) => !(item instanceof Float32Array));
    for (const note of notes) this.port.postMessage({ ...note, cleared: true, at: currentTime });
    this.offset = 0;
    this.listening = false;
  }

  process(_, [[out]]) {
    let filled = 0;
    while (this.queue.length && filled < out.length) {
      const [item] = this.queue;
      if (item instanceof Float32Array) {
        const part = item.subarray(this.offset, this.offset + out.length - filled);
        out.set(part, filled);
        this.listen(part, filled);
        filled += part.length;
        this.offset += part.length;
        if (this.offset < item.length) break;
        this.offset = 0;
      } else {
        this.port.postMessage({ ...item, at: currentTime + filled / sampleRate });
        this.listening ||= item.listen;
      }
      this.queue.shift();
    }
    return true;
  }

  listen(samples, from) {
    if (!this.listening) return;
    const first = samples.findIndex((sample) => Math.abs(sample) > 0.01);
    if (first < 0) return;
    this.listening = false;
    this.port.postMessage({ audible: true, at: currentTime + (from + first) / sampleRate });
  }
}

registerProcessor("capture", Capture);
registerProcessor("playout", Playout);
