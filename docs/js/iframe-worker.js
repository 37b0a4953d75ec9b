// Web workers for pages that are read from a folder: browsers refuse to start one from file://. The script of the worker
// runs in a hidden frame instead, whose messages are passed on. The search of the site asks for it.
"use strict";
if (window.location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = this.onerror = null;
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.document.open();
      inside.document.write("<!doctype html><body></body>");
      inside.document.close();
      inside.postMessage = data => this.deliver(this, data); // what the worker says
      this.imported = Promise.resolve();
      inside.importScripts = (...addresses) => {
        const place = new URL(url, document.baseURI);
        this.imported = addresses.reduce((before, address) => before.then(() => this.load(address, place)), this.imported);
        return this.imported;
      };
      this.inside = inside;
      this.load(url).then(() => this.imported).then(() => { // messages wait for what the worker imports
        const waiting = this.waiting;
        this.waiting = null;
        waiting.forEach(data => this.deliver(inside, data));
      });
    }
    load(address, base = document.baseURI) {
      return new Promise((resolve, reject) => {
        const script = this.inside.document.createElement("script");
        script.src = new URL(address, base);
        script.onload = resolve;
        script.onerror = event => { this.dispatchEvent(new ErrorEvent("error", { message: String(script.src) })); reject(event); };
        this.inside.document.body.append(script);
      });
    }
    deliver(to, data) { // to the listeners, and to what stands in onmessage
      const event = new (to === this ? MessageEvent : this.inside.MessageEvent)("message", { data });
      setTimeout(() => {
        to.dispatchEvent(event);
        if (to === this && typeof this.onmessage === "function") this.onmessage(event);
      });
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.deliver(this.inside, data);
    }
    terminate() { this.frame.remove(); }
  };
}
