// Hearing a live call: what the server mixes, played a little late so that it does not stutter.

import { listenPath, theToken } from "./calls_data.js";
import { connect } from "./line.js";

const RATE = 8000;
const DELAY_S = 0.25; // of what is played behind what has come
const LATEST_S = 1.5; // more than this behind is thrown away

export class Listening {
  record = ""; // of the call that is listened to, "" for none
  #stop = null;

  constructor({ onChange, onTrouble }) {
    Object.assign(this, { onChange, onTrouble });
  }

  async toggle(record) {
    const same = this.record === record;
    this.stop();
    if (same) return;
    this.#set(record);
    let context = null;
    try {
      context = new AudioContext({ sampleRate: RATE }); // in the press itself: later it would stay silent
      await context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
      const socket = await connect(listenPath(record), theToken());
      socket.onclose = null; // from here on its end is no refusal
      if (this.record !== record) return socket.close(), context.close();
      this.#play(record, socket, context);
    } catch (error) {
      context?.close();
      if (this.record === record) this.#set("");
      this.onTrouble(error);
    }
  }

  stop() {
    this.#stop?.();
    this.#stop = null;
    if (this.record) this.#set("");
  }

  #set(record) {
    this.record = record;
    this.onChange(record);
  }

  #play(record, socket, context) {
    const node = new AudioWorkletNode(context, "playout", { numberOfInputs: 0, outputChannelCount: [1] });
    node.connect(context.destination);
    let until = 0; // the context's time at which all that was queued has been played
    socket.onmessage = ({ data }) => {
      const pcm = new Int16Array(data);
      if (until - context.currentTime > LATEST_S) {
        node.port.postMessage("clear");
        until = 0;
      }
      if (until < context.currentTime) {
        node.port.postMessage(new Float32Array(RATE * DELAY_S));
        until = context.currentTime + DELAY_S;
      }
      node.port.postMessage(Float32Array.from(pcm, (sample) => sample / 32768));
      until += pcm.length / RATE;
    };
    socket.onclose = () => {
      context.close();
      if (this.record === record) this.#set("");
    };
    this.#stop = () => socket.close(1000);
  }
}
